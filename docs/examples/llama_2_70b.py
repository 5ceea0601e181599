"""What config/paper_70b.yaml takes on 16 GPUs, as Markdown: jobs, hours, disk.

    python docs/examples/llama_2_70b.py

Measured: seconds a document of 4,096 tokens and approximation with its controls, on an H100 with
Llama 2 7B and 13B (docs/howto/gpu.md). Assumed, and to be measured before the hours are booked:
that these seconds go on as a straight line in the operations of a forward pass; two GPUs of 80 GB
a job, whose layers run one after another, as fast as on one; weights read from the shared disk at
1 GB/s by every job; 2 kB in the cells for each document and approximation.
"""

from heapq import heapify, heapreplace
from pathlib import Path

from mugi.config import read
from mugi.methods.grid import expand_operations
from mugi.shards import Shard, share

PARAMETERS = {"7B": 6.74e9, "13B": 13.02e9, "70B": 68.98e9}
SECONDS = {"7B": 0.58, "13B": 0.89}
GPUS, GPUS_A_JOB = 16, 2
READ_BYTES_PER_S = 1e9
CELL_BYTES = 2000
C4_BYTES = 0.3e9  # eight compressed files
START_S = 60  # Snakemake, imports, the first pass
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print the table."""
    config = read(ROOT / "config.yaml", ROOT / "config" / "paper_70b.yaml").content
    windows = config["sweep"]["perplexity"]["windows"]
    seconds, weights = seconds_of("70B"), 2 * PARAMETERS["70B"]
    loading = weights / READ_BYTES_PER_S + START_S
    grids = {
        "sweep": [
            "native",
            *(
                f"{operation}={method}"
                for operation in ("softmax", "activation")
                for method in ("exact", *config["sweep"][operation])
            ),
        ],
        "end to end": config["accuracy"]["approximations"],
    }
    jobs, lines, total = [], [], 0
    for name, texts in grids.items():
        count = len(expand_operations(texts))
        shards = [Shard(k, config["shards"]) for k in range(1, config["shards"] + 1)]
        parts = [measurements(count, windows, shard) for shard in shards]
        hours = [(loading + own * seconds) / 3600 for own in parts]
        jobs += hours
        total += count
        lines.append([f"jobs, {name}: {count} approximations, {windows} documents", len(parts)])
        lines.append(["hours of the longest of them", f"{max(hours):.1f}"])
    wall = makespan(jobs, GPUS // GPUS_A_JOB)
    lines = [
        ["operations of a forward pass", f"{flops('70B') / 1e12:.0f} TFLOP"],
        ["seconds a document and approximation", f"{seconds:.1f}"],
        *lines,
        ["hours to the end, 8 jobs at a time", f"{wall:.1f}"],
        ["GPU hours", f"{GPUS_A_JOB * sum(jobs):.0f}"],
        ["of them reading weights", f"{GPUS_A_JOB * len(jobs) * loading / 3600:.0f}"],
        ["hours in one job each, without parts", f"{total * windows * seconds / 3600:.0f}"],
        ["disk: weights", f"{weights / 1e9:.0f} GB"],
        ["disk: cells", f"{total * windows * CELL_BYTES / 1e9:.2f} GB"],
        ["disk: C4", f"{C4_BYTES / 1e9:.1f} GB"],
    ]
    print("| Llama 2 70B, 16 GPUs of 80 GB | |\n|---|---|")
    print(*(f"| {name} | {value} |" for name, value in lines), sep="\n")


def flops(model: str) -> float:
    """Return the operations of a forward pass of 4,096 tokens, without those of attention."""
    return 2 * PARAMETERS[model] * 4096


def seconds_of(model: str) -> float:
    """Return the seconds a document and approximation, on the line through both measured."""
    (small, large), (low, high) = map(flops, SECONDS), SECONDS.values()
    return low + (flops(model) - small) * (high - low) / (large - small)


def measurements(approximations: int, windows: int, shard: Shard) -> int:
    """Return how many documents times approximations a job has."""
    return sum(map(len, share(shard, range(approximations), range(windows)).values()))


def makespan(hours: list[float], slots: int) -> float:
    """Return when the last job ends, the longest started first."""
    free = [0.0] * slots
    heapify(free)
    for own in sorted(hours, reverse=True):
        heapreplace(free, free[0] + own)
    return max(free)


if __name__ == "__main__":
    main()
