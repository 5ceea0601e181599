"""The script that fetches clips of speech, with packages of Debian that are made up."""

import gzip
import hashlib
import shutil
import subprocess

import pytest

from tests.workflow.project import ROOT

SCRIPT = ROOT / "workflow" / "scripts" / "speech.sh"
USED = ["sh", "awk", "basename", "cp", "diff", "dirname", "gunzip", "gzip", "head", "mkdir"]
USED += ["mktemp", "rm", "sed", "sha256sum", "touch"]
TRANSCRIPTS = """; comment
hello: Good day: how are you?
beep: [a beep]
silent: without a recording
demo-congrats: longer than Whisper hears
"""


@pytest.fixture
def programs(tmp_path):
    """A folder with the programs that the script uses, apt-get and dpkg-deb left out."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in USED:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def fetch(programs, *arguments) -> subprocess.CompletedProcess:
    script = programs.parent / SCRIPT.name
    shutil.copy(SCRIPT, script)
    command = ["/bin/sh", str(script), *map(str, arguments)]
    return subprocess.run(command, env={"PATH": str(programs)}, capture_output=True, text=True)


def add(programs, name: str, text: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\nset -e\n{text}\n")
    (programs / name).chmod(0o755)


@pytest.fixture
def packages(programs, tmp_path):
    """Packages with a plain clip, and others that are left out; its sums are written down."""
    made = tmp_path / "made"
    sounds = made / "usr" / "share" / "asterisk" / "sounds" / "en_US_f_Allison"
    words = made / "usr" / "share" / "doc" / "asterisk-core-sounds-en"
    sounds.mkdir(parents=True)
    words.mkdir(parents=True)
    (words / "core-sounds-en.txt.gz").write_bytes(gzip.compress(TRANSCRIPTS.encode()))
    for name in ("hello", "beep", "demo-congrats"):
        (sounds / f"{name}.wav").write_bytes(name.encode())
    add(programs, "apt-get", "touch asterisk-core-sounds-en.deb")
    add(programs, "dpkg-deb", f"cp -r {made}/usr .")
    kept = {"hello.txt": "Good day: how are you?\n", "hello.wav": "hello"}
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in kept.items()}
    lines = [f"{digest}  {name}\n" for name, digest in sums.items()]
    (tmp_path / "speech.sha256").write_text("".join(lines))
    return sounds


def test_clips_with_plain_transcripts_are_kept(packages, programs, tmp_path):
    done = fetch(programs, tmp_path / "clips with spaces")
    assert done.returncode == 0, done.stderr
    clips = tmp_path / "clips with spaces"
    assert {path.name for path in clips.iterdir()} == {"hello.wav", "hello.txt"}
    assert (clips / "hello.txt").read_text() == "Good day: how are you?\n"


@pytest.mark.parametrize(("name", "named"), [("hello", "hello.wav"), ("silent", "silent.txt")])
def test_other_clips_are_refused(packages, programs, tmp_path, name, named):
    """One that is another, and one that was not there."""
    (packages / f"{name}.wav").write_bytes(b"another voice")
    done = fetch(programs, tmp_path / "clips")
    assert (done.returncode, done.stderr) == (
        2,
        f"speech.sh: {named} is not that of asterisk-core-sounds-en 1.6.1-1 (sha256)\n",
    )
    assert not list((tmp_path / "clips").iterdir())


def test_without_apt_get_it_says_so(programs, tmp_path):
    done = fetch(programs, tmp_path / "clips")
    assert done.returncode == 2
    assert "no apt-get; the clips come from packages of Debian or Ubuntu" in done.stderr
    add(programs, "apt-get", "exit 100")
    add(programs, "dpkg-deb", "exit 1")
    done = fetch(programs, tmp_path / "clips")
    assert done.returncode == 2 and "try apt-get update" in done.stderr
    assert fetch(programs).returncode == 2
