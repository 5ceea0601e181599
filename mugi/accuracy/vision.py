"""Vision transformers with and without approximations, image by image or clip by clip.

Classifiers (ViT, Swin V2, ViViT, …) are compared by their logits: KL divergence and agreement, and
where the labels are known accuracy and cross-entropy. Backbones (DINOv2) by their features: cosine
similarity, whether the nearest other image is the same one, and where there are labels a linear
probe, trained on the native model's features of every other image and tested on the rest.
Sums are float64.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from transformers import PreTrainedModel

from mugi.errors import InputError, raise_all, unknown
from mugi.llm.embedded import DIGITS
from mugi.llm.inject import emulated
from mugi.llm.video import SUFFIXES as VIDEO_SUFFIXES
from mugi.llm.video import Video
from mugi.methods import NATIVE, Approximation
from mugi.methods.references import references_of

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
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
    if source == DIGITS:
        examples = _digits()
    elif not Path(source).is_dir():
        raise InputError(f"no folder '{source}'; allowed: a folder of images, {DIGITS}")
    else:
        examples = _videos(Path(source)) if video else _images(Path(source))
    if not examples:
        what = "videos (CLASS/CLIP.mp4 or CLASS/CLIP/frame.png)" if video else "images"
        allowed = sorted(_SUFFIXES | VIDEO_SUFFIXES if video else _SUFFIXES)
        raise InputError(f"{source}: no {what}; allowed: {', '.join(allowed)}")
    by_class: dict[str | None, list[Example]] = {}
    for example in examples:
        by_class.setdefault(example.label, []).append(example)
    order = {id(e): (n, i) for i, own in enumerate(by_class.values()) for n, e in enumerate(own)}
    return sorted(examples, key=lambda example: order[id(example)])[:limit]


def _digits() -> list[Example]:
    data = load_digits()
    images = (np.round(data.images * (255 / 16))).astype(np.uint8)
    return [
        Example(f"{index:04}", [Image.fromarray(image)], str(label))
        for index, (image, label) in enumerate(zip(images, data.target, strict=True))
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _images(folder: Path) -> list[Example]:
    images = [Example(path.name, [path], None) for path in _files(folder)]
    for group in _folders(folder):
        images += [Example(f"{group.name}/{p.name}", [p], group.name) for p in _files(group)]
    return images


def _videos(folder: Path) -> list[Example]:
    videos = []
    for group in _folders(folder):
        for clip in sorted(group.iterdir()):
            name = f"{group.name}/{clip.name}"
            if clip.is_dir() and (frames := _files(clip)):
                videos.append(Example(name, frames, group.name))
            elif clip.is_file() and clip.suffix.lower() in VIDEO_SUFFIXES:
                videos.append(Example(name, Video(clip), group.name))
    return videos


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    processor,
    examples: list[Example],
    wanted: Iterable[Approximation],
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield approximation, part and one row an example and metric: document, metric, reference,
    total and weight, see `mugi.accuracy.metrics`.

    There is one part, `1 of 1`: neighbours and probe need the features of all examples.
    """
    _check_lengths(model, examples)
    references = [r for own in wanted for r in references_of(own).values()]
    if is_classifier(model):
        score = _classifier_score(class_numbers(model, examples))
    else:
        score = _backbone_score(examples)
    kept = {}
    for approximation in dict.fromkeys([Approximation(), *references, *wanted]):
        with emulated(model, approximation):
            outputs = _outputs(model, processor, examples)
        if approximation in references:
            kept[approximation] = outputs
        if approximation in wanted:
            names = references_of(approximation).items()
            others = {name: kept[reference] for name, reference in names}
            yield approximation, "1 of 1", [
                {"document": example.name, "metric": metric, "reference": name,
                 "total": float(value), "weight": 1}
                for metric, name, values in score(outputs, others)
                for example, value in zip(examples, values, strict=True)
                if not np.isnan(value)
            ]  # fmt: skip


def is_classifier(model: PreTrainedModel) -> bool:
    """Return whether the model gives logits of classes, not features."""
    return type(model).__name__.endswith("Classification")


def _outputs(model: PreTrainedModel, processor, examples: list[Example]) -> np.ndarray:
    """Return logits, or features of the class token, (examples, classes or width), in float64."""
    outputs, size = [], 1 if model.device.type == "cpu" else _GPU_BATCH
    for start in range(0, len(examples), size):
        pixels = [_pixels(model, processor, e) for e in examples[start : start + size]]
        result = model(pixel_values=torch.cat(pixels).to(model.device, model.dtype))
        values = result.logits if is_classifier(model) else result.last_hidden_state[:, 0]
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
    except OSError as error:
        raise InputError(f"{example.name}: {error}") from None
    return processor(images, return_tensors="pt")["pixel_values"]


def _image(frame: Image.Image | Path) -> Image.Image:
    return (frame if isinstance(frame, Image.Image) else Image.open(frame)).convert("RGB")


Scores = Iterable[tuple[str, str, np.ndarray]]
"""Metric, reference and one value an example; NaN leaves it out."""


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


def _classifier_score(classes: np.ndarray | None) -> Callable[..., Scores]:
    def score(logits: np.ndarray, others: Mapping[str, np.ndarray]) -> Scores:
        logs = log_softmax(logits, axis=1)
        if classes is not None:
            yield "accuracy", "", logs.argmax(axis=1) == classes
            yield "cross_entropy_nats", "", -logs[np.arange(len(logs)), classes]
        for name, other in others.items():
            reference = log_softmax(other, axis=1)
            yield "kl_divergence_nats", name, (np.exp(reference) * (reference - logs)).sum(axis=1)
            yield "top1_agreement", name, logs.argmax(axis=1) == other.argmax(axis=1)

    return score


def _backbone_score(examples: list[Example]) -> Callable[..., Scores]:
    trained = _trained(examples)

    def score(features: np.ndarray, others: Mapping[str, np.ndarray]) -> Scores:
        here = _directions(features)
        for name, other in others.items():
            there = _directions(other)
            yield "feature_cosine", name, (here * there).sum(axis=1)
            yield "neighbour_agreement", name, _nearest(here) == _nearest(there)
        if trained is not None:
            labels = np.array([example.label for example in examples])
            scale = others[NATIVE].mean(axis=0), others[NATIVE].std(axis=0) + 1e-12
            native, own = ((f - scale[0]) / scale[1] for f in (others[NATIVE], features))
            probe = LogisticRegression(max_iter=1000).fit(native[trained], labels[trained])
            right = (probe.predict(own) == labels).astype(float)
            yield "linear_probe_accuracy", "", np.where(trained, np.nan, right)

    return score


def _trained(examples: list[Example]) -> np.ndarray | None:
    """Return which examples train the probe: every other one of each class, from the first."""
    counts: dict[str | None, int] = {}
    trained = []
    for example in examples:
        counts[example.label] = counts.get(example.label, 0) + 1
        trained.append(counts[example.label] % 2 == 1)
    if None in counts:
        return None
    if len(counts) < 2 or min(counts.values()) < 2:
        raise InputError("a linear probe needs 2 classes or more, and 2 examples or more of each")
    return np.array(trained)


def _directions(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def _nearest(directions: np.ndarray) -> np.ndarray:
    """Return the index of the most similar other example of each."""
    similarity = directions @ directions.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(axis=1)
