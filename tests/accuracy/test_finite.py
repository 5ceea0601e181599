"""NaN and infinities: every measurement stops with one line, and keeps what is finished."""

import numpy as np
import pandas as pd
import pytest
import torch

from mugi.accuracy import speech, vision
from mugi.accuracy.intervals import describe
from mugi.accuracy.metrics import METRICS, over_documents, token_metric
from mugi.analysis.search import surface
from mugi.analysis.select import selected
from mugi.bf16 import to_bf16
from mugi.cli import main
from mugi.errors import InputError
from mugi.methods import parse
from tests.accuracy.approximations import NATIVE
from tests.accuracy.command import accuracy, tune_tiny
from tests.accuracy.test_speech import recordings, whisper  # noqa: F401
from tests.accuracy.test_vision import SMALL
from tests.llm.tiny_models import built

pytestmark = pytest.mark.usefixtures("one_thread")
WEIGHT = "model.layers.0.mlp.up_proj.weight"


def spoil(model, value: float) -> None:
    with torch.no_grad():
        model.get_parameter(WEIGHT)[0, 0] = value


@pytest.fixture
def broken(tiny_llama, byte_tokenizer, tmp_path):
    """The tiny checkpoint with one weight that is not a number."""
    spoil(tiny_llama, float("nan"))
    for part in (tiny_llama, byte_tokenizer):
        part.save_pretrained(tmp_path / "nan")
    return tmp_path / "nan"


@pytest.fixture
def large(tiny_llama, byte_tokenizer, tmp_path):
    """The tiny checkpoint with weights that only float16 cannot hold the products of."""
    with torch.no_grad():
        for layer in tiny_llama.model.layers:
            layer.mlp.up_proj.weight.mul_(1e3)
            layer.mlp.down_proj.weight.mul_(1e4)
    for part in (tiny_llama, byte_tokenizer):
        part.save_pretrained(tmp_path / "large")
    return tmp_path / "large"


def said(capsys) -> str:
    """The one line of an error."""
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("mugi ")]
    return line


@pytest.mark.parametrize(
    "arguments, place",
    [
        ([], "window 1 of 3"),
        (["--windows", "0", "--tasks", "mugi_mmlu_dev=1"], "task mugi_mmlu_dev, document 0"),
        (["--windows", "0", "--tasks", "mugi_prose=1"], "task mugi_prose, document 0"),
    ],
)
def test_a_broken_weight_stops_windows_and_tasks(broken, tmp_path, capsys, arguments, place):
    output = tmp_path / "accuracy.csv"
    assert accuracy(broken, output, *arguments) == 2
    expected = f"mugi accuracy: {broken}, native, {place}: non-finite logits, dtype float32; "
    expected += f"try bfloat16 or float32; the checkpoint's {WEIGHT} is itself not finite"
    assert said(capsys) == expected
    assert not output.exists()


def test_what_float16_cannot_hold_is_said_and_bfloat16_can(large, tmp_path, capsys):
    output = tmp_path / "accuracy.csv"
    assert accuracy(large, output, "--dtype", "float16") == 2
    line = said(capsys)
    assert "non-finite logits, dtype float16; try bfloat16 or float32" in line
    assert "itself" not in line
    for dtype in ("bfloat16", "float32"):
        assert accuracy(large, output, "--dtype", dtype) == 0
        values = pd.read_csv(output).set_index("metric")["value"]
        assert 1 < values["token_perplexity"] < 1e6


def test_finished_cells_are_kept(checkpoint, tmp_path, capsys, monkeypatch):
    """A metric that is NaN in the third window: the two before are there, and read by the next."""
    monkeypatch.setattr("mugi.accuracy.metrics.METRICS", dict(METRICS))
    windows = []

    @token_metric("nats")
    def fragile_nats(here):
        """NaN in the third window."""
        windows.append(here)
        return here.log_loss / (len(windows) != 3)

    arguments = ["--approx", "native", "--cells", str(tmp_path / "cells")]
    assert accuracy(checkpoint, tmp_path / "accuracy.csv", *arguments) == 2
    assert "native, window 3 of 3: non-finite fragile_nats" in said(capsys)
    assert accuracy(checkpoint, tmp_path / "accuracy.csv", *arguments) == 0
    assert len(windows) == 4


def test_tuning_profiling_and_the_datapath_stop(broken, tmp_path, capsys):
    assert tune_tiny(broken, tmp_path) == 2
    assert "native, window 1 of tuning: non-finite hidden states, dtype float32; try" in said(
        capsys
    )
    output = str(tmp_path / "profile.parquet")
    sizes = ["--length", "8", "--tokens", "16"]
    assert main(["profile", str(broken), *sizes, "-o", output]) == 2
    assert "native: non-finite logits, dtype float32; try" in said(capsys)
    assert main(["datapath", str(broken), "--woq", "int4:group=16", "-o", output]) == 2
    assert "block 0, mlp.up_proj: non-finite weights, dtype float32" in said(capsys)


def test_speech_and_vision_stop(whisper, recordings):  # noqa: F811
    model, processor = whisper
    clips = speech.clips_in(recordings, 16000, 1.0, None)
    weight = model.model.decoder.layers[0].fc1.weight
    kept = weight[0, 0].item()
    try:
        weight.data[0, 0] = float("inf")
        with pytest.raises(InputError, match="native, clip a: non-finite logits, dtype float32"):
            list(speech.evaluate(model, processor, clips, {NATIVE: ()}))
    finally:
        weight.data[0, 0] = kept
    dino, examples = built("Dinov2"), vision.examples_in("digits", False, 40)
    dino.encoder.layer[0].mlp.fc1.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match="native, 0000: non-finite outputs, dtype float32"):
        list(vision.evaluate(dino, SMALL, examples, {NATIVE: ()}))


def test_features_without_a_direction_are_not_left_out():
    dino, examples = built("Dinov2"), vision.examples_in("digits", False, 40)
    dino.layernorm.weight.data.zero_()
    dino.layernorm.bias.data.zero_()
    with pytest.raises(InputError, match="non-finite feature_cosine"):
        list(vision.evaluate(dino, SMALL, examples, {NATIVE: ()}))


# --- sums and choices of tables -----------------------------------------------------------------


def test_sums_over_documents_do_not_skip():
    rows = [
        {"document": 0, "metric": "acc", "reference": "", "total": total, "weight": 1}
        for total in (1.0, float("nan"))
    ]
    (row,) = describe(over_documents(rows), {})
    assert np.isnan(row["value"])


@pytest.mark.parametrize("hole", ["", "nan"])
def test_a_sweep_with_a_hole_selects_nothing(hole, tmp_path):
    rows = [
        {"model": "m", "softmax": method, "activation": "native", "value": value}
        for method, value in [("vlp:lut=8,max_exp=0", hole), ("vlp:lut=8,max_exp=1", 0.5)]
    ]
    table = pd.DataFrame(rows).assign(metric="kl_divergence_nats", reference="exact")
    table.to_csv(tmp_path / "sweep.csv", index=False)
    with pytest.raises(InputError, match=r"sweep\.csv: .* is not a number"):
        selected(tmp_path / "sweep.csv", "exp")


def test_a_search_whose_error_is_not_a_number_says_of_what(monkeypatch):
    from mugi.analysis import search
    from mugi.analysis.distribution import drawn

    inputs = drawn("silu=normal:mean=0,std=1", groups=2)
    monkeypatch.setattr(search, "absolute_errors", lambda *_: np.full(3, np.nan))
    monkeypatch.setattr(search, "_mean_by_code", lambda *_: np.nan)
    monkeypatch.setattr(search.np, "average", lambda *_, **__: np.nan)
    with pytest.raises(InputError, match="mean_absolute_error of partial is not a number"):
        surface([inputs], [parse("partial", "silu")])


def test_a_profile_with_nan_is_refused(tmp_path):
    from mugi.accuracy.concentration import PROFILE_COLUMNS, read_profile

    row = dict.fromkeys(PROFILE_COLUMNS, 0) | {"operation": "softmax", "function": "exp"}
    table = pd.DataFrame([row, row]).assign(code=to_bf16(np.array([1.0, -np.inf])))
    path = tmp_path / "profile.parquet"
    table.to_parquet(path)
    assert len(read_profile(path)) == 2  # a masked score is -inf
    table.assign(code=to_bf16(np.array([1.0, np.nan]))).to_parquet(path)
    with pytest.raises(InputError, match="non-finite inputs of softmax in layer 0"):
        read_profile(path)
    table.assign(operation="activation").to_parquet(path)
    with pytest.raises(InputError, match="non-finite inputs of activation in layer 0"):
        read_profile(path)
