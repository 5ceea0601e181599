"""Commands that are made of parts, each a command of its own."""

import argparse
from collections.abc import Callable, Mapping

Part = tuple[str, Callable[[argparse.ArgumentParser], None], Callable]
"""Help line, what adds the arguments, what makes the part's results."""


def add_parts(parser: argparse.ArgumentParser, parts: Mapping[str, Part], help_line: str) -> None:
    """Add parts to a command: `part` of its arguments is the chosen one's name, `make` its last."""
    chosen = parser.add_subparsers(dest="part", required=True, metavar="PART", help=help_line)
    for name, (line, add, make) in parts.items():
        part = chosen.add_parser(name, help=line, description=line)
        add(part)
        part.set_defaults(make=make)
