"""Programs for `mugi_array`: what its ports get in each cycle, and what comes out, as `mugi.array`.

A program is a dict of arrays (cycles, elements), filled window after window. `reset` holds in its
first cycles.
"""

from pathlib import Path

import numpy as np

from mugi.array.converter import WINDOW_CYCLES, Array
from tests.rtl.simulation import simulate

RESET = 2  # cycles
START = 6  # the cycle in which the first window's begin stands; its count 0 is one later


def ports(height: int, width: int, lut: int) -> dict[str, tuple[int, int]]:
    """Return bits of an element and number of elements of each input of `mugi_array`."""
    single = ["reset", "begin_window", "nonlinear", "exponential", "negative_lut", "first", "last"]
    return dict.fromkeys(single, (1, 1)) | {
        "last_column": (3, 1),
        "push_inputs": (1, 1),
        "inputs": (16, width),
        "push_weights": (1, 1),
        "weights": (5, height),
        "load_inputs": (1, 1),
        "used": (1, height),
        "valid": (1, height),
        "codes": (16, height),
        "push_lut_row": (1, 1),
        "lut_row": (16, lut),
        "lut_low": (8, 1),
        "pop": (1, 8),
    }


OUTPUTS = {
    "outputs": 16,
    "sums_of_exponentials": 16,
    "takes": 1,
    "takes_column": 3,
    "sums": 16,
    "selects_current": 1,
    "selects_previous": 1,
}


class Program:
    """Ports of an array for `cycles` cycles, all 0 after the reset: `program["pop"][cycle] = 1`."""

    def __init__(self, array: Array, cycles: int, lut: int = 12):
        self.array, self.lut = array, lut
        self.ports = ports(array.height, array.width, lut)
        self.values = {
            name: np.zeros((cycles, number), np.uint16) for name, (_, number) in self.ports.items()
        }
        self["reset"][:RESET] = 1

    def __getitem__(self, port: str) -> np.ndarray:
        return self.values[port]

    def windows(self, count: int, **settings: np.ndarray | int) -> np.ndarray:
        """Let `count` windows begin one after the other; return the cycles of their begins.

        settings: what holds for each, by port, in the cycle of its begin.
        """
        begins = START + WINDOW_CYCLES * np.arange(count)
        self["begin_window"][begins] = 1
        for port, values in settings.items():
            self[port][begins, 0] = values
        return begins

    def run(self, folder: Path, **options) -> dict[str, np.ndarray]:
        """Return the array's outputs by port, (cycles, H); AssertionError where a FIFO fails."""
        outputs = {name: (bits, self.array.height) for name, bits in OUTPUTS.items()}
        found = simulate(
            "mugi_array",
            {name: (bits, self.values[name]) for name, (bits, _) in self.ports.items()},
            outputs | {"fault": (1, 1)},
            folder,
            settled=RESET,
            H=self.array.height,
            W=self.array.width,
            LUT=self.lut,
            **options,
        )
        faults = found.pop("fault")[RESET:]
        assert not faults.any(), f"a FIFO ran over or empty in cycle {RESET + faults.argmax()}"
        for values in found.values():
            values[:RESET] = 0  # unknown
        return found


def rows_of_eighth(array: Array) -> np.ndarray:
    """Return the eighth that each row is in, one word of oSRAM a column: int (H,)."""
    return np.arange(array.height) // (array.height // 8)
