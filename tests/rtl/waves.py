"""Signals inside a row of the Verilog array, for the picture of how it works.

`python -m tests.rtl.waves` writes mugi/rtl/waves.csv again (needs iverilog).
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.array.converter import Array
from mugi.bf16 import from_bf16, to_bf16
from mugi.files import write_table
from mugi.rtl.waves import WAVES
from tests.rtl.program import OUTPUTS, RESET, START, Program
from tests.rtl.simulation import SOURCES, simulate

# the array, with signals of its first row and column as outputs beside its own
INSIDE = {
    "count": (3, "array.stage[0].count"),
    "running": (1, "array.stage[0].running"),
    "column_0": (16, "array.columns[15:0]"),
    "spikes_current": (8, "array.rows[0].row.spikes_current"),
    "spikes_previous": (8, "array.rows[0].row.spikes_previous"),
    "full": (8, "array.rows[0].row.waiting_products.full"),
    "behind": (1, "array.rows[0].row.behind"),
    "taken": (1, "array.rows[0].row.takes"),
    "taken_column": (3, "array.rows[0].row.takes_column"),
    "product": (16, "array.rows[0].row.accumulator.product"),
    "partial_sum": (16, "array.rows[0].row.sum"),
}
WEIGHTS = (7, -1, 4)  # of the row, a window each: after a large one a small one
INPUTS = np.arange(1, 9) / 8


def traced(folder: Path) -> pd.DataFrame:
    """Return the signals of WEIGHTS' windows, a row a cycle from the first window's count 0 on."""
    array = Array(8)
    program = Program(array, START + 8 * (len(WEIGHTS) + 2))
    begins = program.windows(len(WEIGHTS), last_column=7)
    program["first"][begins[0]] = program["last"][begins[-1]] = 1
    program["push_inputs"][begins - 1] = program["push_weights"][begins - 1] = 1
    program["inputs"][begins - 1] = to_bf16(INPUTS)
    weights = np.array(WEIGHTS)
    program["weights"][begins - 1, 0] = 16 + (weights < 0) * 8 + np.abs(weights)
    found = simulate(
        "inside",
        {name: (bits, program.values[name]) for name, (bits, _) in program.ports.items()},
        {name: (bits, 1) for name, (bits, _) in INSIDE.items()},
        folder / "run",
        sources=with_wrapper(folder / "verilog", program),
        settled=RESET,
    )
    table = pd.DataFrame(found)
    for name in ("column_0", "product", "partial_sum"):
        table[name] = from_bf16(table[name].to_numpy(np.uint16))
    table = table[START + 1 :][: 8 * len(WEIGHTS) + 7].reset_index(drop=True)
    for name in ("product", "partial_sum"):
        table.loc[table["taken"] == 0, name] = 0.0
    return table.rename_axis("cycle").reset_index()


def with_wrapper(folder: Path, program: Program) -> Path:
    """Return a folder with the Verilog and a module `inside` that shows INSIDE."""
    shutil.copytree(SOURCES, folder)
    inputs = {name: bits * number for name, (bits, number) in program.ports.items()}
    ports = [f"input [{bits - 1}:0] {name}" for name, bits in inputs.items()]
    ports += [f"output [{bits - 1}:0] {name}" for name, (bits, _) in INSIDE.items()]
    connected = [f".{name}({name})" for name in inputs]
    connected += [f".{name}()" for name in (*OUTPUTS, "fault")]
    shown = [f"assign {name} = {path};" for name, (_, path) in INSIDE.items()]
    text = "\n".join(
        [
            f"module inside(input clk, {', '.join(ports)});",
            f"mugi_array array (.clk(clk), {', '.join(connected)});",
            *shown,
            "endmodule",
        ]
    )
    (folder / "inside.v").write_text(text)
    return folder


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        write_table(traced(Path(place)), WAVES)
