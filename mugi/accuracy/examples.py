"""Models of speech and vision on a folder of clips or images."""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from transformers import PreTrainedModel

from mugi.accuracy import speech, vision
from mugi.accuracy.cells import digest
from mugi.errors import InputError, Mistake
from mugi.files import sha256_of
from mugi.llm.embedded import DIGITS
from mugi.llm.families import kind_of
from mugi.methods import Approximation

KINDS = ("speech", "image", "video", "features")


def data_digest(source: str) -> str:
    """Return a digest of all files below a folder; of scikit-learn's digits their name.

    Raises InputError if there is no such folder.
    """
    if source == DIGITS:
        return digest(source)
    if not os.path.isdir(source):
        raise InputError(Mistake(f"no such folder; allowed: a folder, {DIGITS}", f"data {source}"))
    files = sorted(path for path in Path(source).rglob("*") if path.is_file())
    return digest("\n".join(f"{sha256_of(path)}  {path.relative_to(source)}" for path in files))


def parts_of(source: str, limit: int | None) -> list[str]:
    """Return what is kept one by one: the first clips by number; images are one whole."""
    clips = sorted(Path(source).glob("*.wav"))[:limit]
    return [str(number) for number in range(len(clips))] or ["whole"]


def evaluate(
    model: PreTrainedModel,
    processor,
    source: str,
    limit: int | None,
    wanted: Mapping[Approximation, Collection[str]],
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield the sums of every example, see `speech.evaluate` and `vision.evaluate`."""
    kind = kind_of(model.config)
    if kind == "speech":
        sound = processor.feature_extractor
        clips = speech.clips_in(Path(source), sound.sampling_rate, sound.chunk_length, limit)
        return speech.evaluate(model, processor, clips, wanted)
    images = vision.examples_in(source, kind == "video", limit)
    return vision.evaluate(model, processor, images, wanted)
