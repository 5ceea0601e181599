"""Forward pass with table-emulated softmax and SiLU against stock transformers: sdpa, float32.

Both run in one process on one thread, alternately; the printed ratio is of the fastest passes. The
kernel is the one that `mugi` takes here; with `--kernels torch cpp` plain gathers and C++ run side
by side:
    python benchmarks/forward.py results/models/smollm2_135m -o results/benchmarks/forward.csv
"""

import argparse
import os
import time
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import torch

from mugi.files import write_table
from mugi.llm import kernels
from mugi.llm.inject import emulated
from mugi.llm.load import load
from mugi.llm.settings import DTYPES, ModelSettings

CASES = [
    "softmax=vlp:lut=8,max_exp=3",
    "softmax=vlp:lut=8,max_exp=3;activation=vlp:lut=8,max_exp=3",
    "softmax=vlp:lut=12,max_exp=3;activation=vlp:lut=12,max_exp=3",
    "softmax=exact;activation=exact",
]


def main() -> None:
    """Print one line per batch shape and approximation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="checkpoint folder")
    parser.add_argument("--passes", type=int, default=7, help="passes to take the fastest of")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kernels", nargs="+", choices=kernels.KERNELS, default=["auto"])
    parser.add_argument("-o", "--output", type=Path, help="CSV of the printed lines")
    args = parser.parse_args()
    settings = ModelSettings(args.model, dtype=args.dtype, threads=args.threads)
    model, _ = load(settings)
    rows = []
    generator = torch.Generator().manual_seed(0)
    for batch, length in [(1, 1024), (4, 256), (1, 128)]:
        tokens = torch.randint(0, model.config.vocab_size, (batch, length), generator=generator)
        for case in CASES:
            native = []
            tables = {kernel: [] for kernel in args.kernels}
            for _ in range(args.passes):
                native.append(seconds(model, tokens, nullcontext()))
                for kernel, times in tables.items():
                    os.environ[kernels.VARIABLE] = kernel
                    times.append(seconds(model, tokens, emulated(model, case)))
            for kernel, times in tables.items():
                row = {
                    "batch x tokens": f"{batch} x {length}",
                    "approximation": case,
                    "kernel": kernel,
                    "dtype": args.dtype,
                    "threads": args.threads,
                    "tables [s]": f"{min(times):.3f}",
                    "native sdpa [s]": f"{min(native):.3f}",
                    "ratio": f"{min(times) / min(native):.2f}",
                }
                print("  ".join(f"{value!s:>12}" for value in row.values()), flush=True)
                rows.append(row)
    if args.output:
        write_table(pd.DataFrame(rows), args.output)


@torch.inference_mode()
def seconds(model, tokens: torch.Tensor, context) -> float:
    """Return the wall time of the second of two passes, the first warms buffers up."""
    with context:
        model(tokens, use_cache=False)
        began = time.perf_counter()
        model(tokens, use_cache=False)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
