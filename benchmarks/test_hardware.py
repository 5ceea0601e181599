"""Speed of the hardware model: the published matrix, lists of sizes, odd shapes, start-up.

Times are CPU time; `pytest benchmarks/test_hardware.py -s` prints them. `python
benchmarks/test_hardware.py 1000000` streams that many configurations of lists of sizes to Parquet,
with `shapes` behind it as many of random sizes.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import pytest

from mugi.files import write_tables
from mugi.hardware import evaluate, expand
from mugi.hardware.evaluate import stream

ONE_RUN = (
    "evaluate --design mugi --array-height 256 --model llama_2_7b --batch-size 8 --seq-len 4096"
)
LENGTHS, BATCHES = [128, 256, 512, 1024, 2048, 4096], [1, 2, 4, 8, 16, 32]
MODELS = [
    {"model": ["llama_2_7b", "llama_2_13b", "llama_2_70b"]},
    {"model": "llama_2_70b_GQA", "kv_heads": [8, 16, 32, 64]},
]
VLP = [
    {"design": "mugi", "variant": ["vlp", "lut"], "array_height": [64, 128, 256]},
    {"design": "carat", "array_height": [64, 128, 256]},
]
RIVALS = {"design": ["systolic", "simd"], "variant": ["mac", "figna"]}
SINGLE = [
    *VLP,
    RIVALS | {"array_height": [8, 16, 32, 64]},
    {"design": "systolic", "variant": ["pwl", "taylor"], "array_height": 16},
    {"design": "tensor", "array_height": 8},
]
MESHES = [
    *[grid | {"noc_rows": n, "noc_cols": n} for n in (4, 8) for grid in VLP],
    *[RIVALS | {"array_height": [8, 16], "noc_rows": n, "noc_cols": n} for n in (4, 8)],
    *[{"design": "tensor", "array_height": 8, "noc_rows": 2, "noc_cols": n} for n in (1, 2)],
]


def published_matrix() -> pd.DataFrame:
    """Return the 7,308 configurations of the published artifact."""
    single = [g | m | {"batch_size": BATCHES, "seq_len": LENGTHS} for m in MODELS for g in SINGLE]
    meshes = [g | m | {"batch_size": 8, "seq_len": 4096} for m in MODELS for g in MESHES]
    return pd.concat([expand([grid]) for grid in single + meshes], ignore_index=True)


def seconds(runs: pd.DataFrame, rounds: int = 3) -> float:
    """Return the least CPU time of some rounds of evaluating the runs."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        evaluate(runs)
        times.append(time.process_time() - start)
    return min(times)


def test_published_matrix(benchmark):
    runs = published_matrix()
    assert len(runs) == 7308
    benchmark.pedantic(evaluate, args=(runs,), rounds=3, warmup_rounds=1)


def test_corrected_matrix(benchmark):
    runs = published_matrix().assign(preset="corrected")
    benchmark.pedantic(evaluate, args=(runs,), rounds=3, warmup_rounds=1)


def random_shapes(count: int, longest: int = 4096) -> pd.DataFrame:
    """Return configurations of mixed arrays, NoCs, models, batches and lengths."""
    rng = np.random.default_rng(0)
    pick = rng.integers(0, 4, count)
    heights = np.where(pick < 2, 8 * rng.integers(1, 65, count), rng.integers(4, 129, count))
    table = {
        "design": np.array(["mugi", "carat", "systolic", "simd"])[pick],
        "array_height": heights,
        "array_width": rng.integers(4, 65, count),
        "model": rng.choice(["llama_2_7b", "llama_2_13b", "llama_2_70b_GQA"], count),
        "preset": "corrected",
    }
    spans = {"noc_rows": 16, "noc_cols": 16, "batch_size": 256}
    table |= {name: rng.integers(1, most + 1, count) for name, most in spans.items()}
    return pd.DataFrame(table | {"seq_len": rng.integers(128, longest + 1, count)})


def lists_of_sizes(count: int, longest: int = 4096) -> pd.DataFrame:
    """Return configurations whose arrays, NoCs and batches come from lists, of any length."""
    rng = np.random.default_rng(1)
    pick = rng.integers(0, 4, count)
    vlp, square = rng.choice([64, 128, 256, 512], count), rng.choice([8, 16, 32, 64], count)
    table = {
        "design": np.array(["mugi", "carat", "systolic", "simd"])[pick],
        "array_height": np.where(pick < 2, vlp, square),
        "model": rng.choice(["llama_2_7b", "llama_2_13b", "llama_2_70b_GQA"], count),
        "preset": rng.choice(["as-published", "corrected"], count),
        "noc_rows": rng.choice([1, 2, 4, 8], count),
        "noc_cols": rng.choice([1, 2, 4, 8], count),
        "batch_size": rng.choice([1, 2, 4, 8, 16, 32, 64, 128], count),
    }
    return pd.DataFrame(table | {"seq_len": rng.integers(128, longest + 1, count)})


KINDS = {"lists": lists_of_sizes, "shapes": random_shapes}


def streamed(runs: pd.DataFrame, path: str) -> float:
    """Stream configurations to Parquet; return CPU seconds a run."""
    before = time.process_time()
    write_tables(stream(runs), path)
    return (time.process_time() - before) / len(runs)


@pytest.mark.parametrize(
    ("kind", "longest", "most"),
    [("lists", 4096, 0.4e-3), ("shapes", 4096, 1.5e-3), ("shapes", 131072, 20e-3)],
)
def test_streamed(tmp_path, kind, longest, most):
    """Few runs share less than a million do."""
    count = 4000 if longest == 4096 else 400
    each = streamed(KINDS[kind](count, longest), str(tmp_path / "results.parquet"))
    print(f"\n{kind} of up to {longest} tokens: {1e6 * each:.0f} us each")
    assert each < most


def test_runs_share_work():
    runs = published_matrix()
    alone = runs.sample(40, random_state=0)
    each = sum(seconds(alone.iloc[[i]], 1) for i in range(len(alone))) / len(alone)
    shared = seconds(runs) / len(runs)
    print(f"\none run alone {1e3 * each:.1f} ms, in the matrix {1e3 * shared:.3f} ms")
    assert shared < each / 10


@pytest.mark.parametrize(
    ("command", "most"),
    [
        (["-c", "import mugi.hardware"], 0.4),
        (["-m", "mugi.cli", "--help"], 0.5),
        (["-m", "mugi.cli", *ONE_RUN.split()], 2.0),
    ],
    ids=["import", "help", "evaluate"],
)
def test_start_up(command, most):
    before = sum(os.times()[2:4])
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    taken = sum(os.times()[2:4]) - before
    print(f"\n{command[1]} {command[-1]}: {taken:.2f} s of CPU")
    assert taken < most


if __name__ == "__main__":
    total, kind = int(sys.argv[1]), KINDS[(sys.argv[2:] or ["lists"])[0]]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        each = streamed(kind(total), f"{folder}/results.parquet")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss [bytes]
    most = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    elapsed = time.perf_counter() - start
    print(f"{total} runs: {elapsed:.0f} s, {1e6 * each:.0f} us of CPU each, {most / 1e9:.2f} GB")
