"""Products of linear layers: no row depends on the others, with or without AMX."""

import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from transformers.pytorch_utils import Conv1D  # noqa: E402

from mugi.accuracy import cells  # noqa: E402
from mugi.llm import products  # noqa: E402

SIZES = [0, 1, 2, 5, 17, 64, 255, 256, 257, 600]


@pytest.fixture(params=["amx", "fp32"])
def multiplier(request, monkeypatch):
    """Both ways to multiply BF16; the first is whatever PyTorch does where there is no AMX."""
    monkeypatch.setattr(products, "bf16_products", lambda: request.param)


def operands(rows, inner, columns, dtype):
    generator = torch.Generator().manual_seed(rows * inner + columns)
    inputs = torch.randn(rows, inner, generator=generator).to(dtype)
    return inputs, *(
        torch.randn(s, generator=generator).to(dtype) for s in ((columns, inner), columns)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=["bf16", "fp32"])
@pytest.mark.parametrize(("inner", "columns"), [(576, 96), (96, 576), (7, 5)])
def test_rows_do_not_depend_on_each_other(multiplier, one_thread, dtype, inner, columns):
    inputs, matrix, bias = operands(max(SIZES), inner, columns, dtype)
    together = products.product(inputs, matrix, bias)
    for rows in SIZES:
        assert torch.equal(products.product(inputs[:rows], matrix, bias), together[:rows])
        last = together[len(together) - rows :]
        assert torch.equal(products.product(inputs[len(inputs) - rows :], matrix, bias), last)


def test_bf16_products_are_rounded_once(multiplier):
    inputs, matrix, bias = operands(130, 200, 30, torch.bfloat16)
    found = products.product(inputs.view(10, 13, 200), matrix, bias)
    assert found.shape == (10, 13, 30) and found.dtype == torch.bfloat16
    exact = (inputs.double() @ matrix.double().T + bias.double()).view(10, 13, 30)
    error = (found.double() - exact).abs()
    assert (error <= 2.0**-8 * exact.abs() + 1e-4).all()  # half a unit, and FP32's own rounding
    no_bias = products.product(inputs, matrix, None)
    assert not torch.equal(no_bias, found.view(130, 30))


@pytest.mark.parametrize(
    "make", [torch.nn.Linear, lambda k, n: Conv1D(n, k)], ids=["Linear", "Conv1D"]
)
def test_layers_keep_their_kind_and_results(multiplier, make):
    torch.manual_seed(0)
    layer = torch.nn.Sequential(make(24, 40), torch.nn.GELU(), make(40, 8))
    kinds, inputs = [type(part) for part in layer], torch.randn(3, 50, 24)
    with torch.no_grad():
        before = layer(inputs)
        assert products.in_blocks(products.in_blocks(layer)) is layer
        torch.testing.assert_close(layer(inputs), before)
        layer[0].weight.zero_()
        layer[2].weight.zero_()
        assert torch.equal(layer(inputs)[0, 0], layer[2].bias)
    assert all(isinstance(part, kind) for part, kind in zip(layer, kinds, strict=True))
    copied = pickle.loads(pickle.dumps(layer))
    with torch.no_grad():
        assert torch.equal(copied(inputs), layer(inputs))
        torch.testing.assert_close(layer(inputs[:, :1]), layer(inputs)[:, :1])  # a token each
    layer(inputs).sum().backward()  # gradients are those of the layer itself
    assert layer[0].bias.grad is not None


@pytest.mark.parametrize("allowed", ["AVX512_CORE_BF16", "avx2"])
def test_amx_can_be_forbidden(monkeypatch, allowed):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed)
    assert cells.bf16_products.__wrapped__() == "fp32"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "DEFAULT")
    flags = Path("/proc/cpuinfo")
    has_amx = flags.exists() and "amx_bf16" in flags.read_text()
    assert cells.bf16_products.__wrapped__() == ("amx" if has_amx else "fp32")
