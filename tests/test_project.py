"""The workflow around the package: `mugi init`, and the wheel and the sdist that carry it."""

import os
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from mugi.cli import main
from mugi.project import sources
from tests.workflow.project import ROOT, committed, copy_of_project

RUN = ["--design", "mugi", "--array-height", "256", "--model", "llama_2_7b"]
RUN += ["--batch-size", "8", "--seq-len", "4096"]


def test_init_writes_all_that_the_workflow_reads(tmp_path, capsys):
    folder = tmp_path / "mine and yours"
    assert main(["init", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"cd '{folder}'" and "snakemake -n" in told[2]
    written = {path.name for path in folder.iterdir()}
    assert written == set(sources())
    assert {"Snakefile", "config.yaml", "workflow", "figures", "profiles"} <= written
    assert (folder / "Snakefile").read_bytes() == (ROOT / "Snakefile").read_bytes()


def test_init_takes_an_empty_folder_and_this_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    assert (tmp_path / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("full", "full: not empty; name a new or an empty folder"),
        ("full/file", "file: a file; name a new or an empty folder"),
        ("full/file/below", "Not a directory"),
    ],
)
def test_init_refuses_what_is_not_empty_and_leaves_it(tmp_path, capsys, name, line):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert main(["init", str(tmp_path / name)]) == 2
    told = capsys.readouterr().err
    assert line in told and told.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "file"]


def test_no_two_files_differ_only_by_case():
    """macOS and Windows would keep one of them."""
    names = committed()
    assert len(names) > 400 and len({name.lower() for name in names}) == len(names)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> Path:
    """The folder of a wheel and an sdist, built of what git would commit."""
    base = tmp_path_factory.mktemp("build")
    copy = copy_of_project(base)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    (copy / "docs" / "_build").mkdir()
    (copy / "docs" / "_build" / "made.html").touch()
    python = environment(base / "builder")
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", "hatchling"], check=True)
    subprocess.run([python, "-m", "hatchling", "build", "-d", base], cwd=copy, check=True)
    return base


def environment(folder: Path) -> Path:
    """Make a virtual environment; return its Python."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


@pytest.mark.slow
def test_wheel_and_sdist_carry_what_git_would_commit_and_nothing_else(distributions):
    with zipfile.ZipFile(next(distributions.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    tracked = set(committed())
    assert packed == tracked | {"PKG-INFO"}
    carried = {name.removeprefix("mugi/project/") for name in names if "mugi/project/" in name}
    assert carried <= tracked
    assert {name.partition("/")[0] for name in carried} == set(sources())
    assert {name for name in names if "/project/" not in name and ".dist-info" not in name} == {
        name for name in tracked if name.startswith("mugi/")
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_an_installed_package_runs_away_from_the_checkout(distributions, kind, tmp_path):
    """The packages of this environment, ours from the distribution: `mugi init`, then a table."""
    python = environment(tmp_path / "environment")
    packages = sysconfig.get_path("purelib")
    own = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "environment")})
    builder = next((distributions / "builder").glob("lib/*/site-packages"))
    # the folders of .pth files come after the environment's own, and their .pth files do not count:
    # an editable install of the checkout is not seen
    (Path(own) / "others.pth").write_text(f"{packages}\n{builder}\n")
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def ran(*words: object, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            [*map(str, words)], cwd=cwd, env=outside, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    ran(*pip, "--no-build-isolation", "--ignore-installed", next(distributions.glob(kind)))
    mugi = python.parent / "mugi"
    where = ran(python, "-c", "import mugi; print(mugi.__file__)").strip()
    assert Path(where).is_relative_to(tmp_path), where
    assert str(ROOT) not in ran(python, "-c", "import sys; print(sys.path)")
    ran(mugi, "init", "x")
    folder = tmp_path / "x"
    snakemake = [python, "-m", "snakemake"]
    assert "prepare_model" in ran(*snakemake, "-n", cwd=folder)
    ran(
        *snakemake,
        "table2",
        "pages",
        "--cores",
        "2",
        "--until",
        "table2",
        "write_manifest",
        cwd=folder,
    )
    assert (folder / "results" / "tables" / "table2.csv").stat().st_size > 100
    assert '"commit": null' in (folder / "results" / "manifest.json").read_text()
    assert "tokens_per_s" in ran(mugi, "evaluate", *RUN, "--json")
    assert ran(mugi, "check", "config.yaml", cwd=folder)
