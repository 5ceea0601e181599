"""The optional fused kernels give the bits of the torch gathers, on every input."""

import importlib.util
import shutil

import pytest
import torch

from mugi.accuracy import kernels
from mugi.accuracy.emulate import TableActivation, TableAttention
from mugi.approximations import parse
from mugi.errors import InputError

CPU = torch.device("cpu")
compiler = pytest.mark.skipif(
    not (shutil.which("c++") or shutil.which("g++")), reason="no C++ compiler"
)
triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="the optional package triton is missing"
)
KERNELS = [pytest.param("cpp", marks=compiler), pytest.param("triton", marks=triton)]
METHODS = [
    "exact",
    "vlp:lut=8,max_exp=3",
    "vlp:lut=12,max_exp=3,group=60",
    "vlp:lut=12,min_exp=-3,group=60",
    "vlp:lut=12,max_exp=3,group=60,zeros=count",
    "vlp:lut=12,min_exp=-3,group=60,zeros=count,normalize=reciprocal",
]


@pytest.fixture(params=KERNELS)
def kernel(request, monkeypatch):
    """Ask for a kernel where a table is built: torch, then the fused one."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")

    def both(build):
        monkeypatch.setenv(kernels.VARIABLE, "torch")
        plain = build()
        monkeypatch.setenv(kernels.VARIABLE, request.param)
        fused = build()
        assert fused.lookup.fused and not plain.lookup.fused
        return plain, fused

    return both


def bits(values: torch.Tensor) -> torch.Tensor:
    """BF16 codes, one for all NaN."""
    return torch.where(values.isnan(), torch.full_like(values, torch.nan), values).view(torch.int16)


def every_code(rows: int) -> torch.Tensor:
    """All 65,536 BF16 values in an order that mixes magnitudes, (rows, 65536 / rows)."""
    order = torch.randperm(65536, generator=torch.Generator().manual_seed(0))
    return (order - 32768).to(torch.int16).view(torch.bfloat16).view(rows, -1)


@pytest.mark.parametrize("text", METHODS)
def test_activation_on_every_code(kernel, text):
    plain, fused = kernel(lambda: TableActivation(parse(text, "silu"), "silu", CPU))
    inputs = every_code(64)  # a group of 60 does not divide 1,024
    torch.testing.assert_close(bits(fused(inputs)), bits(plain(inputs)), rtol=0, atol=0)
    assert torch.equal(bits(fused(inputs)), bits(plain(inputs.float().bfloat16())))


@pytest.mark.parametrize("text", METHODS)
def test_softmax_with_masks_and_specials(kernel, text):
    plain, fused = kernel(lambda: TableAttention(parse(text, "exp"), CPU))
    generator = torch.Generator().manual_seed(1)
    scores = (torch.randn(2, 2, 9, 3, 60, generator=generator) * 6).bfloat16()
    scores[0, 0, 4:] = -torch.inf
    scores[0, 1, :, 1, 2] = -torch.inf  # a row without keys
    scores[1, 0, 3, 2, 5] = torch.nan
    scores[1, 1, 0] = scores[1, 1, 1]  # zeros below the maximum
    pick = lambda members: plain.lookup.pick(members, 4, 2)  # noqa: E731
    expected = plain._softmax(scores.clone(), 2, pick)
    assert torch.equal(bits(fused._softmax(scores.clone(), 2, pick)), bits(expected))
    assert expected[0, 1, :, 1, 2].count_nonzero() == 0


def test_attention_of_a_whole_sequence(kernel):
    plain, fused = kernel(lambda: TableAttention(parse("vlp:lut=12,max_exp=3,group=8", "exp"), CPU))
    generator = torch.Generator().manual_seed(2)
    heads = [torch.randn(2, count, 21, 16, generator=generator).bfloat16() for count in (4, 2, 2)]
    from mugi.accuracy.emulate import Heads

    expected = plain(Heads(*heads), None, 0.25, causal=True)
    assert torch.equal(fused(Heads(*heads), None, 0.25, causal=True), expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cp", "unknown kernel 'cp'"),
        ("triton", "triton"),
    ],
)
def test_a_kernel_that_is_not_there(monkeypatch, name, message):
    monkeypatch.setenv(kernels.VARIABLE, name)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(InputError, match=message):
        TableAttention(parse("exact", "exp"), CPU)


@compiler
def test_a_compiler_that_fails(monkeypatch, tmp_path):
    from mugi.accuracy.kernels import cpp

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cpp, "FLAGS", ["--no-such-flag"])
    cpp.library.cache_clear()
    with pytest.raises(InputError, match="no-such-flag"):
        cpp.library()
    cpp.library.cache_clear()
    assert not list(tmp_path.rglob("*.so"))


@compiler
@pytest.mark.parametrize(
    "variable, value, message",
    [
        ("CXX", "no-such-compiler", r"no C\+\+ compiler \(no-such-compiler\) found"),
        ("XDG_CACHE_HOME", "/proc/nowhere", "cannot write /proc/nowhere/mugi-repro"),
    ],
)
def test_no_compiler_and_no_folder_to_compile_into(monkeypatch, variable, value, message):
    from mugi.accuracy.kernels import cpp

    monkeypatch.setenv(variable, value)
    cpp.library.cache_clear()
    with pytest.raises(InputError, match=message):
        cpp.library()
    cpp.library.cache_clear()


@pytest.mark.parametrize("text", ["vlp:lut=12,max_exp=3,grouping=strided"])
def test_published_grouping_stays_in_torch(monkeypatch, text):
    monkeypatch.setenv(kernels.VARIABLE, "cpp")
    assert TableAttention(parse(text, "exp"), CPU).lookup.fused is None
