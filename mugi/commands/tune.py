"""`mugi tune`: each layer's own LUT window, chosen on one text and reported on another."""

import argparse
from pathlib import Path

from mugi.accuracy.tune import TuneSettings, tune_softmax
from mugi.commands.arguments import add_model_arguments, model_settings, options_named
from mugi.commands.output import closing
from mugi.files import check_outputs, write_table

_DEFAULT = {name: field.default for name, field in TuneSettings.__dataclass_fields__.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi tune`."""
    add_model_arguments(parser)
    parser.add_argument("--base", default=_DEFAULT["base"], help="VLP without its anchor")
    for name in ("--max-exp", "--min-exp"):
        parser.add_argument(
            name, type=int, action="append", default=[], help="candidate anchor (repeat for more)"
        )
    parser.add_argument(
        "--default", default=_DEFAULT["default"], help="anchor of layers not yet tuned"
    )
    parser.add_argument("--text", default=_DEFAULT["text"], help="prose, pydoc, c4 or a text file")
    for option, name, help_line in [
        ("--tries", "tries", "candidates a layer of the descent"),
        ("--window", "window_tokens", "tokens in a window"),
        ("--windows", "windows", "windows to tune on"),
        ("--held-out-windows", "held_out_windows", "windows to report on"),
        ("--kl-context", "kl_context_tokens", "tokens before the first whose KL is scored"),
    ]:
        parser.add_argument(option, type=int, default=_DEFAULT[name], help=help_line)
    parser.add_argument("--cells", type=Path, help="folder that keeps finished measurements")
    parser.add_argument("-o", "--output", type=Path, required=True, help="summary, as CSV")
    parser.add_argument("--curve", type=Path, help="scores by number of tuned layers, as CSV")
    parser.add_argument("--surface", type=Path, help="every candidate of every layer, as CSV")


def run(args: argparse.Namespace) -> None:
    """Search the assignments, score them on both splits and write the tables."""
    with options_named(args):
        settings = TuneSettings(
            max_exp=tuple(args.max_exp),
            min_exp=tuple(args.min_exp),
            base=args.base,
            default=args.default,
            tries=args.tries,
            text=args.text,
            window_tokens=args.window,
            windows=args.windows,
            held_out_windows=args.held_out_windows,
            kl_context_tokens=args.kl_context,
        )
        model = model_settings(args)
        outputs = [args.output, args.curve, args.surface]
        check_outputs(outputs)
        tables = tune_softmax(model=model, settings=settings, cells=args.cells, progress=True)
    for path, table in zip(outputs, tables, strict=True):
        if path:
            write_table(table, path)
    closing(dict(zip(outputs, tables, strict=True)))
