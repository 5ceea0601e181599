"""Softmax and SiLU by table gather against torch's own, in one process on the CPU.

    python benchmarks/gather.py -o results/benchmarks/gather.csv
    MUGI_KERNEL=cpp python benchmarks/gather.py -o results/benchmarks/gather_cpp.csv

Both take BF16 tensors of the sizes of one layer of the embedded model (9 heads and 1,024 tokens;
1,536 channels), alternately; CPU time of the fastest of some runs. Torch's are one fused pass over
the numbers; the tables' look every number up, in windows chosen for each group.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from mugi.files import write_table
from mugi.llm.emulate import TableActivation, TableAttention
from mugi.llm.kernels import KERNELS, VARIABLE
from mugi.methods import parse

KERNEL = os.environ.get(VARIABLE) or KERNELS[0]
CASES = {
    "softmax": ["exact", "vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3", "pwl:segments=22,range=16"],
    "silu": ["exact", "vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3", "pwl:segments=22,range=5"],
}


def main() -> None:
    """Print one line an operation and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1024, help="queries, and keys of softmax")
    parser.add_argument("--runs", type=int, default=7, help="runs to take the fastest of")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("-o", "--output", type=Path, help="CSV of the printed lines")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    for operation, methods in CASES.items():
        for text in methods:
            by_tables, own = pair(operation, text, args.tokens)
            seconds = {"tables_s": [], "torch_s": []}
            for _ in range(args.runs + 1):  # the first makes the buffers
                seconds["tables_s"].append(cpu_time(by_tables))
                seconds["torch_s"].append(cpu_time(own))
            best = {name: min(times[1:]) for name, times in seconds.items()}
            rows.append(
                {"operation": operation, "method": text, "kernel": KERNEL, "tokens": args.tokens}
                | {name: round(value, 5) for name, value in best.items()}
                | {"ratio": round(best["tables_s"] / best["torch_s"], 2)}
            )
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if args.output:
        write_table(table, args.output)


def pair(operation: str, text: str, tokens: int) -> tuple[Callable, Callable]:
    """Return functions of no arguments that compute an operation by tables, and as torch does."""
    generator, device = torch.Generator().manual_seed(0), torch.device("cpu")
    if operation == "softmax":
        scores = 4 * torch.randn(1, 9, tokens, tokens, generator=generator).bfloat16()
        by_tables = TableAttention(parse(text), device)
        return lambda: by_tables.softmax(scores), lambda: torch.softmax(scores, -1)
    inputs = torch.randn(tokens, 1536, generator=generator).bfloat16()
    activation = TableActivation(parse(text), "silu", device)
    return lambda: activation(inputs), lambda: torch.nn.functional.silu(inputs)


def cpu_time(function: Callable) -> float:
    """Return the CPU seconds of one call."""
    began = time.process_time()
    with torch.inference_mode():
        function()
    return time.process_time() - began


if __name__ == "__main__":
    main()
