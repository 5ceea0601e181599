"""Time to build the tables of every method that the default configuration names.

    python benchmarks/tables.py -o results/benchmarks/tables.csv

Each method is built once for each function that is asked of it, as one process that needed them
all would. CPU time, so that other work on the machine does not count.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mugi.analysis.select import SEARCHED
from mugi.documents import read_yaml
from mugi.files import write_table
from mugi.methods import OPERATIONS, Method, parse, parse_operations
from mugi.methods.grid import expand

ACTIVATION = "silu"  # of the embedded model


def main() -> None:
    """Print one line a section of the configuration, and one for all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, default=Path("config.yaml"))
    parser.add_argument("-o", "--output", type=Path, help="CSV of the printed lines")
    args = parser.parse_args()
    lines, built = [], set()
    for section, methods in methods_of(read_yaml(args.config).content).items():
        new = dict.fromkeys(one for one in methods if one not in built)
        built.update(new)
        began = time.process_time()
        tables = sum(len(method.stack(function).tables) for method, function in new)
        seconds = time.process_time() - began
        lines.append({"section": section, "methods": len(new), "tables": tables, "cpu_s": seconds})
    table = pd.DataFrame(lines)
    table.loc[len(table)] = ["all", *table[["methods", "tables", "cpu_s"]].sum()]
    table["cpu_s"] = table["cpu_s"].round(3)
    print(table.to_string(index=False))
    if args.output:
        write_table(table, args.output)


def methods_of(config: dict) -> dict[str, list[tuple[Method, str]]]:
    """Return the methods and functions that sections of a configuration need, repeats included."""
    approximations = map(parse_operations, config["accuracy"]["approximations"])
    drawn = [
        (parse(text, function), function)
        for function, chosen in config["approximations"].items()
        for text in chosen["methods"]
    ]
    return {
        "accuracy": [pair for one in approximations for pair in _of_model(one._asdict())],
        "sweep": list(_of_grids(config["sweep"])),
        "approximations": drawn,
        "fit": list(_of_grids(config["fit"])),
        "fit.shift": list(_of_grids(config["fit"]["shift"])),
    }


def _of_model(methods: dict[str, Method | None]) -> Iterator[tuple[Method, str]]:
    for operation in SEARCHED:
        if methods[operation]:
            yield methods[operation], "exp" if operation == "softmax" else ACTIVATION


def _of_grids(section: dict) -> Iterator[tuple[Method, str]]:
    for operation in SEARCHED:
        for method in expand(section[operation], operation):
            yield method, next(f for f in OPERATIONS[operation] if f in method.functions)


if __name__ == "__main__":
    main()
