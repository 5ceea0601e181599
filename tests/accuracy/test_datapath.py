"""INT4 layers on the simulated array: a plain loop, and layers of a real model (slow)."""

import numpy as np
import pandas as pd
import pytest
import torch

from mugi.accuracy.datapath import _captured, compare, multiply
from mugi.array.converter import Array
from mugi.bf16 import from_bf16, to_bf16
from mugi.cli import main
from mugi.int4 import quantise
from mugi.methods import parse
from tests.llm.families import built


def rounded(value: float) -> float:
    return float(from_bf16(to_bf16(np.float64(value))))


def plain(inputs: np.ndarray, weights) -> np.ndarray:
    """Product by product, as section 4.2 describes: repeated additions, sums, then scales."""
    scales = from_bf16(weights.scales)
    out = np.zeros((len(inputs), len(weights.codes)))
    for m, n in np.ndindex(out.shape):
        total = 0.0
        for start in range(0, inputs.shape[1], weights.group):
            partial = 0.0
            for k in range(start, min(start + weights.group, inputs.shape[1])):
                code, product = int(weights.codes[n, k]), 0.0
                for _ in range(abs(code)):
                    product = rounded(product + inputs[m, k])
                partial = rounded(partial + (-product if code < 0 else product))
            scaled = rounded(partial * scales[n, start // weights.group])
            total = rounded(total + scaled)
        out[m, n] = total
    return out


@pytest.mark.parametrize("group", [4, 5, 64])
def test_products_scales_and_order_are_the_plain_ones(group):
    random = np.random.default_rng(group)
    inputs = from_bf16(to_bf16(random.normal(size=(3, 13))))
    weights = quantise(random.normal(size=(10, 13)), group)
    found = from_bf16(multiply(to_bf16(inputs), weights, Array(height=8, width=2)))
    np.testing.assert_array_equal(found, plain(inputs, weights))


def test_errors_are_those_of_the_formats():
    random = np.random.default_rng(0)
    inputs = from_bf16(to_bf16(random.normal(size=(4, 128))))
    weights = from_bf16(to_bf16(random.normal(size=(32, 128))))
    found = compare(inputs, weights, parse("int4:group=64"))
    assert 0.05 < found["int4_error"] < 0.2
    assert 2**-10 < found["torch_error"] < found["array_error"] < 0.03
    assert found["emulation_difference"] < found["torch_error"] + found["array_error"]
    whole = quantise(weights, 64)
    again = compare(inputs, from_bf16(to_bf16(whole.values())), parse("int4:group=64"))
    assert again["int4_error"] < 0.01  # quantised numbers stay, but for BF16 weights


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--woq", "int4:group=64,scheme=asymmetric"], "allowed: int4 with scheme=symmetric"),
        (["--woq", "int8:group=64"], "allowed: int4 with scheme=symmetric"),
        (["--woq", "mxfp4"], "allowed: int4 with scheme=symmetric"),
        (["--woq", "vlp:lut=8,max_exp=3"], "vlp cannot compute weights; one of: int4"),
        (["--tokens", "0"], "--tokens 0: must be 1 to 256"),
        (["--text", "4", "--tokens", "5"], "--tokens 5: must be 1 to 4"),
    ],
)
def test_bad_arguments(tmp_path, capsys, arguments, line):
    output = tmp_path / "table.csv"
    assert main(["datapath", str(tmp_path), "-o", str(output), *arguments]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("family", ["deepseek_v3", "qwen2", "gemma3"])
def test_inputs_of_layers_are_the_last_tokens(family):
    """Also where a layer takes heads or experts apart: (batch, 1, tokens, …), (tokens, …)."""
    seen = list(_captured(built(family), torch.arange(3, 19), 4))
    assert {place["block"] for place, *_ in seen} == {0, 1}
    for place, inputs, weights in seen:
        assert inputs.shape == (4, weights.shape[1]), place


@pytest.mark.slow
def test_layers_of_the_embedded_model(smollm2, tmp_path):
    output = tmp_path / "table.csv"
    arguments = [str(smollm2), "--tokens", "2", "--text", "64", "--threads", "1"]
    assert main(["datapath", *arguments, "-o", str(output)]) == 0
    table = pd.read_csv(output)
    assert len(table) == 3 * 7
    assert table["array_error"].between(2**-9, 0.03).all()
    assert table["torch_error"].between(2**-11, 2**-7).all()
    assert (table["int4_error"] > 2 * table["array_error"]).all()
