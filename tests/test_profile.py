"""Profiling softmax and activation inputs: counts against a plain loop, recipes, Fig. 4."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi.accuracy.concentration import PROFILE_COLUMNS, concentration, drawn_layers, read_profile
from mugi.bf16 import to_bf16
from mugi.claims import judge
from mugi.cli import main
from mugi.files import read_table
from mugi.ledger import load_ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))

import fig04

# --- the command --------------------------------------------------------------------------------


def profile(checkpoint, folder: Path, *options: str) -> int:
    output = ["-o", str(folder / "profile.parquet")]
    return main(["profile", str(checkpoint), "--dtype", "float32", *options, *output])


def test_the_command_writes_the_same_bytes_twice(checkpoint, tmp_path):
    samples = ["--samples", str(tmp_path / "samples.npz")]
    options = ["--length", "8", "--length", "16", "--tokens", "40", *samples]
    written = []
    for _ in range(2):
        assert profile(checkpoint, tmp_path, *options) == 0
        names = ["profile.parquet", "samples.npz"]
        written.append([(tmp_path / name).read_bytes() for name in names])
    assert written[0] == written[1]
    table = read_profile(tmp_path / "profile.parquet")
    assert list(table) == PROFILE_COLUMNS
    assert set(table["model"]) == {"tiny"}
    ordered = table.sort_values(["operation", "layer", "seq_len", "code"], ignore_index=True)
    assert ordered.equals(table)
    assert table["code"].dtype == np.uint16 and table["count"].dtype == np.int64
    total = table.groupby(["operation", "seq_len"])["count"].sum()
    assert total["activation", 8] == 3 * 40 * 48
    assert total["activation", 16] == 3 * 32 * 48  # whole windows
    assert len(np.load(tmp_path / "samples.npz")) == 6


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--length", "1"], "--length 1: must be at least 2 tokens"),
        (["--length", "64", "--tokens", "63"], "--tokens 63: must be at least 64 (the length)"),
        (["--length", "512"], "512 tokens a window: the model's context is 256 tokens"),
        (
            ["--length", "8", "--tokens", "900000"],
            "900000 tokens of text are needed; there are ",
        ),
        (["--recipe", "published", "--samples", "x"], "--samples: only with --recipe lut"),
        (["--threads", "0"], "--threads 0: must be at least 1"),
    ],
)
def test_bad_input_is_one_line(checkpoint, tmp_path, capsys, options, line):
    assert profile(checkpoint, tmp_path, *options) == 2
    found = capsys.readouterr().err.splitlines()[-1]
    assert found.startswith(f"mugi profile: {line}")
    assert not (tmp_path / "profile.parquet").exists()


# --- where the inputs lie -------------------------------------------------------------------------


def counted(values: dict[float, int], **keys) -> pd.DataFrame:
    """Return a profile of one layer with the given values and counts."""
    row = {"model": "m", "operation": "softmax", "function": "exp", "recipe": "lut"}
    row |= {"layer": 0, "layers": 4, "seq_len": 16} | keys
    codes = to_bf16(np.array(list(values)))
    return pd.DataFrame({**row, "code": codes, "count": list(values.values())})[PROFILE_COLUMNS]


def test_concentration_of_known_counts():
    values = {-np.inf: 50, 0.0: 10, -(2.0**-4): 5, -0.125: 20, -16.0: 60, -40.0: 5}
    found = concentration(counted(values)).set_index("layer").loc["all"]
    assert found["inputs"] == 100
    assert found["masked_percent"] == pytest.approx(100 / 3)
    assert found["zero_percent"] == 10
    assert found["window_low_exponent"] == -3 and found["window_percent"] == pytest.approx(800 / 9)
    assert found["within_minus_3_to_4_percent"] == pytest.approx(800 / 9)
    assert found["at_least_minus_3_percent"] == pytest.approx(850 / 9)
    assert found["at_most_4_percent"] == pytest.approx(850 / 9)
    assert found["median"] == -16
    assert found["mean"] == pytest.approx((-5 / 16 - 2.5 - 960 - 200) / 100)


def test_layers_are_put_together():
    layers = [counted({-(2.0**n): 1}, layer=n) for n in range(4)]
    found = concentration(pd.concat(layers)).set_index("layer")
    assert drawn_layers(4) == [0, 1, 3] and drawn_layers(32) == [0, 15, 31]
    assert found.loc[[0, 1, 2, 3, "all", "drawn", "deep"], "inputs"].tolist() == [1] * 4 + [4, 3, 2]
    assert found.loc["deep", "mean"] == -6


def test_only_masked_inputs_have_no_place():
    found = concentration(counted({-np.inf: 3})).iloc[0]
    assert found["inputs"] == 0 and found["masked_percent"] == 100
    assert pd.isna(found["median"])


def test_a_broken_profile_is_one_line(tmp_path, capsys):
    path, output = tmp_path / "p.parquet", ["-o", str(tmp_path / "c.csv")]
    counted({-1.0: 1}).rename(columns={"count": "counts"}).to_parquet(path)
    assert main(["concentration", str(path), *output]) == 2
    assert "missing column 'count' (did you mean 'counts'?)" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:100])
    assert main(["concentration", str(path), *output]) == 2
    assert main(["concentration", str(tmp_path / "none.parquet"), *output]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("`mugi profile` makes it" in line for line in lines)


def test_fig04_draws_what_it_writes(tmp_path):
    inputs = {-np.inf: 8, 0.0: 2, -0.5: 3, -3.0: 5, -30.0: 2}
    parts = [
        counted(inputs, operation=operation, recipe=recipe, seq_len=seq_len)
        for operation in ("activation", "softmax")
        for recipe in ("lut", "published")
        for seq_len in (16, 32)
    ]
    pd.concat(parts).to_parquet(tmp_path / "p.parquet")
    fig04.make([tmp_path / "p.parquet"], tmp_path / "fig04")
    bins = read_table(tmp_path / "fig04.csv")
    assert {path.suffix for path in tmp_path.glob("fig04.*")} == {".csv", ".pdf", ".png"}
    keys = ["operation", "recipe", "seq_len", "axis"]
    total = bins.groupby(keys)["percent"].sum()
    assert total["softmax", "lut", 16, "exponent"] == pytest.approx(100)  # of all but zeros
    assert total["softmax", "published", 16, "exponent"] == pytest.approx(60)  # masked among all
    exponents = (
        bins[bins["axis"] == "exponent"].set_index(["operation", "recipe", "bin_left"]).sort_index()
    )
    lut = exponents["percent"].loc["softmax", "lut"]
    assert (
        lut[-1].tolist() == [30, 30] and lut[1].tolist() == [50, 50] and lut[4].tolist() == [20] * 2
    )
    published = exponents["percent"].loc["softmax", "published"]
    assert published[-1].tolist() == [10, 10] and published[0].tolist() == [15, 15]  # frexp, zeros
    values = bins[(bins["axis"] == "value") & (bins["operation"] == "softmax")]
    assert values["bin_left"].min() == -20 and values["bin_right"].max() == pytest.approx(0)
    peak = values.loc[values["percent"].idxmax()]
    assert -3.5 <= peak["bin_left"] <= -2.5


@pytest.mark.slow
def test_the_claims_hold_on_the_embedded_model(smollm2, tmp_path):
    text = ["--length", "1024", "--tokens", "1024", "--name", "smollm2_135m"]
    path, table = str(tmp_path / "p.parquet"), tmp_path / "concentration.csv"
    assert main(["profile", str(smollm2), *text, "-o", path]) == 0
    assert main(["concentration", path, "-o", str(table)]) == 0
    ledger = {n: claim for n, claim in load_ledger().items() if claim.table == "concentration"}
    results = judge(ledger=ledger, tables={"concentration": read_table(table)})
    assert results["id"].tolist() == ["S3.3-1", "S3.3-2", "S3.4-1"]
    assert (results["verdict"] == results["recorded_verdict"]).all()
