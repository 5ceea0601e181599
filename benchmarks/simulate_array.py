"""Speed of the array simulator: a 256×8 array, 1,000 windows or mappings an operation.

    python benchmarks/simulate_array.py -o results/benchmarks/simulate_array.csv

Prints the fastest of some runs of each operation and the simulated cycles a second.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.array.converter import Array
from mugi.array.gemm import gemm
from mugi.array.nonlinear import nonlinear
from mugi.array.softmax import softmax
from mugi.bf16 import to_bf16
from mugi.files import write_table
from mugi.methods import parse

HEIGHT = 256


def main() -> None:
    """Print one line an operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mappings", type=int, default=1000, help="windows of each operation")
    parser.add_argument("--runs", type=int, default=3, help="runs to take the fastest of")
    parser.add_argument("-o", "--output", type=Path, help="CSV of the printed lines")
    args = parser.parse_args()
    rows = []
    for name, operation in operations(args.mappings).items():
        seconds, cycles = fastest(operation, args.runs)
        row = {
            "operation": name,
            "mappings": args.mappings,
            "seconds": f"{seconds:.3f}",
            "simulated cycles": cycles,
            "cycles/s": f"{cycles / seconds:.0f}",
        }
        print("  ".join(f"{value:>10}" for value in row.values()))
        rows.append(row)
    if args.output:
        write_table(pd.DataFrame(rows), args.output)


def operations(mappings: int) -> dict[str, Callable[[], int]]:
    """Return functions that simulate one operation and return its cycles."""
    random = np.random.default_rng(0)
    array, method = Array(HEIGHT), parse("vlp:lut=12,max_exp=3")
    values = to_bf16(4 * random.normal(size=(HEIGHT, mappings)))
    inputs = to_bf16(random.normal(size=(array.width, mappings)))
    weights = random.integers(-7, 8, (mappings, HEIGHT))
    return {
        "softmax": lambda: softmax(array, method, values | 0x8000).cycles,
        "silu": lambda: nonlinear(array, method, "silu", values).cycles,
        "gelu": lambda: nonlinear(array, method, "gelu", values).cycles,
        "gemm": lambda: gemm(array, inputs, weights).cycles,
    }


def fastest(operation: Callable[[], int], runs: int) -> tuple[float, int]:
    """Return the least wall time of some runs, and the cycles."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        cycles = operation()
        times.append(time.perf_counter() - began)
    return min(times), cycles


if __name__ == "__main__":
    main()
