"""A project that was moved or copied after `make`."""

import subprocess
import sys

from tests.workflow.project import ROOT

SCRIPT = ROOT / "workflow" / "scripts" / "relocate.py"


def relocate(project) -> str:
    command = [sys.executable, str(SCRIPT), ".venv"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_scripts_of_a_moved_environment_run_again(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / ".venv" / "bin").mkdir(parents=True)
    (old / ".venv" / "lib" / "python3" / "site-packages").mkdir(parents=True)
    script, interpreter = old / ".venv" / "bin" / "hello", old / ".venv" / "bin" / "python"
    interpreter.symlink_to(sys.executable)
    script.write_text(f"#!{interpreter}\nprint('hello')\n")
    script.chmod(0o755)
    found = old / ".venv" / "lib" / "python3" / "site-packages" / "_mugi.pth"
    found.write_text(f"{old}\n")
    assert relocate(old) == "" and relocate(old) == ""
    old.rename(new)
    assert relocate(new) == f".venv was made in {old}: 2 of its files repaired\n"
    moved = new / script.relative_to(old)
    assert subprocess.run([moved], capture_output=True, check=True).stdout == b"hello\n"
    assert (new / found.relative_to(old)).read_text() == f"{new}\n"
    assert relocate(new) == ""


def test_make_repairs_before_anything_runs():
    """Every target that uses the environment depends on `install`, which repairs it."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.split("\ninstall: ")[1].split("\n\n")[0]
    assert "relocate.py" in recipe
    for rule in makefile.split("\n\n"):
        lines = [line for line in rule.splitlines() if not line.startswith("#")]
        if (
            lines
            and "$(BIN)/" in rule
            and lines[0].partition(":")[0] in makefile.split(".PHONY:")[1].splitlines()[0]
        ):
            assert "install" in lines[0], lines[0]
