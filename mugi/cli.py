"""The `mugi` command. Each subcommand lives with its stage and is imported only when it is run."""

import argparse
import os
import sys
from importlib import import_module

from mugi.errors import InputError

# subcommand -> (module with add_arguments(parser) and run(args) -> exit code, help line); a module
# of several has add_arguments_of_NAME and run_NAME
COMMANDS = {
    "check": ("mugi.config.command", "check a configuration file"),
    "schema": (
        "mugi.config.command",
        "print the configuration's JSON schema or its table in Markdown",
    ),
    "approximate": ("mugi.analysis.command", "error of an approximation on every input"),
    "fit": ("mugi.analysis.command", "parameters of approximations that suit given inputs"),
    "weigh": ("mugi.analysis.command", "error of approximations by how often inputs occur"),
    "lookup": ("mugi.analysis.command", "a VLP lookup table and what is read in it"),
    "simulate": ("mugi.array.command", "the array against plain references and the cost model"),
    "trace": ("mugi.array.command", "signals of a small array, cycle by cycle"),
    "prepare": ("mugi.accuracy.commands.prepare", "write an embedded model as a local checkpoint"),
    "accuracy": ("mugi.accuracy.commands.evaluate", "accuracy of a model under approximations"),
    "profile": (
        "mugi.accuracy.commands.profile",
        "inputs of softmax and activation in a real model",
    ),
    "datapath": (
        "mugi.accuracy.commands.datapath",
        "INT4 layers of a model on the simulated array",
    ),
    "tune": ("mugi.accuracy.commands.tune", "each layer's own LUT window"),
    "concentration": ("mugi.accuracy.commands.concentration", "where the profiled inputs lie"),
    "bigbench": ("mugi.accuracy.commands.bigbench", "fetch BIG-bench tasks for `mugi accuracy`"),
    "collect": ("mugi.commands.collect", "tables with the same columns as one table"),
    "evaluate": ("mugi.commands.evaluate", "time, energy and area of accelerators on LLMs"),
    "explore": ("mugi.commands.explore", "sweeps over any column, and their Pareto fronts"),
    "assumptions": ("mugi.commands.assumptions", "list the switches of the cost model"),
    "carbon": ("mugi.commands.carbon", "operational and embodied carbon of evaluated runs"),
    "claims": ("mugi.commands.claims", "judge the paper's claims from the result tables"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; return 0, 1 (a claim's verdict changed) or 2 (bad input)."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="mugi", description=__doc__.split(".")[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_line) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_line, description=help_line)
        if argv[:1] == [name]:
            command = vars(import_module(module))
            add_arguments = command.get(f"add_arguments_of_{name}") or command["add_arguments"]
            add_arguments(subparser)
    args = parser.parse_args(argv)
    try:
        run = command.get(f"run_{args.command}") or command["run"]
        status = run(args) or 0
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
