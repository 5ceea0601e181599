"""`mugi judge`: what the paper's conclusions rest on, how sure they are, and where they hold."""

import argparse
from pathlib import Path

import pandas as pd

from mugi import assumptions
from mugi.commands.output import closing
from mugi.commands.parts import add_parts
from mugi.files import (
    TABLES,
    check_outputs,
    check_writable,
    read_table,
    write_table,
    write_text,
)
from mugi.hardware.runs import KEYS
from mugi.judge.breakeven import break_even
from mugi.judge.costs import load_costs
from mugi.judge.gates import in_gates
from mugi.judge.multiverse import UNIVERSES, curve, drawn, indices, one_at_a_time, summary
from mugi.judge.sobol import sobol_indices, strongest
from mugi.judge.stand import DOCUMENTS, FUNCTIONS, NEEDED, QUANTISERS, stand
from mugi.judge.sure import DRAWS, SEED, check_count, how_sure
from mugi.judge.survives import TABLES as TABLES_OF_SURVIVES
from mugi.judge.survives import what_survives
from mugi.judge.universes import ACTING, configurations
from mugi.judge.variance import SAMPLES, variance_shares
from mugi.judge.where import BATCHES, HEIGHTS, LENGTHS, MODELS, where_it_holds
from mugi.ledger import LEDGER, load_ledger, load_ledgers

# columns of a map -> their values
POINTS = {"model": MODELS, "batch_size": BATCHES, "seq_len": LENGTHS, "array_height": HEIGHTS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `mugi judge`, each a command of its own."""
    add_parts(parser, PARTS, "what to judge")


def run(args: argparse.Namespace) -> None:
    """Write the tables of the chosen part."""
    check_writable(args.output, (".md",) if args.part == "survives" else TABLES)
    written = args.make(args)
    for path, content in written.items():
        write_text(path, content) if isinstance(content, str) else write_table(content, path)
    closing(written)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help="table to write")


def _add_preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset",
        choices=assumptions.PRESETS,
        default=assumptions.DEFAULT_PRESET,
        help="assumptions of the cost model (default: %(default)s)",
    )


def _add_break_even(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    _add_preset(parser)


def _break_even(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    return {args.output: break_even(args.preset)}


def _add_switches(parser: argparse.ArgumentParser) -> None:
    _add_hardware(parser)
    _add_output(parser)
    parser.add_argument(
        "--assumption",
        action="append",
        choices=ACTING,
        metavar="NAME",
        help="one to set otherwise (may be repeated; default: all)",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        action="append",
        metavar="FILE",
        help="claims to judge in place of the paper's (may be repeated)",
    )


def _switches(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    runs, names = configurations(_read_runs(args)), args.assumption or ACTING
    return {args.output: one_at_a_time(load_ledgers(args.ledger or [LEDGER]), runs, names)}


def _add_universes(parser: argparse.ArgumentParser) -> None:
    _add_hardware(parser)
    _add_output(parser)
    parser.add_argument("--summary", type=Path, required=True, help="how the draws lie, to write")
    parser.add_argument("--indices", type=Path, required=True, help="what explains them, to write")
    parser.add_argument("--count", type=int, default=UNIVERSES, help="draws (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: %(default)s)")
    help_line = f"draw {' and '.join(assumptions.SYNTHESISED)} too, which the paper does not know"
    parser.add_argument("--synthesised", action="store_true", help=help_line)


def _universes(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    check_outputs([args.output, args.summary, args.indices])
    check_count(args.count, "count", args.seed)
    ledger = load_ledger(LEDGER)
    draws = drawn(args.count, args.seed, args.synthesised)
    table = curve(ledger, configurations(_read_runs(args)), draws)
    summarised, explained = summary(ledger, table), indices(table, args.seed)
    return {args.output: table, args.summary: summarised, args.indices: explained}


def _add_survives(parser: argparse.ArgumentParser) -> None:
    _add_hardware(parser)
    for name in TABLES_OF_SURVIVES:
        parser.add_argument(f"--{name}", type=Path, required=True, help="table of `mugi judge`")
    _add_output(parser)


def _survives(args: argparse.Namespace) -> dict[Path, str]:
    tables = {
        name: read_table(getattr(args, name), texts, numbers)
        for name, (texts, numbers) in TABLES_OF_SURVIVES.items()
    }
    page = what_survives(load_ledger(LEDGER), hardware=_read_runs(args), **tables)
    return {args.output: page}


def _add_accuracy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accuracy", type=Path, help="table written by `mugi accuracy`")
    parser.add_argument(
        "--documents",
        action="extend",
        nargs="+",
        type=Path,
        default=[],
        help="sums of documents, written with it: what of a KL divergence is more than rounding",
    )
    _add_output(parser)


def _accuracy(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    texts = [*FUNCTIONS, *QUANTISERS]
    documents = [read_table(path, DOCUMENTS, ["total", "weight"], texts) for path in args.documents]
    return {args.output: stand(read_table(args.accuracy, NEEDED, ["value"], texts), documents)}


def _add_sobol(parser: argparse.ArgumentParser) -> None:
    _add_hardware(parser)
    _add_output(parser)
    parser.add_argument("--indices", type=Path, required=True, help="table of `mugi judge`")
    help_line = "for each assumption, a power of two (default: %(default)s)"
    parser.add_argument("--samples", type=int, default=256, help=help_line)
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: %(default)s)")


def _sobol(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    runs = configurations(_read_runs(args))
    names = strongest(read_table(args.indices, ["claim", "assumption"], ["first_order"]))
    table = sobol_indices(load_ledger(LEDGER), runs, names, args.samples, args.seed)
    return {args.output: table}


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hardware", type=Path, help="table of runs, written by `mugi evaluate`")


def _read_runs(args: argparse.Namespace) -> pd.DataFrame:
    return read_table(args.hardware, KEYS)


def _add_draws(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    _add_preset(parser)
    parser.add_argument("--costs", type=Path, help="YAML of spreads (default: the package's)")
    parser.add_argument("--seed", type=int, default=SEED, help="of draws (default: %(default)s)")


def _add_sure(parser: argparse.ArgumentParser) -> None:
    _add_draws(parser)
    parser.add_argument("--draws", type=int, default=DRAWS, help="how many (default: %(default)s)")


def _sure(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    costs = load_costs(args.costs) if args.costs else None
    return {args.output: how_sure(args.draws, args.seed, args.preset, costs)}


def _add_variance(parser: argparse.ArgumentParser) -> None:
    _add_draws(parser)
    help_line = "of Sobol's sequence for each source, a power of two (default: %(default)s)"
    parser.add_argument("--samples", type=int, default=SAMPLES, help=help_line)


def _variance(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    costs = load_costs(args.costs) if args.costs else None
    return {args.output: variance_shares(args.samples, args.seed, args.preset, costs)}


def _gates(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    return {args.output: in_gates()}


def _add_where(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    _add_preset(parser)
    for name, default in POINTS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            nargs="+",
            type=type(default[0]),
            default=default,
            help=f"of the map (default: {' '.join(map(str, default))})",
        )


def _where(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    points = [getattr(args, name) for name in POINTS]
    return {args.output: where_it_holds(*points, preset=args.preset)}


# part -> help line, what adds its arguments, what returns its tables by path
PARTS = {
    "switches": (
        "claims with one assumption at a time set otherwise",
        _add_switches,
        _switches,
    ),
    "sobol": ("what the strongest assumptions do alone and in all", _add_sobol, _sobol),
    "survives": (
        "what survives of the abstract's claims, in words",
        _add_survives,
        _survives,
    ),
    "universes": (
        "the abstract's claims in draws over all assumptions",
        _add_universes,
        _universes,
    ),
    "sure": ("the abstract's claims and leads over each rival in draws of costs", _add_sure, _sure),
    "variance": ("what the spread of these is made of", _add_variance, _variance),
    "gates": ("the paper's chips as listed and as built in gates", _add_output, _gates),
    "where": ("Mugi against the best rival, by batch, length and size", _add_where, _where),
    "accuracy": (
        "what approximations cost models, next to what INT4 costs",
        _add_accuracy,
        _accuracy,
    ),
    "breakeven": (
        "years of use and grids at which embodied carbon outweighs",
        _add_break_even,
        _break_even,
    ),
}
