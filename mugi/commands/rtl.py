"""`mugi rtl`: areas of Verilog by open synthesis, in a library of the user's."""

import argparse
import os
from pathlib import Path

from mugi.commands.output import closing
from mugi.commands.parts import add_parts
from mugi.errors import InputError, Mistake, shown
from mugi.files import TABLES, check_outputs, check_writable, write_table, write_text
from mugi.hardware.technology import DEFAULT
from mugi.rtl import published, rows, units
from mugi.rtl.synthesis import LIBRARIES, check_tool, library, synthesise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `mugi rtl`, each a command of its own."""
    add_parts(parser, PARTS, "what to make")


def run(args: argparse.Namespace) -> int:
    """Run the chosen part; return 1 if areas differ from the reference."""
    written, status = args.make(args)
    closing(written, beside_data=args.output is None)
    return status


def _add_library(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--liberty",
        default="osu018",
        metavar="FILE",
        help=f"liberty file, or {', '.join(LIBRARIES)} of Debian (default: %(default)s)",
    )
    parser.add_argument(
        "--clock-ns",
        type=_positive,
        help="clock to meet (default: 1.4 times the fastest BF16 adder of the library)",
    )


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not '{text}'")
    return number


def _add_area(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.v", help="Verilog")
    parser.add_argument("--top", required=True, metavar="NAME", help="the module")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="a parameter of the module (may be repeated)",
    )
    _add_library(parser)
    parser.add_argument("--technology", default=DEFAULT, help="it is a row of (default: 45nm)")
    parser.add_argument("-o", "--output", type=Path, help="technology that has it (default: print)")


def _area(args: argparse.Namespace) -> tuple[dict, int]:
    """Print or write a component's row of a technology."""
    parameters = _parameters(args.set)
    if args.output:
        check_writable(args.output, (".yaml", ".yml"))
    check_tool()
    liberty = library(args.liberty)
    clock_ns = args.clock_ns or units.clock_of(liberty)
    made = synthesise(args.files, args.top, parameters, liberty, clock_ns)
    adder = synthesise(units.verilog(), units.ADDER, {}, liberty, clock_ns)
    late = ", LATE" if made.longest_path_ns > clock_ns else ""
    comment = (
        f"{shown(liberty.name)}: {made.area:g}, {made.area / adder.area:.3g} BF16 adders;"
        f" {made.flip_flops} flip-flops, {made.cells} cells,"
        f" path {made.longest_path_ns:g} of {clock_ns:g} ns{late}"
    )
    line = rows.yaml_row(args.top, rows.row(made, adder, args.technology), comment)
    text = (
        "# Area by synthesis, told by the BF16 adder. Power is estimated from it: flip-flops as\n"
        "# registers, the rest as so much of an adder.\n"
        f"{rows.extends(args.technology)}\nlogic:\n{line}"
    )
    if args.output:
        write_text(args.output, text)
    else:
        print(text, end="")
    return {args.output or args.top: comment}, 0


def _parameters(texts: list[str]) -> dict[str, int]:
    """Return NAME=NUMBER texts as a mapping."""
    parameters = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            parameters[name] = int(value)
        except ValueError:
            raise InputError(Mistake("NAME=NUMBER is needed", f"--set {text}")) from None
    return parameters


def _add_table(parser: argparse.ArgumentParser) -> None:
    _add_library(parser)
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help="at a time (default: %(default)s)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="CSV; a YAML beside it says of what"
    )


def _table(args: argparse.Namespace) -> tuple[dict, int]:
    """Write the areas of all units; on the reference's library they should be the reference's."""
    check_writable(args.output, TABLES[:1])
    check_writable(args.output.with_suffix(".yaml"))
    table = units.areas(args.liberty, clock_ns=args.clock_ns, jobs=max(1, args.jobs))
    units.write_areas(table, units.provenance(args.liberty), args.output)
    if library(args.liberty) != LIBRARIES["osu018"] or args.clock_ns:
        return {args.output: table}, 0
    different = units.differences(table, units.read_areas())
    print("\n".join(different or [f"all areas within {units.CLOSE:.0%} of the reference"]))
    return {args.output: table}, int(bool(different))


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "areas", type=Path, nargs="?", default=units.REFERENCE, help="table of `mugi rtl table`"
    )
    parser.add_argument("--units", type=Path, required=True, help="unit by unit, CSV to write")
    parser.add_argument("--sums", type=Path, required=True, help="array by array, CSV to write")
    parser.add_argument("-o", "--output", type=Path, required=True, help="their parts, CSV")


def _compare(args: argparse.Namespace) -> tuple[dict, int]:
    """Write areas beside the published ones."""
    check_outputs([args.output, args.sums, args.units])
    areas = units.read_areas(args.areas)
    parts, beside = published.arrays(areas), published.beside_published(areas)
    tables = {args.output: parts, args.sums: published.array_sums(parts), args.units: beside}
    for path, table in tables.items():
        write_table(table, path)
    return tables, 0


def _add_technology(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "areas", type=Path, nargs="?", default=units.REFERENCE, help="table of `mugi rtl table`"
    )
    parser.add_argument("--technology", default=DEFAULT, help="it extends (default: 45nm)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="YAML to write")


def _technology(args: argparse.Namespace) -> tuple[dict, int]:
    """Write a technology with the areas of a table."""
    check_writable(args.output, (".yaml", ".yml"))
    table = units.read_areas(args.areas)
    text = rows.open_technology(table, args.technology)
    write_text(args.output, text)
    return {args.output: f"areas of {text.count('area_mm2')} classes"}, 0


# part -> help line, what adds its arguments, what returns what it wrote and its exit status
PARTS = {
    "area": ("a component's row of a technology, from Verilog", _add_area, _area),
    "table": ("areas of all units of the arrays in rtl/", _add_table, _table),
    "compare": ("areas beside the published ones", _add_compare, _compare),
    "technology": ("a technology with synthesised areas", _add_technology, _technology),
}
