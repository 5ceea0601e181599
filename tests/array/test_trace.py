"""`mugi trace`."""

import argparse

import numpy as np
import pandas as pd
import pytest

from mugi.array import trace
from mugi.array.converter import Array
from mugi.array.gemm import gemm
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, nonlinear
from mugi.bf16 import from_bf16, to_bf16
from mugi.commands import trace as command
from mugi.errors import InputError
from mugi.methods import FUNCTIONS, parse


def run_trace(tmp_path, *arguments) -> pd.DataFrame:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    path = tmp_path / f"{arguments[0]}.csv"
    command.run(parser.parse_args([*arguments, "-o", str(path)]))
    return pd.read_csv(path)


def test_gemm_trace_shows_spikes_at_the_weights_magnitudes_and_the_products(tmp_path):
    found = run_trace(tmp_path, "gemm")
    weights = np.array(trace.EXAMPLE_WEIGHTS)
    inputs = np.array(trace.EXAMPLE_COLUMNS, dtype=float)
    spikes = found[found.unit == "spike"]
    assert len(spikes) == inputs.size * weights.shape[1]
    magnitude = np.abs(weights)[spikes.window, spikes.row.astype(int)]
    assert (spikes["count"] == magnitude).all()
    assert (spikes.cycle == 8 * spikes.window + magnitude + spikes.column).all()
    expected = magnitude * inputs[spikes.window, spikes.column.astype(int)]  # small: exact in BF16
    assert spikes.value.tolist() == expected.tolist()
    last = found[(found.unit == "accumulate") & (found.window == 1)]
    table = last.pivot(index="column", columns="row", values="value").to_numpy()
    assert table.tolist() == (inputs.T @ weights).tolist()
    codes = to_bf16(inputs.T)
    run = gemm(Array(8), codes, weights)
    assert last.cycle.max() + 1 == run.cycles
    assert not found[found.unit == "accumulate"].duplicated(["row", "cycle"]).any()


@pytest.mark.parametrize(
    "function, text",
    [
        *((function, "vlp:lut=12,max_exp=3") for function in FUNCTIONS),
        ("exp", "vlp:lut=8,max_exp=3,adapt=6,leak=1,mantissa=4"),
    ],
)
def test_nonlinear_trace_shows_the_outputs_of_the_array(tmp_path, function, text):
    mixed = ["--inputs=-0.5,1.5,0,-100,3", "--inputs=7,-0.001,0.5,0.25,-2"]
    mixed = [] if function == "exp" else mixed
    found = run_trace(tmp_path, function, f"--method={text}", *mixed)
    inputs = found[found.unit == "input"].sort_values(["window", "row"])
    rows = inputs.row.nunique()
    codes = to_bf16(inputs.value.to_numpy()).reshape(-1, rows).T
    method = parse(f"{text},group=8")
    signs = NEGATIVE if function == "exp" else BOTH_SIGNS
    inputs = codes | 0x8000 if function == "exp" else codes
    run = nonlinear(Array(8), method, function, inputs, signs=signs)
    outputs = found[found.unit == "output"].sort_values(["window", "row"])
    assert outputs.value.tolist() == from_bf16(run.outputs.T.reshape(-1)).tolist()
    assert outputs.cycle.max() + 1 == run.cycles
    assert (found.unit == "spike").sum() == run.activations["temporal_register"]
    picked = found[found.unit == "spike"].merge(
        found[found.unit == "select"], on=["window", "cycle", "row", "column"]
    )
    assert len(picked) == codes.size
    assert (picked.value_x == picked.value_y).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["gemm", "--inputs=1", "--weights=9,1"], "weights: 9 at k=0, n=0; allowed: -7 to 7"),
        (["gemm", "--inputs=1", "--weights=0.5"], "--weights: allowed are whole numbers"),
        (["gemm", "--inputs=1", "--inputs=2", "--weights=1"], "2 windows of --inputs, 1 of"),
        (["gemm", "--weights=1,2"], "gemm needs --inputs and --weights, or neither"),
        (["gemm", "--inputs=1,2,3,4,5,6,7,8,9", "--weights=1"], "9 columns; allowed: 1 to 8"),
        (["exp", "--weights=1"], "only gemm has weights"),
        (["exp", "--inputs=-1,-2", "--inputs=-1"], "the same number of values"),
        (["exp", "--inputs=nan"], "finite numbers"),
        (["exp", "--method=exact"], "allowed: a vlp method"),
        (["exp", "--inputs=" + ",".join(["-1"] * 65)], "65 rows; allowed in a trace: 1 to 64"),
    ],
)
def test_trace_refuses(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        run_trace(tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def test_trace_refuses_what_is_no_number(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_trace(tmp_path, "exp", "--inputs=-1,x")
    assert "'-1,x' is not a list of numbers such as 1.5,-2" in capsys.readouterr().err
