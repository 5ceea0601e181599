"""The fused kernels give the bits of the torch gathers, on every input, and run where they can."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mugi.errors import InputError
from mugi.llm import kernels
from mugi.llm.emulate import Heads, TableActivation, TableAttention
from mugi.llm.inject import emulated
from mugi.methods import parse

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
    from mugi.llm.kernels import cpp

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
    from mugi.llm.kernels import cpp

    monkeypatch.setenv(variable, value)
    cpp.library.cache_clear()
    with pytest.raises(InputError, match=message):
        cpp.library()
    cpp.library.cache_clear()


@pytest.mark.parametrize("text", ["vlp:lut=12,max_exp=3,grouping=strided"])
def test_published_grouping_stays_in_torch(monkeypatch, text):
    monkeypatch.setenv(kernels.VARIABLE, "cpp")
    assert TableAttention(parse(text, "exp"), CPU).lookup.fused is None


# --- the default --------------------------------------------------------------------------------


@pytest.fixture
def untried(monkeypatch):
    """No kernel asked for, and none tried yet."""
    from mugi.llm.kernels import cpp

    def forget():
        cpp.library.cache_clear()
        kernels._that_runs.cache_clear()

    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    forget()
    yield cpp
    forget()


@compiler
@pytest.mark.parametrize("name", ["", "auto"])
def test_the_default_on_a_cpu_is_cpp_with_the_bits_of_torch(untried, tiny_llama, monkeypatch, name):
    method = "vlp:lut=12,max_exp=3,group=8"
    approximation = f"softmax={method};activation={method}"
    tokens = torch.arange(40).view(2, 20) * 7 % 257
    found = {}
    for kernel in (name, "torch"):
        monkeypatch.setenv(kernels.VARIABLE, kernel)
        with emulated(tiny_llama, approximation), torch.inference_mode():
            found[kernel] = tiny_llama(tokens).logits
    assert torch.equal(found[name], found["torch"])
    monkeypatch.setenv(kernels.VARIABLE, name)
    assert TableAttention(parse(method, "exp"), CPU).lookup.fused is untried


def failing_compiler(folder) -> str:
    """A compiler that writes each of its calls to `folder` and fails."""
    path = folder / "failing-c++"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\necho "cannot do this" >&2\nexit 1\n')
    path.chmod(0o755)
    return str(path)


def test_a_failing_compiler_is_tried_once_and_leaves_torch(untried, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("CXX", failing_compiler(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for _ in range(3):
        assert TableAttention(parse("exact", "exp"), CPU).lookup.fused is None
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if "tables.cpp" in call] == calls[-1:]
    assert [record.getMessage().endswith("cannot do this; allowed: torch") for record in
            caplog.records] == [True]  # fmt: skip


@pytest.mark.parametrize(
    "variable, value, reason",
    [
        ("PATH", "/nowhere", r"no C++ compiler (c++ or g++) found"),
        ("XDG_CACHE_HOME", "/proc/nowhere", "cannot write /proc/nowhere/mugi-repro"),
    ],
)
def test_without_compiler_or_folder_the_default_is_torch(
    untried, monkeypatch, caplog, variable, value, reason
):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(variable, value)
    if variable != "PATH" and not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("no C++ compiler")
    assert TableAttention(parse("exact", "exp"), CPU).lookup.fused is None
    assert [reason in record.getMessage() for record in caplog.records] == [True]


def picky_compiler(folder, *says: str) -> str:
    """The machine's compiler, but for flags that it does not take: `flag=what it says`."""
    cases = "\n".join(
        f'case " $* " in *" {flag} "*) echo "{text}" >&2; exit 1;; esac'
        for flag, _, text in (said.partition(":") for said in says)
    )
    path = folder / "picky-c++"
    path.write_text(f'#!/bin/sh\n{cases}\nexec {shutil.which("c++") or shutil.which("g++")} "$@"\n')
    path.chmod(0o755)
    return str(path)


@compiler
@pytest.mark.parametrize(
    ("says", "threaded"),
    [
        ([], True),
        (["-fopenmp:clang: error: unsupported option '-fopenmp'"], False),
        (["-fopenmp:ld: library not found for -lomp"], False),
        (
            ["-march=native:error: unsupported argument 'native' to option '-march=native'"],
            True,
        ),
        (
            [
                "-march=native:clang: error: the clang compiler does not support '-march=native'",
                "-fopenmp:/usr/bin/ld: cannot find -lomp: No such file or directory",
            ],
            False,
        ),
    ],
)
def test_a_compiler_without_openmp_or_its_own_processor(
    untried, monkeypatch, tmp_path, says, threaded
):
    """Apple's clang has neither: the same bits, in one thread."""
    monkeypatch.setenv("CXX", picky_compiler(tmp_path, *says))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert untried.threaded() == threaded
    found = {}
    for name in ("cpp", "torch"):
        monkeypatch.setenv(kernels.VARIABLE, name)
        generator = torch.Generator().manual_seed(3)
        heads = [torch.randn(2, 4, 21, 16, generator=generator).bfloat16() for _ in range(3)]
        attention = TableAttention(parse("vlp:lut=12,max_exp=3,group=8", "exp"), CPU)
        found[name] = attention(Heads(*heads), None, 0.25, causal=True)
    assert torch.equal(found["cpp"], found["torch"])


@pytest.mark.slow
@compiler
def test_two_processes_may_compile_at_once(tmp_path):
    code = "from mugi.llm.kernels import cpp; cpp.library()"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    jobs = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert len(list(tmp_path.rglob("*.so"))) == 1


def test_two_jobs_may_compile_at_once(tmp_path):
    """Each compiles into a folder of its own; the library appears whole."""
    from mugi.llm.kernels import cpp

    compiler, built = tmp_path / "slow-c++", tmp_path / "cache" / "tables.so"
    output = f'"${{{len(cpp.FLAGS) + 2}}}"'  # the argument behind -o
    commands = f"printf half > {output}\nsleep 0.2\nprintf whole > {output}\n"
    compiler.write_text(f"#!/bin/sh\n{commands}")
    compiler.chmod(0o755)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(cpp._compile, str(compiler), built) for _ in range(2)]
        while not all(job.done() for job in jobs):
            assert not built.exists() or built.read_text() == "whole"
            time.sleep(0.01)
    assert [job.result() for job in jobs] == [None, None]
    assert [path.name for path in built.parent.iterdir()] == ["tables.so"]
