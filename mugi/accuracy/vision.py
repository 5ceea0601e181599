"""Vision transformers with and without approximations, image by image or clip by clip.

Classifiers (ViT, Swin V2, ViViT, …) are compared by their logits: KL divergence and agreement, and
where the labels are known accuracy and cross-entropy. Backbones (DINOv2) by their features: cosine
similarity, whether the nearest other image is the same one, and where there are labels a linear
probe, trained on the native model's features of every other image and tested on the rest.
Sums are float64.
"""

import struct
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from transformers import PreTrainedModel

from mugi.accuracy.finite import check_finite, stopped
from mugi.accuracy.predictions import compared
from mugi.errors import InputError, check_file, first_line, raise_all, unknown
from mugi.llm.embedded import DIGITS
from mugi.llm.video import SUFFIXES as VIDEO_SUFFIXES
from mugi.llm.video import Video
from mugi.methods import NATIVE, Approximation

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
_FORMATS = ("PNG", "JPEG", "BMP")  # by content: a file's name may lie, and others run programs
MOST_PIXELS = 50_000_000  # of an image or a frame
MOST_TIMES_AS_WIDE = 50  # as high, or the other way round: the shorter side is brought to size
_GPU_BATCH = 8  # on a CPU one at a time: no digit may depend on what is beside it


class Example(NamedTuple):
    """An image, or the frames of a video, and its class if known."""

    name: str
    frames: Sequence[Image.Image | Path] | Video
    label: str | None


def examples_in(source: str, video: bool, limit: int | None) -> list[Example]:
    """Return the first examples of a folder, or of `digits`, evenly from every class.

    Images lie in the folder itself, or in one folder a class; videos are files, or folders of
    frames, in a folder a class. Raises InputError if there are none.
    """
    examples = _digits() if source == DIGITS else _in_classes(Path(source), video)
    if not examples:
        what = "videos (CLASS/CLIP.mp4 or CLASS/CLIP/frame.png)" if video else "images"
        allowed = sorted(_SUFFIXES | VIDEO_SUFFIXES if video else _SUFFIXES)
        raise InputError(f"{source}: no {what}; allowed: {', '.join(allowed)}")
    turns = _places([example.label for example in examples])
    classes = pd.factorize(np.array([example.label for example in examples], dtype=object))[0]
    return [examples[n] for n in np.lexsort((classes, turns))][:limit]


def _places(labels: Sequence[str | None]) -> np.ndarray:
    """Return the place of each example among those of its class, from 0."""
    labels = pd.Series(labels, dtype=object)
    return labels.groupby(labels, dropna=False).cumcount().to_numpy()


def _digits() -> list[Example]:
    data = load_digits()
    images = (np.round(data.images * (255 / 16))).astype(np.uint8)
    return [
        Example(f"{index:04}", [Image.fromarray(image)], str(label))
        for index, (image, label) in enumerate(zip(images, data.target, strict=True))
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _in_classes(folder: Path, video: bool) -> list[Example]:
    """Return the images below a folder, those without a class first, or the videos."""
    examples = [] if video else [Example(path.name, [path], None) for path in _files(folder)]
    for group in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(group.iterdir()) if video else _files(group):
            if not video:
                frames = [path]
            elif path.is_dir():
                frames = _files(path)
            else:
                frames = Video(path) if path.suffix.lower() in VIDEO_SUFFIXES else []
            if isinstance(frames, Video) or frames:
                examples.append(Example(f"{group.name}/{path.name}", frames, group.name))
    return examples


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    processor,
    examples: list[Example],
    wanted: Mapping[Approximation, Collection[str]],
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield approximation, `whole` and one row an example and metric: document, metric, reference,
    total and weight, see `mugi.accuracy.metrics`.

    There is one part, as neighbours and probe need the features of all examples. Raises InputError
    for numbers that are not finite.
    """
    _check_lengths(model, examples)
    if is_classifier(model):
        score = partial(_classifier_scores, class_numbers(model, examples))
    else:
        score = partial(
            _backbone_scores, [example.label for example in examples], _trained(examples)
        )

    def run(*_) -> list[np.ndarray]:
        return [_outputs(model, processor, examples)]

    def rows(outputs: np.ndarray, others: Mapping[str, np.ndarray]) -> Iterator[dict]:
        for metric, name, values in score(outputs, others):
            for example, value in zip(examples, values, strict=True):
                if value is not None:
                    check_finite(value, metric, example.name)
                    place = {"document": example.name, "metric": metric, "reference": name}
                    yield place | {"total": float(value), "weight": 1}

    parts = compared(model, wanted, ["whole"], run, held=1, place=lambda _: "")
    for own, part, outputs, others in parts:
        with stopped(model, own):
            found = list(rows(outputs, others))
        yield own, part, found


def is_classifier(model: PreTrainedModel) -> bool:
    """Return whether the model gives logits of classes, not features."""
    return type(model).__name__.endswith("Classification")


def _outputs(model: PreTrainedModel, processor, examples: list[Example]) -> np.ndarray:
    """Return logits, or features of the class token, (examples, classes or width), in float64."""
    outputs, size = [], 1 if model.device.type == "cpu" else _GPU_BATCH
    for start in range(0, len(examples), size):
        here = examples[start : start + size]
        pixels = [_pixels(model, processor, example) for example in here]
        result = model(pixel_values=torch.cat(pixels).to(model.device, model.dtype))
        values = result.logits if is_classifier(model) else result.last_hidden_state[:, 0]
        for example, value in zip(here, values, strict=True):
            check_finite(value, "outputs", example.name)
        outputs.append(values.double().cpu().numpy())
    return np.concatenate(outputs)


def _frames_of(model: PreTrainedModel) -> int:
    return getattr(model.config, "num_frames", 1)


def _check_lengths(model: PreTrainedModel, examples: list[Example]) -> None:
    """Raise InputError, one line per mistake, for videos that are too short or cannot be read."""
    needed, mistakes = _frames_of(model), []
    for example in examples:
        try:
            frames = len(example.frames)
        except InputError as error:
            mistakes += error.mistakes
            continue
        if frames < needed:
            mistakes.append(f"{example.name}: {frames} frames; needed: {needed}")
    raise_all(mistakes)


def _pixels(model: PreTrainedModel, processor, example: Example) -> torch.Tensor:
    """Return what the model takes, (1, channels, height, width), or with frames after the 1."""
    frames = example.frames
    chosen = np.linspace(0, len(frames) - 1, _frames_of(model)).round().astype(int)
    try:
        images = (
            frames.at(chosen) if isinstance(frames, Video) else [_image(frames[n]) for n in chosen]
        )
    except _DAMAGED as error:
        raise InputError(f"{example.name}: {first_line(error)}") from None
    return processor(images, return_tensors="pt")["pixel_values"]


_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for an image that is damaged."""


def _image(frame: Image.Image | Path) -> Image.Image:
    """Return an image in RGB; raises ValueError for one that would not fit into memory."""
    if isinstance(frame, Image.Image):
        return frame.convert("RGB")
    check_file(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused right here
        image = Image.open(frame, formats=_FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels; allowed: up to {MOST_PIXELS:,}")
    if max(width, height) > MOST_TIMES_AS_WIDE * min(width, height):
        raise ValueError(
            f"{width} x {height} pixels; allowed: sides up to 1 to {MOST_TIMES_AS_WIDE}"
        )
    return image.convert("RGB")


Scores = Iterable[tuple[str, str, Iterable[float | None]]]
"""Metric, reference and one value an example; None leaves it out."""


def class_numbers(model: PreTrainedModel, examples: list[Example]) -> np.ndarray | None:
    """Return the model's number of each example's class, or None without classes.

    Folders are named by the model's label or its number. Raises InputError for any other name.
    """
    if any(example.label is None for example in examples):
        return None
    known = {str(number): number for number in model.config.id2label}
    known |= {label: int(number) for label, number in model.config.label2id.items()}
    wrong = sorted({example.label for example in examples} - known.keys())
    if wrong:
        raise InputError(unknown("class of this model", wrong[0], known))
    return np.array([known[example.label] for example in examples])


def _classifier_scores(
    classes: np.ndarray | None, logits: np.ndarray, others: Mapping[str, np.ndarray]
) -> Scores:
    logs = log_softmax(logits, axis=1)
    if classes is not None:
        yield "accuracy", "", logs.argmax(axis=1) == classes
        yield "cross_entropy_nats", "", -logs[np.arange(len(logs)), classes]
    for name, other in others.items():
        reference = log_softmax(other, axis=1)
        yield "kl_divergence_nats", name, (np.exp(reference) * (reference - logs)).sum(axis=1)
        yield "top1_agreement", name, logs.argmax(axis=1) == other.argmax(axis=1)


def _backbone_scores(
    labels: list[str | None],
    trained: np.ndarray | None,
    features: np.ndarray,
    others: Mapping[str, np.ndarray],
) -> Scores:
    here = _directions(features)
    for name, other in others.items():
        there = _directions(other)
        yield "feature_cosine", name, (here * there).sum(axis=1)
        yield "neighbour_agreement", name, _nearest(here) == _nearest(there)
    if trained is not None:
        labels, native = np.array(labels), others[NATIVE]
        mean, spread = native.mean(axis=0), native.std(axis=0) + 1e-12
        probe = LogisticRegression(max_iter=1000)
        probe.fit(((native - mean) / spread)[trained], labels[trained])
        right = probe.predict((features - mean) / spread) == labels
        tested = [None if own else hit for own, hit in zip(trained, right, strict=True)]
        yield "linear_probe_accuracy", "", tested


def _trained(examples: list[Example]) -> np.ndarray | None:
    """Return which examples train the probe: every other one of each class, from the first."""
    labels = [example.label for example in examples]
    if None in labels:
        return None
    counts = Counter(labels)
    if len(counts) < 2 or min(counts.values()) < 2:
        raise InputError("a linear probe needs 2 classes or more, and 2 examples or more of each")
    return _places(labels) % 2 == 0


def _directions(features: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # features of length 0 have none, which is said later
        return features / np.linalg.norm(features, axis=1, keepdims=True)


def _nearest(directions: np.ndarray) -> np.ndarray:
    """Return the index of the most similar other example of each."""
    similarity = directions @ directions.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(axis=1)
