"""What a run was made by: of a clean, a changed and no checkout."""

import json
import subprocess
from importlib.metadata import version

import pytest

from mugi.cli import main
from mugi.manifest import checkout, manifest


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init")
    (folder / "a file.txt").write_text("one")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder.resolve()


def test_a_clean_checkout(repository):
    commit, changed = checkout(repository)
    assert len(commit) == 40 and changed == []


def test_changed_and_new_files(repository):
    (repository / "a file.txt").write_text("two")
    (repository / "new.txt").write_text("three")
    _, changed = checkout(repository)
    assert [name.strip('"') for name in changed] == ["a file.txt", "new.txt"]


def test_a_package_inside_of_another_checkout_is_none_of_its_own(repository):
    inner = repository / "site-packages"
    inner.mkdir()
    assert checkout(inner) == (None, [])


def test_the_versions_that_are_installed():
    made = manifest({"figures": ["fig16"]})
    assert made["packages"]["numpy"] == version("numpy")
    assert made["config"] == {"figures": ["fig16"]}
    assert made["dirty"] in (True, False, None)


def test_command(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("figures: [fig16]\n")
    output = tmp_path / "manifest.json"
    assert main(["manifest", str(tmp_path / "config.yaml"), "-o", str(output)]) == 0
    assert json.loads(output.read_text())["config"] == {"figures": ["fig16"]}
    assert str(output) in capsys.readouterr().out
