"""The workflow under load: a plan of 1,000 jobs, and 100,000 runs of the cost model.

    python benchmarks/load.py plan
    python benchmarks/load.py runs

`plan` is a dry run of the accuracy of one model in so many parts. `runs` evaluates configurations
and their carbon, is killed when the first part is there, goes on, and prints the largest memory of
any of its processes. Seconds are those of the clock: measure on a machine that does nothing else.
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FEW = {"design": "mugi", "variant": "vlp", "array_height": 256, "model": "llama_2_7b"}
FEW |= {"batch_size": 8, "seq_len": 4096, "preset": "as-published"}


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["plan", "runs"])
    parser.add_argument("--count", type=int, help="jobs or runs (default: 1,000 or 100,000)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure = {"plan": plan, "runs": runs}[args.what]
        found = measure(Path(folder), *([args.count] if args.count else []))
        print(", ".join(f"{name} {value}" for name, value in found.items()))


def command(folder: Path, *arguments: str) -> list[str]:
    """Return a call of Snakemake with results in `folder`."""
    into = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [sys.executable, "-m", "snakemake", *into, *arguments]


def plan(folder: Path, jobs: int = 1000) -> dict[str, float]:
    """Plan about so many jobs; return their number and the seconds that took."""
    targets = ["results/accuracy/accuracy.csv", "results/accuracy/sweep.csv"]
    start, before = time.monotonic(), _cpu_s()
    done = subprocess.run(
        command(folder, "-n", *targets, "--config", f"shards={jobs // 2}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, cpu = time.monotonic() - start, _cpu_s() - before
    planned = re.search(r"^total +(\d+)", done.stdout + done.stderr, re.M)
    return {"jobs": int(planned[1]), "seconds": round(seconds, 1), "cpu_s": round(cpu, 1)}


def runs(folder: Path, count: int = 100_000) -> dict[str, float]:
    """Evaluate so many runs, killed once; return what that took and whether it went on."""
    lengths = list(range(64, 64 + count // 50))  # from the 64 of the prompt on
    grids = [FEW, FEW | {"batch_size": list(range(1, 51)), "seq_len": lengths}]
    settings = {"hardware": grids, "figures": ["fig02"]}
    (folder / "load.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    made = ["hardware", "carbon", "--configfile", str(folder / "load.yaml"), "--cores", "2"]
    start = time.monotonic()
    first = subprocess.Popen(
        command(folder, *made),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    parts = folder / "results" / "hardware" / "parts" / "hardware"
    while first.poll() is None and len(list(parts.glob("[0-9]*.csv"))) < 3:  # some are finished
        time.sleep(0.1)
    if killed := first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)  # Snakemake and all its jobs
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("[0-9]*.csv")}
    subprocess.run(command(folder, *made, "--unlock"), cwd=ROOT, check=True, capture_output=True)
    subprocess.run(command(folder, *made), cwd=ROOT, check=True, capture_output=True)
    with (folder / "results" / "hardware" / "hardware.csv").open("rb") as table:
        rows = sum(1 for _ in table) - 1
    return {
        "rows": rows,
        "parts": len(list(parts.glob("[0-9]*.csv"))),
        "killed": killed,
        "kept": sum(path.stat().st_mtime_ns == at for path, at in kept.items()),
        "seconds": round(time.monotonic() - start, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
