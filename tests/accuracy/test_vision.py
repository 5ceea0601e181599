"""Images: metrics against plain computations, and `mugi accuracy --data` on tiny random models."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import BitImageProcessorPil

from mugi.accuracy import vision
from mugi.cli import main
from mugi.llm.inject import emulated
from tests.accuracy.examples import COARSE, EVERYONE, NATIVE, save, sums, whole
from tests.llm.tiny_models import built

pytestmark = pytest.mark.usefixtures("one_thread")


SMALL = BitImageProcessorPil(
    size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, resample=3
)


def test_digits_alternate_between_classes():
    found = vision.examples_in("digits", False, 30)
    assert [example.label for example in found] == [str(n % 10) for n in range(30)]
    assert len(vision.examples_in("digits", False, None)) == 1797


@torch.inference_mode()
def test_features_against_a_plain_computation():
    model, examples = built("Dinov2"), vision.examples_in("digits", False, 40)
    found = whole(vision.evaluate(model, SMALL, examples, dict.fromkeys(EVERYONE, ())))
    images = [example.frames[0].convert("RGB") for example in examples]
    pixels = SMALL(images, return_tensors="pt")["pixel_values"]
    native = model(pixels).last_hidden_state[:, 0].double()
    with emulated(model, COARSE):
        coarse = model(pixels).last_hidden_state[:, 0].double()
    cosines = torch.nn.functional.cosine_similarity(native, coarse)
    nearest = []
    for features in (native, coarse):
        closeness = [
            [
                -math.inf if i == j else torch.cosine_similarity(one, other, dim=0).item()
                for j, other in enumerate(features)
            ]
            for i, one in enumerate(features)
        ]
        nearest.append([row.index(max(row)) for row in closeness])
    same = np.mean([a == b for a, b in zip(*nearest, strict=True)])
    values = sums(found[COARSE])
    assert values["feature_cosine", "native"] == pytest.approx(cosines.mean().item(), rel=1e-6)
    assert values["neighbour_agreement", "native"] == pytest.approx(same)
    assert sums(found[NATIVE])["feature_cosine", "native"] == pytest.approx(1)
    trained = [n for n in range(40) if n // 10 % 2 == 0]
    labels = np.arange(40) % 10
    scaler = StandardScaler().fit(native)
    probe = LogisticRegression(max_iter=1000).fit(
        scaler.transform(native)[trained], labels[trained]
    )
    for each, features in ((NATIVE, native), (COARSE, coarse)):
        right = probe.predict(scaler.transform(features)) == labels
        rows = pd.DataFrame(found[each]).query("metric == 'linear_probe_accuracy'")
        assert list(rows["total"]) == list(np.delete(right, trained))


def test_interrupted_vision_goes_on_where_it_stopped(tmp_path, monkeypatch):
    source = save(built("Dinov2"), SMALL, tmp_path / "dino")
    arguments = ["accuracy", source, "--data", "digits", "--examples", "20", "--dtype", "float32"]
    fine = "softmax=vlp:lut=8,max_exp=3"
    arguments += [word for each in (COARSE, fine) for word in ("--approx", str(each))]
    kept = [*arguments, "--cells", str(tmp_path / "cells")]
    assert main([*arguments, "-o", str(tmp_path / "plain.csv")]) == 0
    outputs, calls = vision._outputs, []

    def counted(*args):
        calls.append(1)
        if len(calls) == 4 and not (tmp_path / "cells" / "interrupted").exists():
            (tmp_path / "cells" / "interrupted").touch()
            raise KeyboardInterrupt
        return outputs(*args)

    monkeypatch.setattr(vision, "_outputs", counted)
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 130  # in the fourth of four, the last
    assert len(list(tmp_path.glob("cells/*/*.json"))) == 3
    calls.clear()
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert len(calls) == 3  # both references, and the one that was missing
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    calls.clear()
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert not calls


@pytest.mark.parametrize(
    "prepare, arguments, line",
    [
        (
            None,
            ["--data", "no/folder"],
            "--data no/folder: no such folder; allowed: a folder, digit",
        ),
        (
            None,
            ["--data", "digits", "--tasks", "mugi_quotes"],
            "--tasks: is about text; with --data",
        ),
        (None, ["--data", "digits", "--examples", "0"], "--examples 0: must be at least 1"),
        (None, ["--data", "digits", "--examples", "10"], "a linear probe needs 2 classes or more"),
        (None, [], "is of kind features: it needs --data of `mugi accuracy`"),
        ("empty", ["--data", "{}"], "no images; allowed: .bmp, .jpeg, .jpg, .png"),
        ("broken", ["--data", "{}"], "x.png: cannot identify image file"),
    ],
)
def test_wrong_data_is_one_line(prepare, arguments, line, tmp_path, capsys):
    source = save(built("Dinov2"), SMALL, tmp_path / "dino")
    if prepare:
        (tmp_path / "data").mkdir()
    if prepare == "broken":
        (tmp_path / "data" / "x.png").write_text("no image")
    arguments = [text.format(tmp_path / "data") for text in arguments]
    output = tmp_path / "out.csv"
    assert main(["accuracy", source, *arguments, "-o", str(output)]) == 2
    errors = [e for e in capsys.readouterr().err.splitlines() if e.startswith("mugi accuracy:")]
    assert len(errors) == 1
    assert line in errors[0]
    assert not output.exists()


def test_a_family_without_metrics_is_one_line(tmp_path, capsys):
    built("Bert").save_pretrained(tmp_path / "bert")
    output = tmp_path / "out.csv"
    assert main(["accuracy", str(tmp_path / "bert"), "-o", str(output)]) == 2
    assert "BertForMaskedLM cannot be evaluated; allowed: causal" in capsys.readouterr().err
    assert not output.exists()
