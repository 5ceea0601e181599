"""Speech recognition (Whisper) with and without approximations, clip by clip.

Each clip is scored twice: the transcript is fed to the decoder and its tokens are scored (token
perplexity, KL divergence, agreement; after Whisper's own prompt, which is not scored and stands
there once), and the clip is transcribed greedily (word error rate, both texts normalised as
Whisper's authors do). Log-likelihoods are float32, sums float64.
"""

import struct
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from nltk.metrics.distance import edit_distance
from scipy.io import wavfile
from scipy.signal import resample_poly
from transformers import PreTrainedModel, WhisperProcessor
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from mugi.accuracy.finite import logits_checked, placed, stopped
from mugi.accuracy.metrics import token_sums
from mugi.accuracy.predictions import Predictions, compared, predictions_of
from mugi.errors import InputError, check_file, first_line, raise_all
from mugi.methods import Approximation

RATES_HZ = (1000, 768_000)  # of recordings, from the least to the most
LARGEST_WAV = 200_000_000  # bytes
_DAMAGED = (ValueError, EOFError, struct.error, ArithmeticError, LookupError, MemoryError)
_DAMAGED += (NameError,)
"""What scipy raises for a damaged WAV file; NameError where a chunk is missing."""
_CLIPS = 64  # whose predictions under the references are held at a time


class Clip(NamedTuple):
    """A recording, mono at the model's rate, and what is said."""

    name: str
    samples: np.ndarray
    transcript: str


def clips_in(folder: Path, rate: int, seconds: float, limit: int | None) -> list[Clip]:
    """Return the first clips of `folder` by name: each NAME.wav has its transcript in NAME.txt.

    Raises InputError, one line per mistake, for clips without one or longer than `seconds`.
    """
    files = sorted(folder.glob("*.wav"))[:limit]
    if not files:
        raise InputError(f"{folder}: no .wav files")
    clips, mistakes = [], []
    for file in files:
        try:
            clips.append(_clip(file, rate, seconds))
        except InputError as error:
            mistakes += error.mistakes
    raise_all(mistakes)
    return clips


def _clip(file: Path, rate: int, seconds: float) -> Clip:
    own_rate, samples = _recording(file)
    try:
        check_file(file.with_suffix(".txt"))
        transcript = file.with_suffix(".txt").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{file.with_suffix('.txt')}: {reason}") from None
    if not transcript:
        raise InputError(f"{file.with_suffix('.txt')}: empty transcript")
    if len(samples) > seconds * own_rate:
        raise InputError(f"{file}: longer than {seconds:g} seconds")
    if samples.dtype.kind == "u":
        samples = (samples.astype(np.int16) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    return Clip(file.stem, resample_poly(mono, rate, own_rate).astype(np.float32), transcript)


def _recording(file: Path) -> tuple[int, np.ndarray]:
    """Return the rate and the samples of a WAV file; raises InputError if it is damaged."""
    if not file.is_file() or file.stat().st_size > LARGEST_WAV:
        raise InputError(f"{file}: not a file of up to {LARGEST_WAV:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that are no sound
            rate, samples = wavfile.read(file)
    except _DAMAGED as error:
        raise InputError(f"{file}: a damaged WAV file: {first_line(error)}") from None
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise InputError(
            f"{file}: {rate} samples a second; allowed: {RATES_HZ[0]} to {RATES_HZ[1]}"
        )
    return rate, samples


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    processor: WhisperProcessor,
    clips: list[Clip],
    wanted: Mapping[Approximation, Collection[str]],
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield approximation, number of the clip, and rows of document, metric, reference, total and
    weight, see `mugi.accuracy.metrics`.

    `wanted` names the clips that each approximation has already. Raises InputError, one line per
    mistake, for transcripts without words or too long for the model, and for numbers that are not
    finite.
    """
    if _multilingual(model):
        processor.tokenizer.set_prefix_tokens(language="en", task="transcribe")
    _check(model, processor, clips)

    def hear(numbers: Sequence[str], _) -> Iterator[tuple[Predictions, str]]:
        return (_run(model, processor, clips[int(number)]) for number in numbers)

    def place(part: str) -> str:
        return f"clip {clips[int(part)].name}"

    parts = [str(number) for number in range(len(clips))]
    for own, part, (here, text), others in compared(model, wanted, parts, hear, _CLIPS, place):
        references = {name: predicted for name, (predicted, _) in others.items()}
        with stopped(model, own), placed(place(part)):
            rows = _score(processor, clips[int(part)], here, text, references)
        yield own, part, rows


def _check(model: PreTrainedModel, processor, clips: list[Clip]) -> None:
    most, mistakes = model.config.max_target_positions, []
    for clip in clips:
        tokens = sum(map(len, _tokens(processor, clip)))
        if tokens > most:
            mistakes.append(f"{clip.name}: transcript of {tokens} tokens; the model takes {most}")
        if not _words(processor, clip.transcript):
            mistakes.append(f"{clip.name}: no words in the transcript '{clip.transcript}'")
    raise_all(mistakes)


def _words(processor, text: str) -> list[str]:
    """Return the words of a text as Whisper's authors normalise it."""
    return EnglishTextNormalizer(processor.tokenizer.english_spelling_normalizer or {})(
        text
    ).split()


def _run(model: PreTrainedModel, processor, clip: Clip) -> tuple[Predictions, str]:
    """Return what the model predicts of the transcript's tokens, and what it hears."""
    prompt, scored = _tokens(processor, clip)
    rate = processor.feature_extractor.sampling_rate
    sound = processor.feature_extractor(clip.samples, sampling_rate=rate, return_tensors="pt")
    sound = sound.input_features.to(model.device, model.dtype)
    encoded = model.model.encoder(sound)
    before = torch.tensor([[*prompt, *scored[:-1]]], device=model.device)
    logits = model(encoder_outputs=encoded, decoder_input_ids=before, use_cache=False).logits
    predicted = predictions_of(logits[0, len(prompt) - 1 :], torch.tensor(scored))
    language = {"language": "en", "task": "transcribe"} if _multilingual(model) else {}
    with logits_checked(model):
        heard = model.generate(encoder_outputs=encoded, do_sample=False, num_beams=1, **language)
    return predicted, processor.tokenizer.decode(heard[0], skip_special_tokens=True)


def _multilingual(model: PreTrainedModel) -> bool:
    return bool(getattr(model.generation_config, "is_multilingual", False))


def _tokens(processor, clip: Clip) -> tuple[list[int], list[int]]:
    """Return Whisper's prompt, and the tokens of the transcript up to the end."""
    tokenizer = processor.tokenizer
    prompt = tokenizer.prefix_tokens
    tokens = tokenizer(f" {clip.transcript}").input_ids
    return prompt, tokens[len(prompt) :]


def _score(
    processor,
    clip: Clip,
    predicted: Predictions,
    text: str,
    references: Mapping[str, Predictions],
) -> list[dict]:
    """Return the sums of one clip; all of its tokens are scored."""
    only = np.zeros(len(predicted.log_loss), dtype=int)
    rows = token_sums(predicted, references, only, first=1, kl_context=0)
    words, heard = _words(processor, clip.transcript), _words(processor, text)
    errors = {"metric": "word_error_rate", "reference": ""}
    errors |= {"total": edit_distance(words, heard), "weight": len(words)}
    return [row | {"document": clip.name} for row in [*rows, errors]]
