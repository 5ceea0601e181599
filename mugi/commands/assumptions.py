"""`mugi assumptions`: list the switches of the cost model."""

import argparse

from mugi.assumptions import REGISTRY, check, markdown, table
from mugi.commands.output import as_json, closing
from mugi.errors import raise_all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mugi assumptions`."""
    parser.add_argument("names", nargs="*", help="only these, with reason and source")
    parser.add_argument(
        "--markdown", action="store_true", help="all of them, as the page of the documentation"
    )
    parser.add_argument("--json", action="store_true", help="a list of mappings, for programs")


def run(args: argparse.Namespace) -> None:
    """Print the assumptions, or some of them in full."""
    raise_all([check(name, "") for name in args.names if name not in REGISTRY])
    if args.json:
        print(as_json(table(args.names or REGISTRY)))
    elif args.markdown:
        print(markdown(), end="")
    elif args.names:
        for entry in table(args.names).to_dict("records"):
            print("\n".join(f"{key:<10} {text}" for key, text in entry.items() if text), end="\n\n")
    else:
        shown = table()[["name", "kind", "published", "corrected", "others", "acts in"]]
        widths = [max(len(name), shown[name].str.len().max()) for name in shown]
        for row in [list(shown), *shown.to_numpy().tolist()]:
            cells = zip(row, widths, strict=True)
            print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    count = len(args.names or REGISTRY)
    closing({"stdout": f"{count} assumptions; `mugi assumptions NAME` says why"}, beside_data=True)
