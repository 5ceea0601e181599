"""Decode: operations that grow with the position, summed over all decode steps.

`literal` computes every position by itself, as operations of a fixed size are computed. Nearly all
that designs say grows evenly from one row of 256 positions to the next, the off-chip tile; then a
few positions tell all others, and `kernel` adds them up.
"""

from collections.abc import Mapping

import numpy as np

from mugi.hardware import compiler, kernel, timing, workload
from mugi.hardware.events import gemm_features, noc_bits, nonlinear_features, outcome
from mugi.hardware.memory import nonlinear_offchip, row_tiles
from mugi.hardware.setups import Setups, distinct
from mugi.hardware.tiling import OFFCHIP_TILE as ROW
from mugi.hardware.workload import PREFILL_TOKENS

FIRST = np.arange(1.0, ROW + 1)  # positions of the first row
# Positions in which evenly growing values are looked at once more, and how far off they may be.
CHECKED = np.array([300.0, 641.0, 1000.0, 1793.0, 4096.0, 10007.0, 50021.0, 131071.0])
TOLERANCE = 1e-9
KINDS = ("even", *timing.TILES, "lut_tiles")  # of tiles, by their numbers in `kernel`
FILLS = ("none", "per_op", "per_tile")
FEW = 300_000  # positions that take less time than importing numba
SHAPES_AT_ONCE = 64  # whose values fit a cache


def stepped(setups: Setups, name: str, setup: np.ndarray, seq_len: np.ndarray) -> dict:
    """Return counts of events, cycles and DRAM bytes of qkt, av or softmax over decode steps.

    `setup` is each run's place among the setups and `seq_len` its length; values have one a run.
    Setups of one shape differ in their NoC only, and share all but hops and cycles.
    """
    softmax, symbols = name == "softmax", setups.symbols
    events = setups.design.nonlinear if softmax else setups.design.gemm
    batch = setups.sizes["batch"] * setups.sizes["heads" if softmax else "kv_heads"]
    columns = [batch] if softmax else [batch, setups.sizes["sharing"], setups.sizes["head_dim"]]
    columns += [symbols["array_height"][:, 0], symbols["array_width"][:, 0]]
    noc = [symbols[key][:, 0] for key in "RQ"]
    if setups.design.depends(events.names(), {"P", "R", "Q"}):
        columns += noc
    shape_first, shape_of = distinct(*columns)
    mesh_first, mesh_of = distinct(shape_of, *noc)
    mesh_shape = shape_of[mesh_first]
    run_mesh, run_shape = mesh_of[setup], shape_of[setup]
    compiled = np.sum(seq_len) > FEW
    table: dict[str, np.ndarray] = {}
    for low in range(0, len(shape_first), SHAPES_AT_ONCE):
        shapes = shape_first[low : low + SHAPES_AT_ONCE]
        meshes = np.flatnonzero((mesh_shape >= low) & (mesh_shape < low + len(shapes)))
        meshes = meshes[np.argsort(mesh_shape[meshes], kind="stable")]
        runs = np.flatnonzero((run_shape >= low) & (run_shape < low + len(shapes)))
        place = np.zeros(len(mesh_first), int)
        place[meshes] = np.arange(len(meshes))
        growth = Growth(setups.take(shapes), name)
        mesh = setups.take(mesh_first[meshes])
        found = growth.sums(
            mesh, mesh_shape[meshes] - low, place[run_mesh[runs]], seq_len[runs], compiled
        )
        uneven = np.flatnonzero(~growth.even[run_shape[runs] - low])
        if uneven.size:
            exact = literal(setups, name, setup[runs[uneven]], seq_len[runs[uneven]])
            for event, values in exact.items():
                found[event][uneven] = values
        for event, values in found.items():
            table.setdefault(event, np.zeros(len(setup)))[runs] = values
    return table


def literal(setups: Setups, name: str, setup: np.ndarray, seq_len: np.ndarray) -> dict:
    """Return what `stepped` does, with every position computed by itself."""
    table: dict[str, np.ndarray] = {}
    for one in np.unique(setup):
        runs, alone = np.flatnonzero(setup == one), setups.take(np.array([one]))
        positions = np.arange(PREFILL_TOKENS + 1.0, seq_len[runs].max() + 1)[None]
        section, features, fill = operation(alone, name, positions)
        result = outcome(section, features, fill, alone.symbols, alone.assumptions)
        for event, values in result.items():
            values = np.broadcast_to(values, positions.shape)[0]
            before = np.append(0.0, np.cumsum(values))
            found = table.setdefault(event, np.zeros(len(setup)))
            found[runs] = before[seq_len[runs] - PREFILL_TOKENS]
    return table


def operation(setups: Setups, name: str, positions: np.ndarray, offchip: tuple | None = None):
    """Return events, features and fill of qkt, av or softmax at positions: (setups, positions)."""
    symbols, how, design = setups.symbols, setups.assumptions, setups.design
    if name == "softmax":
        rows = (setups.sizes["batch"] * setups.sizes["heads"])[:, None]
        features = nonlinear_features(rows, positions, 1.0, symbols, how, offchip)
        return design.nonlinear, features, symbols["nonlinear_fill"]
    sizes = workload.stepped_gemm(name, setups.sizes, positions)
    return design.gemm, gemm_features(*sizes, design, symbols, how), symbols["fill"]


class Growth:
    """An operation of some shapes over all positions, in the numbers of `kernel.sums`.

    even: the shapes of which all values grow evenly from row to row, as they must there.
    """

    def __init__(self, shapes: Setups, name: str):
        self.shapes, self.how, self.softmax = shapes, shapes.assumptions, name == "softmax"
        positions = np.concatenate([FIRST, [2.0 * ROW], CHECKED])[None]
        offchip = None
        self.sizes = np.zeros((shapes.count, 9))
        if self.softmax:
            positions, offchip = self._probed(positions)
        section, features, _ = operation(shapes, name, positions, offchip)
        counts, cycles = section.evaluate(features, shapes.symbols)
        features |= noc_bits(counts, shapes.symbols, self.softmax)
        self.sizes[:, :4] = self._array_tiles(features, name)
        places: dict[int, int] = {}
        columns: list[np.ndarray] = []

        def place(value: object) -> int:
            if id(value) not in places:
                places[id(value)] = len(columns)
                columns.append(np.broadcast_to(value, (shapes.count, positions.shape[1])))
            return places[id(value)]

        self.events = {
            event: (place(count), KINDS.index(section.events[event].hops or "even"))
            for event, count in counts.items()
        } | {"dram_bytes": (place(features["dram_bytes"]), 0)}
        names = timing.units(cycles, self.how)
        pairs = dict.fromkeys(
            tuple((place(cycles[e]), place(counts[e])) for e in unit) for unit in names
        )
        self.units = np.array(
            [(*pair, number) for number, unit in enumerate(pairs) for pair in unit], int
        ).reshape(-1, 3)
        tiles = [0, 0] if self.softmax else [place(features[key]) for key in timing.TILES[:2]]
        channels = ("i_bits", "w_bits", "o_bits") if self.how["noc_link_bits"] else ()
        bits = [place(features[key]) for key in channels]
        self.special = np.array([*tiles, place(features["dram_bytes"]), *bits])
        self.values = np.stack(columns)
        self.follows = np.zeros((len(columns), shapes.count, 2))
        if self.softmax:
            first = self.values[:, :, :1]
            self.follows = self.values[:, :, ROW + 1 : ROW + 3] - first
        self.even = self._even(positions, offchip)
        self.left = self._left()

    def _probed(self, positions: np.ndarray) -> tuple:
        """Return positions and off-chip words of softmax with which values tell all others.

        Words do not grow evenly, so that values are seen without any, then with one of the SRAM
        and one of the DRAM at position 1. Where values are checked the words are the true ones.
        """
        shapes, symbols = self.shapes, self.shapes.symbols
        rows = (shapes.sizes["batch"] * shapes.sizes["heads"])[:, None]
        lanes, elements, width = (
            shapes.column(symbols[key])[:, None]
            for key in ("lanes", "nonlinear_elements", "o_width")
        )
        self.sizes[:, 4:] = np.hstack([*row_tiles(rows, lanes), elements, width])
        positions = np.concatenate([positions[0, : ROW + 1], [1.0, 1.0], CHECKED])[None]
        offchip = np.zeros((3, shapes.count, positions.shape[1]))
        offchip[:, :, ROW + 3 :] = nonlinear_offchip(rows, CHECKED[None], lanes, elements, width)
        offchip[0], offchip[1, :, ROW + 1], offchip[2, :, ROW + 2] = 1.0, 1.0, 1.0
        return positions, tuple(offchip)

    def _array_tiles(self, features: Mapping, name: str) -> np.ndarray:
        """Return x, y, z and h of the array tiles x ceil((y + z s) / h) at positions s."""
        symbols, column = self.shapes.symbols, self.shapes.column
        if self.softmax:
            columns = column(features["array_tiles"][:, :1])  # at position 1
            return np.stack([columns, 0 * columns, 1 + 0 * columns, 1 + 0 * columns], axis=1)
        passes = features["B"] * np.ceil(features["M"] / symbols["W"])
        width = 0.0 if name == "qkt" else features["N"]
        grows = 1.0 if name == "qkt" else 0.0
        return np.stack([column(x) for x in (passes, width, grows, symbols["H"])], axis=1)

    def _even(self, positions: np.ndarray, offchip: tuple | None) -> np.ndarray:
        """Return the shapes of which all values are at the checked positions what they should be."""
        row, column = np.divmod(CHECKED.astype(int) - 1, ROW)
        rise = self.values[:, :, ROW : ROW + 1] - self.values[:, :, ROW - 1 : ROW]
        expected = self.values[:, :, column] + row * rise
        if self.softmax:
            for number, words in enumerate(offchip[1:]):
                expected += self.follows[:, :, number, None] * words[:, -len(CHECKED) :]
        found = self.values[:, :, -len(CHECKED) :]
        return (np.abs(found - expected) <= TOLERANCE * np.abs(found)).all(axis=(0, 2))

    def _left(self) -> np.ndarray:
        """Return which units may be the busiest at some position: (units, shapes).

        Left out are those that the one which takes longest in the end outlasts at all positions,
        even with its count rounded down; `_even` values never change order within a row.
        """
        left = np.ones((len(self.units), self.shapes.count), bool)
        alone = [np.sum(self.units[:, 2] == unit) == 1 for _, _, unit in self.units]
        cycles, count = (self.values[self.units[:, i], :, : ROW + 1] for i in (0, 1))
        fits = np.array(alone)[:, None] & (self.follows[self.units[:, 0]] == 0).all(axis=2)
        fits &= (self.follows[self.units[:, 1]] == 0).all(axis=2)
        whole = ((count == np.floor(count)) & (count > 0)).all(axis=2)
        # the longest in the end; of several, one whose count is never rounded
        everyone = np.arange(self.shapes.count)
        leader = np.lexsort((whole, np.where(fits, cycles[:, :, ROW], -1.0)), axis=0)[-1]
        top, least = cycles[leader, everyone], count[leader, everyone].min(axis=1)
        sure = np.where(
            whole[leader, everyone], 1.0, (1 - 1 / np.maximum(least, 1.0)) * (1 - 1e-12)
        )[:, None]
        rise, most = (x[..., ROW] - x[..., ROW - 1] for x in (cycles, top))
        outlasted = (cycles[:, :, :ROW] <= sure * top[:, :ROW]).all(axis=2)
        outlasted &= (rise <= sure[:, 0] * most) & fits & fits[leader, everyone]
        outlasted[leader, everyone] = False
        return left & ~outlasted

    def sums(
        self,
        meshes: Setups,
        shape: np.ndarray,
        mesh: np.ndarray,
        seq_len: np.ndarray,
        compiled: bool,
    ) -> dict[str, np.ndarray]:
        """Return sums by event, of cycles and of DRAM bytes of runs.

        `meshes` are setups sorted by their `shape` among these; `mesh` is each run's among those.
        """
        how, fill = self.how, "nonlinear_fill" if self.softmax else "fill"
        places = [[v for v, kind in self.events.values() if not kind]]
        places.append([pair for pair in self.events.values() if pair[1]])
        plain, routed = (list(dict.fromkeys(some)) for some in places)
        by_shape, shape_run = _sorted_runs(shape[mesh], seq_len, self.shapes.count)
        by_mesh, mesh_run = _sorted_runs(mesh, seq_len, meshes.count)
        dram = timing.dram_cycles(meshes.symbols, how) if how["dram_time"] == "per_op" else 0.0
        mode = (
            KINDS.index(how["noc_tiling"]), FILLS.index(how["pipeline_fill"]),
            how["noc_hops"] == "mean_xy", how["noc_link_bits"], dram,
        )  # fmt: skip
        nodes = [meshes.column(meshes.symbols[key]) for key in (*"PRQ", fill)]
        add = compiler.compiled_sums() if compiled else kernel.sums
        counted, spread = add(
            self.values, self.follows, np.array(plain, int), np.array(routed, int).reshape(-1, 2),
            self.units, self.left, self.special, self.sizes, np.array(mode, float), by_shape,
            (shape, np.stack(nodes, axis=1), *by_mesh),
        )  # fmt: skip
        table = {
            event: spread[mesh_run, routed.index((v, kind))]
            if kind
            else counted[shape_run, plain.index(v)]
            for event, (v, kind) in self.events.items()
        }
        return table | {"cycles": spread[mesh_run, -1]}


def _sorted_runs(key: np.ndarray, seq_len: np.ndarray, count: int) -> tuple:
    """Return (starts, lengths) of distinct runs sorted by key and length, and each run's place.

    Key n of `count` has the runs from starts[n] to starts[n + 1].
    """
    order = np.lexsort((seq_len, key))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(seq_len[order]) != 0)
    place = np.empty(len(order), int)
    place[order] = np.cumsum(new) - 1
    kept = order[new]
    return (np.searchsorted(key[kept], np.arange(count + 1)), seq_len[kept]), place
