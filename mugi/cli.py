"""The `mugi` command. Its subcommands are modules of `mugi.commands`, imported when they run."""

import argparse
import os
import sys
from importlib import import_module

from mugi.errors import InputError

# subcommand, a module of mugi.commands with add_arguments(parser) and run(args) -> help line
COMMANDS = {
    "check": "check a configuration file",
    "schema": "print the configuration's JSON schema or its table in Markdown",
    "approximate": "error of an approximation on every input",
    "fit": "parameters of approximations that suit given inputs",
    "weigh": "error of approximations by how often inputs occur",
    "lookup": "a VLP lookup table and what is read in it",
    "simulate": "the array against plain references and the cost model",
    "trace": "signals of a small array, cycle by cycle",
    "prepare": "write an embedded model as a local checkpoint",
    "accuracy": "accuracy of a model under approximations",
    "profile": "inputs of softmax and activation in a real model",
    "datapath": "INT4 layers of a model on the simulated array",
    "tune": "each layer's own LUT window",
    "concentration": "where the profiled inputs lie",
    "bigbench": "fetch BIG-bench tasks for `mugi accuracy`",
    "collect": "tables with the same columns as one table",
    "evaluate": "time, energy and area of accelerators on LLMs",
    "explore": "sweeps over any column, and their Pareto fronts",
    "assumptions": "list the switches of the cost model",
    "carbon": "operational and embodied carbon of evaluated runs",
    "claims": "judge the paper's claims from the result tables",
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; return 0, 1 (a claim's verdict changed) or 2 (bad input)."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="mugi", description=__doc__.split(".")[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_line in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_line, description=help_line)
        if argv[:1] == [name]:
            command = import_module(f"mugi.commands.{name}")
            command.add_arguments(subparser)
    args = parser.parse_args(argv)
    try:
        status = command.run(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, UnicodeDecodeError) as error:
        name = getattr(error, "filename", None)
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        print(f"mugi {args.command}: {name + ': ' if name else ''}{reason}", file=sys.stderr)
        return 2
    except InputError as error:
        for mistake in error.mistakes:
            print(f"mugi {args.command}: {mistake}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
