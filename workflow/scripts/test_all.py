"""Run all tests, slow ones too, one file at a time; files that passed before are left out.

    python workflow/scripts/test_all.py [--again]

What has passed stands in `.pytest_passed`, which goes when all have, when the code has changed
since, and with --again. Status 1 if a file fails.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSED = ROOT / ".pytest_passed"
NO_TESTS = 5  # pytest's status for a file without tests


def main(again: bool) -> int:
    """Run what has not passed yet; print a line a file."""
    code = state_of_code()
    lines = PASSED.read_text(encoding="utf-8").splitlines() if PASSED.is_file() else []
    passed = set() if again or lines[:1] != [code] else set(lines[1:])
    PASSED.write_text("\n".join([code, *sorted(passed), ""]), encoding="utf-8")
    failed = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in passed:
            print(f"== {name} passed before", flush=True)
            continue
        print(f"== {name}", flush=True)
        pytest = [sys.executable, "-m", "pytest", "-q", "--durations=3", name]
        if subprocess.run(pytest, cwd=ROOT, check=False).returncode in (0, NO_TESTS):
            with PASSED.open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
        else:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
        return 1
    PASSED.unlink()
    print("all tests passed")
    return 0


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
