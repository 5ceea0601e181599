"""The `mugi` command. Its subcommands are modules of `mugi.commands`, imported when they run."""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

import mugi
from mugi.errors import InputError, Mistake, closest, first_line, raise_all, shown, unknown
from mugi.runs import end_with_run

# subcommand, a module of mugi.commands with add_arguments(parser) and run(args) -> help line
COMMANDS = {
    "check": "check a configuration file",
    "schema": "print the configuration's JSON schema or its table in Markdown",
    "init": "write the workflow into a folder of its own",
    "doctor": "whether this machine can run it, what is missing, how long it takes",
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
    "models": "list models, or translate a Hugging Face config.json",
    "assumptions": "list the switches of the cost model",
    "carbon": "operational and embodied carbon of evaluated runs",
    "rtl": "areas of Verilog by open synthesis",
    "claims": "judge the paper's claims from the result tables",
    "judge": "what conclusions rest on, how sure they are, where they hold",
    "manifest": "the code, packages and machine that a run is made by",
    "crate": "a run as an RO-Crate: results, workflow and how each file was made",
    "report": "pages on all that there is in a folder of results",
    "compare": "result tables against another run or the package's reference",
}


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one line, with the nearest choice."""

    def error(self, message: str):
        """Leave with status 2 after one line."""
        self.exit(2, f"{self.prog}: {shown(message)}; see {self.prog} --help\n")

    def option_names(self) -> list[str]:
        """Return all options, such as `--output` and `-o`, those of subcommands too."""
        inner = self._subparsers._group_actions[0].choices.values() if self._subparsers else []
        return [*self._option_string_actions, *(x for sub in inner for x in sub.option_names())]

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            kind = action.dest.replace("_", " ")
            raise argparse.ArgumentError(None, str(unknown(kind, value, action.choices)))


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; return 0, 1 (a claim or a result differs) or 2 (bad input)."""
    argv = [with_home(text) for text in (sys.argv[1:] if argv is None else argv)]
    warn_of_another_checkout()
    end_with_run()
    parser = Parser(prog="mugi", description=mugi.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"mugi {mugi.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_line in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_line, description=help_line)
        if argv[:1] == [name]:
            command = import_module(f"mugi.commands.{name}")
            command.add_arguments(subparser)
            chosen = subparser
    try:
        if argv[:1] and argv[0] in COMMANDS:
            check_options(argv[1:], chosen.option_names())
        args = parser.parse_args(argv)
        status = command.run(args) or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"mugi {argv[0]}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, UnicodeError, MemoryError, InputError) as error:
        for mistake in mistakes_of(error):
            print(f"mugi {argv[0]}: {mistake}", file=sys.stderr)
        return 2


def mistakes_of(error: OSError | UnicodeError | MemoryError | InputError) -> Sequence[Mistake]:
    """Return what is said of errors that are the user's or the machine's."""
    match error:
        case InputError():
            return error.mistakes
        case OSError():
            return [Mistake(error.strerror or first_line(error), str(error.filename or ""))]
        case UnicodeEncodeError():  # the name of a file, which is somewhere in what was written
            odd = re.escape(error.object[error.start])
            name = re.search(rf"[^\s,]*{odd}[^\s,]*", error.object)[0]
            return [Mistake(f"'{name}' is not UTF-8 text")]
        case UnicodeError():
            return [Mistake("not UTF-8 text")]
    return [Mistake("it needs more memory than there is")]


def with_home(text: str) -> str:
    """Return an argument, or `--option=path`, with `~` in front of a path expanded."""
    option, equals, path = (
        text.rpartition("=") if re.match(r"--[\w-]+=~/", text) else ("", "", text)
    )
    return f"{option}{equals}{os.path.expanduser(path) if path.startswith('~/') else path}"


def check_options(typed: list[str], known: Iterable[str]) -> None:
    """Raise InputError for options that are none, each with the nearest.

    argparse would first complain of arguments that are missing, for want of the misspelt one.
    """
    ours = typed[: typed.index("--")] if "--" in typed else typed
    names = [text.partition("=")[0] for text in ours if text.startswith("--") and " " not in text]
    raise_all(
        [
            Mistake(f"unknown option '{name}'", nearest=closest(name, known))
            for name in names
            if not any(option.startswith(name) for option in known)  # it may be cut short
        ]
    )


def warn_of_another_checkout() -> None:
    """Say so if the folder has a package of its own: a copy whose environment is the original's."""
    here, running = Path("mugi", "cli.py").absolute(), Path(__file__).resolve()
    if here.is_file() and here.resolve() != running:
        print(
            f"mugi: this is the package in {running.parents[1]}, not the one in this folder; in a "
            "project that was moved or copied `make install` repairs it",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
