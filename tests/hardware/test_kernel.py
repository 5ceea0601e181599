"""The compiled kernel: the same bytes on every processor, and a cache only where there is room."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.hardware.random_runs import random_runs

ROOT = Path(__file__).parents[2]
EVALUATE = """
import sys
import pandas as pd
from mugi.hardware import decode, evaluate
decode.FEW = {"compiled": 0, "literal": float("inf")}[sys.argv[3]]
evaluate(pd.read_parquet(sys.argv[1])).to_parquet(sys.argv[2])
"""


def evaluated(folder: Path, way: str = "compiled", root: Path = ROOT, **environment) -> Path:
    """Evaluate the runs of a folder in a process of its own; return its results."""
    results = folder / f"{len(list(folder.iterdir()))}.parquet"
    variables = os.environ | {"PYTHONPATH": str(root)} | environment
    variables = {name: value for name, value in variables.items() if value is not None}
    command = [sys.executable, "-c", EVALUATE, str(folder / "runs.parquet"), str(results), way]
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return results


@pytest.fixture
def folder(tmp_path) -> Path:
    runs = random_runs(30, 8, 1).astype({"seq_len": int}, copy=True)
    for name in runs:
        if name.startswith("assumption."):
            runs[name] = runs[name].where(runs[name].isna(), runs[name].astype(str))
    runs.to_parquet(tmp_path / "runs.parquet")
    return tmp_path


@pytest.mark.slow
def test_other_processors_give_the_same_bytes(folder):
    """Code for any x86-64 or ARM, none at all, and numpy without its vector instructions."""
    here = evaluated(folder).read_bytes()
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert evaluated(folder, **generic).read_bytes() == here
    plain = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3"
    for way, variables in (
        ("literal", {"NUMBA_DISABLE_JIT": "1"}),
        ("literal", {"NPY_DISABLE_CPU_FEATURES": plain}),
    ):
        results = pd.read_parquet(evaluated(folder, way, **variables))
        expected = pd.read_parquet(folder / "1.parquet")
        pd.testing.assert_frame_equal(results, expected, check_exact=True)


def test_the_code_is_kept_in_the_users_cache(folder):
    cache = folder / "cache"
    evaluated(folder, XDG_CACHE_HOME=str(cache), NUMBA_CACHE_DIR=None)
    kept = list(cache.rglob("*.nbi"))
    assert len(kept) == 1 and "mugi" in kept[0].parts[len(cache.parts)]
    assert not list((ROOT / "mugi").rglob("*.nbi"))


@pytest.mark.slow
def test_no_home_and_a_package_that_cannot_be_written(folder):
    package = folder / "site"
    package.mkdir()
    (package / "mugi").symlink_to(ROOT / "mugi")
    mode = stat.S_IMODE((ROOT / "mugi" / "hardware").stat().st_mode)
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "NUMBA_CACHE_DIR": None}
    here = pd.read_parquet(evaluated(folder))
    there = pd.read_parquet(evaluated(folder, root=package, **nowhere))
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert stat.S_IMODE((ROOT / "mugi" / "hardware").stat().st_mode) == mode
