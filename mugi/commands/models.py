"""`mugi models`: what models come with the package, and how a config.json is read."""

import argparse

import pandas as pd
import yaml

from mugi.commands.output import as_json, closing
from mugi.errors import InputError
from mugi.files import check_writable, write_text
from mugi.hardware.library import ENDINGS
from mugi.hardware.model import load_model, models, translation

WIDTHS = (20, 12, 8, 6, 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mugi models`."""
    parser.add_argument(
        "action", nargs="?", choices=["import"], help="translate a config.json; left out: list"
    )
    parser.add_argument(
        "config", nargs="?", help="config.json, a folder that has one, or a cached hub id"
    )
    parser.add_argument("-o", "--output", help="the model as .yaml; left out: printed")
    parser.add_argument("--json", action="store_true", help="the list as JSON, for programs")


def run(args: argparse.Namespace) -> None:
    """List the models of the package, or print or write what a config.json says."""
    if bool(args.action) != bool(args.config):
        raise InputError("import needs a config.json: mugi models import CONFIG [-o FILE]")
    if args.json if args.action else args.output:
        raise InputError("-o goes with import, --json with the list")
    told = _imported(args.config, args.output) if args.action else _listed(args.json)
    closing({args.output or "stdout": told}, beside_data=not args.output)


def _listed(json: bool) -> str:
    """Print a row a model: parameters, all and those that one token passes, and the source.

    Returns what was printed, in words.
    """
    rows = []
    for name in models():
        model = load_model(name)
        size = {"parameters_b": model.parameters / 1e9, "active_b": model.active_parameters / 1e9}
        rows.append({"model": name} | size | {"layers": model.depth, "source": model.source})
    table = pd.DataFrame(rows)
    if json:
        print(as_json(table))
    else:
        for row in [list(table), *table.to_numpy().tolist()]:
            cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
            padded = (cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
            print("  ".join(padded))
    return f"{len(table)} models; --model takes one's name"


def _imported(config: str, output: str | None) -> str:
    """Print or write the YAML of a config.json; nothing is written if it cannot be costed.

    Returns how large the model is, in words.
    """
    if output:
        if not output.endswith(ENDINGS):
            raise InputError(f"'{output}' must end in {' or '.join(ENDINGS)}")
        check_writable(output)
    model, read = load_model(config), translation(config)
    if not read:
        raise InputError(f"'{config}' is a model's own YAML; there is nothing to translate")
    text = as_yaml(read.content, read.notes)
    if output:
        write_text(output, text)
    else:
        print(text, end="")
    size, active = model.parameters / 1e9, model.active_parameters / 1e9
    return f"{size:.4g} B parameters, {active:.4g} B of them for one token"


def as_yaml(content: dict, notes: tuple[str, ...]) -> str:
    """Return a model's YAML, with what it leaves out as comments on top."""
    comments = "".join(f"# {' '.join(note.split())}\n" for note in notes)
    return comments + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
