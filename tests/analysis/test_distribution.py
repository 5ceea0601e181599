"""Inputs that are drawn, scaled and read back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi.analysis.distribution import captured, drawn
from mugi.bf16 import from_bf16
from mugi.cli import main
from tests.analysis.inputs import activation_inputs, scores, softmax_inputs, write


@pytest.mark.parametrize("exponent", [-4, 1, 4])
def test_scaled_inputs_are_multiplied_exactly(exponent):
    inputs = activation_inputs()
    scaled = inputs.scaled(exponent)
    assert (from_bf16(scaled.codes) == from_bf16(inputs.codes) * 2.0**exponent).all()
    assert (scaled.counts == np.bincount(scaled.codes.ravel(), minlength=1 << 16)).all()


def test_drawn_inputs_have_their_distribution():
    values = from_bf16(drawn("silu=normal:mean=1,std=2").codes)
    assert values.mean() == pytest.approx(1, abs=0.05)
    assert values.std() == pytest.approx(2, rel=0.02)
    uniform = from_bf16(drawn("gelu=uniform:low=-3,high=1", groups=1000).codes)
    assert uniform.min() >= -3
    assert uniform.max() <= 1
    exp = drawn("exp=normal:mean=5,std=1")
    assert (from_bf16(exp.codes).max(axis=2) == 0).all()
    assert (drawn("exp=normal:mean=5,std=1").codes == exp.codes).all()
    assert (drawn("exp=normal:mean=5,std=1", seed=1).codes != exp.codes).any()


def test_captured_inputs_are_read_back(tmp_path):
    write(tmp_path)
    layers = captured(tmp_path / "p.parquet", tmp_path / "s.npz")
    assert [one.layer for one in layers] == [0, 1]
    for seed, one in enumerate(layers):
        expected = softmax_inputs(codes=scores(seed=seed)[:, :, :30])
        assert (one.codes == expected.codes).all()
        assert (one.counts == expected.counts).all()


def damage(folder: Path, what: str) -> None:
    """Spoil one of the two files."""
    parquet, samples = folder / "p.parquet", folder / "s.npz"
    if what == "no profile":
        parquet.unlink()
    elif what == "no samples":
        samples.unlink()
    elif what == "half a profile":
        parquet.write_bytes(parquet.read_bytes()[: parquet.stat().st_size // 2])
    elif what == "half the samples":
        samples.write_bytes(samples.read_bytes()[: samples.stat().st_size // 2])
    elif what == "empty samples":
        samples.write_bytes(b"")
    elif what == "a layer missing":
        np.savez_compressed(samples, softmax_layer00=np.load(samples)["softmax_layer00"])
    elif what == "an empty layer":
        np.savez_compressed(samples, softmax_layer00=np.zeros((0, 256, 3), np.uint16))
    elif what == "half a layer":
        pd.read_parquet(parquet).assign(layer=0.5).to_parquet(parquet)
    elif what == "samples of numbers":
        np.savez_compressed(samples, softmax_layer00=np.zeros((1, 256, 3)))
    elif what == "other columns":
        pd.read_parquet(parquet).rename(columns={"count": "counts"}).to_parquet(parquet)
    elif what == "an unknown function":
        pd.read_parquet(parquet).assign(function="exq").to_parquet(parquet)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("no profile", ["p.parquet", "No such file", "mugi profile"]),
        ("no samples", ["s.npz", "No such file", "mugi profile"]),
        ("half a profile", ["p.parquet", "mugi profile"]),
        ("half the samples", ["s.npz", "mugi profile"]),
        ("empty samples", ["s.npz", "mugi profile"]),
        ("a layer missing", ["s.npz", "softmax_layer01", "did you mean"]),
        ("samples of numbers", ["softmax_layer00", "float64", "uint16"]),
        ("other columns", ["missing column 'count'", "did you mean 'counts'?"]),
        ("an empty layer", ["s.npz", "softmax_layer00 is empty"]),
        ("half a layer", ["p.parquet: layer", "must be whole numbers"]),
        ("an unknown function", ["unknown function 'exq'", "did you mean 'exp'?"]),
    ],
)
def test_a_damaged_file_is_told_in_one_line(what, expected, tmp_path, capsys):
    source = write(tmp_path)
    damage(tmp_path, what)
    output = tmp_path / "fit.csv"
    assert main(["fit", *source, "--softmax", "exact", "-o", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for part in expected:
        assert part in line
    assert not output.exists()
