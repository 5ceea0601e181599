"""The workflow around the package: where its files are, in a checkout or in an installed wheel."""

import os
import shutil
import sys
import tempfile
import tomllib
from importlib.resources import files
from pathlib import Path

import mugi
from mugi.errors import InputError, Mistake

PACKAGE = Path(mugi.__file__).resolve().parent
CHECKOUT = PACKAGE.parent
PLACE = "mugi/project/"  # of the workflow in a wheel
MADE = ("__pycache__", "_build")  # what running and `make docs` leave between the sources


def sources() -> dict[str, Path]:
    """Return the files and folders of the workflow: name in the project -> where it is.

    A wheel carries them; in a checkout they are what the build would put there.
    """
    carried = Path(str(files("mugi"))) / "project"
    if carried.is_dir():
        return {path.name: path for path in sorted(carried.iterdir())}
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    places = wheel["sources"] | wheel["force-include"]
    return {there.removeprefix(PLACE): CHECKOUT / here for here, there in sorted(places.items())}


def write_project(folder: Path) -> int:
    """Copy the workflow into an empty or new folder, whole or not at all; return how many files.

    Raises InputError if there is something in the folder.
    """
    from mugi.files import check_writable  # `mugi doctor` reads `sources` where pandas is missing

    if folder.exists() and not folder.is_dir():
        raise InputError(Mistake("a file; name a new or an empty folder", str(folder)))
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(Mistake("not empty; name a new or an empty folder", str(folder)))
    check_writable(folder / "config.yaml")
    with tempfile.TemporaryDirectory(prefix=".mugi-", dir=folder) as place:
        for name, path in sources().items():
            if path.is_dir():
                shutil.copytree(path, Path(place) / name, ignore=shutil.ignore_patterns(*MADE))
            else:
                shutil.copy(path, Path(place) / name)
        count = sum(path.is_file() for path in Path(place).rglob("*"))
        for path in sorted(Path(place).iterdir()):
            path.rename(folder / path.name)
    return count


def check_configfiles() -> None:
    """End `snakemake` with status 2 and one line if a file of --configfile is not there.

    Both profiles call it: Snakemake opens these files before the Snakefile is read, takes targets
    behind them for more of them, and answers with a traceback.
    """
    from snakemake.cli import get_argument_parser

    typed, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    missing = [str(name) for name in typed.configfile or [] if not os.path.isfile(name)]
    if missing:
        what = f"no file '{missing[0]}'; targets stand before it, or behind another option"
        print(Mistake(what, "snakemake: --configfile"), file=sys.stderr)
        sys.exit(2)
