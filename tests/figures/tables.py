"""The tables of the default configuration that figures are drawn from, evaluated once."""

from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import yaml

from mugi.carbon import account_carbon
from mugi.files import read_table, write_table
from mugi.hardware import breakdown, evaluate, expand

ROOT = Path(__file__).parents[2]
PRESETS = ["as-published", "corrected"]
# name of a figure's script -> the tables it reads
SCRIPTS = {
    **dict.fromkeys(["fig11", "fig12", "fig14", "fig16", "fig17", "roofline"], "hardware"),
    "fig13": "breakdown",
    "fig15": "carbon",
    **dict.fromkeys(["table1", "table2", "table3"], "hardware"),
}


@cache
def default_tables() -> dict[str, Path]:
    """Return the tables of the default configuration by name, evaluated once."""
    folder = Path(mkdtemp(prefix="mugi-tables-"))
    grids = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["hardware"]
    runs = evaluate(expand(grids))
    of_one_length = [grid for grid in grids if not isinstance(grid["seq_len"], list)]
    tables = {
        "hardware": runs,
        "breakdown": breakdown(expand(of_one_length)),
        "carbon": account_carbon(hardware=runs[runs["seq_len"] == 4096], presets=PRESETS),
    }
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    return {name: folder / f"{name}.csv" for name in tables}


@cache
def hardware() -> pd.DataFrame:
    return read_table(default_tables()["hardware"])


def draw(name: str, folder: Path, tables: dict[str, Path] | None = None) -> Path:
    """Run the script of a figure on its tables; return its output without suffix."""
    tables = tables or default_tables()
    first = tables[SCRIPTS[name]]
    make = import_module(f"figures.{name}").make
    make([first, tables["hardware"]] if name == "fig13" else first, folder / name)
    return folder / name
