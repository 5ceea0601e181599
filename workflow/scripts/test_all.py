"""Run all tests, slow ones too, a file at a time on each core; files that passed are left out.

    python workflow/scripts/test_all.py [--again]

What a file said is printed when it has ended. What has passed stands in `.pytest_passed`, which
goes when all have, when the code has changed since, and with --again. Status 1 if a file fails.
"""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSED = ROOT / ".pytest_passed"
NO_TESTS = 5  # pytest's status for a file without tests
MOST_AT_ONCE = 4  # a file that runs models takes up to 4 GB


def main(again: bool) -> int:
    """Run what has not passed yet; print a line a file."""
    code = state_of_code()
    lines = PASSED.read_text(encoding="utf-8").splitlines() if PASSED.is_file() else []
    passed = set() if again or lines[:1] != [code] else set(lines[1:])
    PASSED.write_text("\n".join([code, *sorted(passed), ""]), encoding="utf-8")
    names = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    failed = []
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_AT_ONCE))
    try:
        runs = [pool.submit(run, name) for name in sorted(set(names) - passed)]
        for name, tested in (done.result() for done in as_completed(runs)):
            print(f"== {name}\n{tested.stdout}", flush=True)
            if tested.returncode in (0, NO_TESTS):
                with PASSED.open("a", encoding="utf-8") as file:
                    file.write(f"{name}\n")
            else:
                failed.append(name)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted run starts no more
    if failed:
        print(f"failed: {', '.join(failed)}")
        return 1
    PASSED.unlink()
    print("all tests passed")
    return 0


def run(name: str) -> tuple[str, subprocess.CompletedProcess]:
    """Run the tests of a file."""
    pytest = [sys.executable, "-m", "pytest", "-q", "--durations=3", name]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return name, subprocess.run(pytest, cwd=ROOT, check=False, **how)


def state_of_code() -> str:
    """Return a digest of everything that git would commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed)):
        path = ROOT / name.decode()
        digest.update(name + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main("--again" in sys.argv[1:]))
