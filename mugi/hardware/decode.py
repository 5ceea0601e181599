"""Decode: operations that grow with the position, summed over all decode steps.

Nearly all that designs say grows evenly from one row of 256 positions to the next, 256 being the
off-chip tile, so that few positions tell all others (`Growth`); what does not is computed at every
position. `literal` adds positions up in numpy, `kernel` does in compiled loops: the same bytes.
"""

import numpy as np

from mugi.hardware import timing, workload
from mugi.hardware.events import gemm_features, noc_bits, nonlinear_features, settled
from mugi.hardware.memory import nonlinear_offchip
from mugi.hardware.setups import Setups, distinct
from mugi.hardware.tiling import OFFCHIP_TILE as ROW
from mugi.hardware.tiling import full_tiles

FIRST = np.arange(1.0, ROW + 1)  # positions of the first row
# Positions at which evenly growing values are looked at once more, and how far off they may be.
CHECKED = np.array([300.0, 641.0, 1000.0, 1793.0, 4096.0, 10007.0, 50021.0, 131071.0])
# All of the first row and what tells the growth from row to row; softmax without off-chip words is
# then seen with one of the SRAM and with one of the DRAM at position 1.
PROBED = np.concatenate([FIRST, [2.0 * ROW, 1.0, 1.0], CHECKED])[None]
TOLERANCE = 1e-9
KINDS = ("even", *timing.TILES, "lut_tiles")  # of tiles, by their numbers in `kernel`
MESH = ("P", "R", "Q", "fill", "nonlinear_fill", "frequency_mhz")  # symbols beside a shape's
FILLS = ("none", "per_op", "per_tile")
FEW = 300_000  # positions of runs that take less time than importing numba
SHAPES_AT_ONCE = 64  # whose values take some MB


def stepped(setups: Setups, name: str, setup: np.ndarray, seq_len: np.ndarray) -> dict:
    """Return counts of events, cycles and DRAM bytes of qkt, av or softmax over decode steps.

    `setup` is each run's place among the setups, whose sizes are those of one part, see
    `parts.cached_sizes`; `seq_len` is the last position of a run's steps, which start behind its
    prompt. Values have one a run.
    """
    table = {}
    for runs, shapes, shape, meshes, mesh in _shapes(setups, name, setup):
        growth = Growth(shapes, name)
        even = growth.even[shape[mesh]]
        for chosen, add in ((even, literal if setups.few else compiled), (~even, literal)):
            places = np.flatnonzero(chosen)
            if places.size:
                sums = add(growth, meshes, shape, mesh[places], seq_len[runs[places]])
                for event, values in sums.items():
                    table.setdefault(event, np.zeros(len(setup)))[runs[places]] = values
    return table


def _shapes(setups: Setups, name: str, setup: np.ndarray):
    """Yield runs of a few shapes: which, the shapes, the setups, and places of both.

    Setups of one shape differ in their NoC only, and share all but hops and cycles. Yields runs,
    shapes, the shape of each setup, setups sorted by it, and the setup of each run.
    """
    softmax, symbols, sizes = name == "softmax", setups.symbols, setups.sizes
    events = setups.design.nonlinear if softmax else setups.design.gemm
    batch = sizes["batch"] * sizes["heads" if softmax else "kv_heads"]
    columns = [batch, sizes["prompt"]]
    if not softmax:
        columns += [sizes["sharing"], sizes["key_dim" if name == "qkt" else "value_dim"]]
    columns += [symbols["array_height"][:, 0], symbols["array_width"][:, 0]]
    noc = [symbols[key][:, 0] for key in "RQ"]
    if setups.design.depends(events.names(), {"P", "R", "Q"}):
        columns += noc
    shape_first, shape_of = distinct(*columns)
    mesh_first, mesh_of = distinct(shape_of, *noc)
    order = np.argsort(shape_of[mesh_first], kind="stable")
    mesh_first, place = mesh_first[order], np.argsort(order)
    shape, mesh = shape_of[mesh_first], place[mesh_of[setup]]
    for low in range(0, len(shape_first), SHAPES_AT_ONCE):
        start, stop = np.searchsorted(shape, (low, low + SHAPES_AT_ONCE))
        runs = np.flatnonzero((mesh >= start) & (mesh < stop))
        shapes = setups.take(shape_first[low : low + SHAPES_AT_ONCE])
        meshes = setups.take(mesh_first[start:stop], MESH)
        yield runs, shapes, shape[start:stop] - low, meshes, mesh[runs] - start


def operation(setups: Setups, name: str, positions: np.ndarray, offchip: tuple | None = None):
    """Return events, counts, cycles and features of qkt, av or softmax: (setups, positions).

    offchip: off-chip tiles and words of softmax, if they are known.
    """
    symbols, how, design = setups.symbols, setups.assumptions, setups.design
    if name == "softmax":
        section, rows = design.nonlinear, (setups.sizes["batch"] * setups.sizes["heads"])[:, None]
        features = nonlinear_features(rows, positions, 1.0, symbols, how, offchip)
    else:
        section, sizes = design.gemm, workload.stepped_gemm(name, setups.sizes, positions)
        features = gemm_features(*sizes, design, symbols, how)
    counts, cycles = section.evaluate(features, symbols)
    return section, counts, cycles, features | noc_bits(counts, symbols, name == "softmax")


class Growth:
    """Values of an operation of some shapes, by which `at` tells them at all positions.

    even: shapes of which all values grow evenly from row to row, so that they tell.
    """

    def __init__(self, shapes: Setups, name: str):
        self.shapes, self.name, self.softmax = shapes, name, name == "softmax"
        self.how, self.places, columns = shapes.assumptions, {}, []
        offchip = self._probed() if self.softmax else None
        self.section, self.counts, self.cycles, self.features = operation(
            shapes, name, PROBED, offchip
        )
        channels = ("i_bits", "w_bits", "o_bits") if self.how["noc_link_bits"] else ()
        tiles = () if self.softmax else timing.TILES[:2]
        self.growing = {key: self.features[key] for key in (*tiles, *channels, "dram_bytes")}
        for value in [*self.counts.values(), *self.cycles.values(), *self.growing.values()]:
            if id(value) not in self.places:
                self.places[id(value)] = len(columns)
                columns.append(np.broadcast_to(value, (shapes.count, PROBED.size)))
        self.values = np.stack(columns)
        self.follows = self.values[:, :, ROW + 1 : ROW + 3] - self.values[:, :, :1]
        self.even = self._even(offchip)

    def place(self, value: object) -> int:
        """Return the place in `values` of a count, cycles or a feature of this operation."""
        return self.places[id(value)]

    def _probed(self) -> tuple:
        """Return off-chip words of softmax at PROBED; where values are checked, the true ones."""
        offchip = np.zeros((3, self.shapes.count, PROBED.size))
        offchip[0], offchip[1, :, ROW + 1], offchip[2, :, ROW + 2] = 1.0, 1.0, 1.0
        offchip[:, :, ROW + 3 :] = self._offchip(CHECKED[None], slice(None))
        return tuple(offchip)

    def _offchip(self, positions: np.ndarray, chosen: object) -> tuple:
        """Return off-chip tiles and words of softmax of chosen shapes at positions."""
        rows, *sizes = (x[chosen, None] for x in self.matrices())
        return nonlinear_offchip(rows, positions, *sizes)

    def matrices(self) -> list[np.ndarray]:
        """Return rows of softmax, and what cuts them into off-chip tiles, by shape."""
        symbols, sizes = self.shapes.symbols, self.shapes.sizes
        keys = ("lanes", "nonlinear_elements", "o_width")
        return [sizes["batch"] * sizes["heads"], *(self.shapes.column(symbols[k]) for k in keys)]

    def _even(self, offchip: tuple | None) -> np.ndarray:
        """Return the shapes of which all values are as told at the positions that are checked."""
        row, column = np.divmod(CHECKED.astype(int) - 1, ROW)
        rise = self.values[:, :, ROW : ROW + 1] - self.values[:, :, ROW - 1 : ROW]
        told = self.values[:, :, column] + row * rise
        if self.softmax:
            for number, words in enumerate(offchip[1:]):
                told += self.follows[:, :, number, None] * words[:, -len(CHECKED) :]
        computed = self.values[:, :, -len(CHECKED) :]
        return (np.abs(computed - told) <= TOLERANCE * np.abs(computed)).all(axis=(0, 2))

    def at(self, shape: int, rows: int) -> tuple:
        """Return counts, cycles and features of a shape in the first rows: (rows, 256) each."""
        positions = np.arange(1.0, rows * ROW + 1).reshape(rows, ROW)
        if not self.even[shape]:
            alone = self.shapes.take(np.array([shape]))
            _, *tables = operation(alone, self.name, positions.reshape(1, -1))
            return tuple(
                {
                    key: np.broadcast_to(x, (1, rows * ROW)).reshape(rows, ROW)
                    for key, x in table.items()
                }
                for table in tables
            )
        row, features = np.arange(rows)[:, None], {}
        if self.softmax:
            tiles, *words = self._offchip(positions, np.array([shape]))
            features = {"all_tiles": tiles, "output_tiles": tiles}

        def told(value):
            place = self.place(value)
            value, (one, two) = self.values[place, shape], self.follows[place, shape]
            grown = value[:ROW] + row * (value[ROW] - value[ROW - 1])
            return grown + (one * words[0] + two * words[1]) if one or two else grown

        x, y, z, h = self.array_tiles()[shape]
        features["array_tiles"] = x * np.ceil((y + z * positions) / h)
        tables = self.counts, self.cycles, self.growing
        counts, cycles, more = ({key: told(v) for key, v in table.items()} for table in tables)
        return counts, cycles, features | more

    def array_tiles(self) -> np.ndarray:
        """Return x, y, z and h of the array tiles x ceil((y + z s) / h) at positions s, by shape.

        They do not start anew in every row.
        """
        symbols, features = self.shapes.symbols, self.features
        if self.softmax:
            numbers = features["array_tiles"][:, :1], 0.0, 1.0, 1.0
        else:
            grows = self.name == "qkt"  # in N; the N of av is the size of a head
            passes = features["B"] * np.ceil(features["M"] / symbols["W"])
            numbers = passes, 0.0 if grows else features["N"], float(grows), symbols["H"]
        return np.stack([self.shapes.column(number) for number in numbers], axis=1)


def literal(
    growth: Growth, meshes: Setups, shape: np.ndarray, mesh: np.ndarray, seq_len: np.ndarray
) -> dict[str, np.ndarray]:
    """Return counts of events, cycles and DRAM bytes of runs, added up position by position.

    `meshes` are setups and `shape` their shapes among those of `growth`; `mesh` is each run's place
    among the setups. Additions are in the order that `kernel` has.
    """
    table: dict[str, np.ndarray] = {}
    for one in np.unique(mesh):
        alone, runs = meshes.take(np.array([one])), np.flatnonzero(mesh == one)
        rows = (seq_len[runs].max() - 1) // ROW + 1
        fill = alone.symbols["nonlinear_fill" if growth.softmax else "fill"]
        told = growth.at(shape[one], rows)
        events = settled(growth.section, *told, fill, alone.symbols, alone.assumptions)
        steps = np.stack([np.broadcast_to(x, (rows, ROW)) for x in events.values()])
        first = int(alone.sizes["prompt"][0])  # steps start behind it
        steps.reshape(len(steps), -1)[:, :first] = 0
        before = np.cumsum(steps, axis=1)
        for run in runs:
            row, rest = divmod(seq_len[run] - 1, ROW)
            lanes = steps[:, row] * (rest + 1 >= FIRST)
            lanes = before[:, row - 1] + lanes if row else lanes
            while lanes.shape[1] > 1:
                lanes = lanes[:, : lanes.shape[1] // 2] + lanes[:, lanes.shape[1] // 2 :]
            for event, total in zip(events, lanes[:, 0], strict=True):
                table.setdefault(event, np.zeros(len(mesh)))[run] = total
    return table


def compiled(
    growth: Growth, meshes: Setups, shape: np.ndarray, mesh: np.ndarray, seq_len: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what `literal` does for shapes that grow evenly, in compiled loops."""
    from mugi.hardware import kernel  # numba takes longer to import than all of the model

    how, fill = growth.how, "nonlinear_fill" if growth.softmax else "fill"
    events = {
        event: (growth.place(count), KINDS.index(growth.section.events[event].hops or "even"))
        for event, count in growth.counts.items()
    } | {"dram_bytes": (growth.place(growth.features["dram_bytes"]), 0)}
    plain = list(dict.fromkeys(v for v, kind in events.values() if not kind))
    routed = list(dict.fromkeys(pair for pair in events.values() if pair[1]))
    units = unit_values(growth)
    special = [growth.place(x) for key, x in growth.growing.items() if key != "dram_bytes"]
    special = [0, 0, *special] if growth.softmax else special
    special.insert(2, growth.place(growth.features["dram_bytes"]))
    sizes = np.zeros((growth.shapes.count, 10))
    sizes[:, 9] = growth.shapes.sizes["prompt"]
    sizes[:, :4] = growth.array_tiles()
    if growth.softmax:
        rows, lanes, elements, width = growth.matrices()
        sizes[:, 4:9] = np.stack([*full_tiles(rows, lanes), elements, width], axis=1)
    dram = timing.dram_cycles(meshes.symbols, how) if how["dram_time"] == "per_op" else 0.0
    mode = (
        KINDS.index(how["noc_tiling"]), FILLS.index(how["pipeline_fill"]),
        how["noc_hops"] == "mean_xy", how["noc_link_bits"], dram,
    )  # fmt: skip
    nodes = [meshes.column(meshes.symbols[key]) for key in (*"PRQ", fill)]
    by_shape, shape_run = _sorted_runs(shape[mesh], seq_len, growth.shapes.count)
    by_mesh, mesh_run = _sorted_runs(mesh, seq_len, meshes.count)
    counted, spread = kernel.sums(
        growth.values, growth.follows, np.array(plain, int), np.array(routed, int).reshape(-1, 2),
        units, may_last(growth, units), np.array(special), sizes, np.array(mode, float), by_shape,
        (shape, np.stack(nodes, axis=1), *by_mesh),
    )  # fmt: skip
    table = {
        event: spread[routed.index((v, kind)), mesh_run]
        if kind
        else counted[plain.index(v), shape_run]
        for event, (v, kind) in events.items()
    }
    return table | {"cycles": spread[-1, mesh_run]}


def unit_values(growth: Growth) -> np.ndarray:
    """Return (cycles, count, unit) by their places, without units that are busy just as another."""
    names = timing.units(growth.cycles, growth.how)
    pairs = [
        tuple((growth.place(growth.cycles[e]), growth.place(growth.counts[e])) for e in unit)
        for unit in names
    ]
    rows = [(*pair, n) for n, unit in enumerate(dict.fromkeys(pairs)) for pair in unit]
    return np.array(rows, int).reshape(-1, 3)


def may_last(growth: Growth, units: np.ndarray) -> np.ndarray:
    """Return which units may be the busiest at some position: (units, shapes).

    Left out are those that the leader of a shape outlasts at all positions, even with its own count
    rounded down. Units of several events, or that follow off-chip words, stay.
    """
    shapes = np.arange(growth.shapes.count)
    if not len(units):
        return np.zeros((0, len(shapes)), bool)
    cycles, count = growth.values[units[:, 0], :, : ROW + 1], growth.values[units[:, 1], :, ROW]
    stays = growth.follows[units[:, :2]].any(axis=(1, 3))
    stays |= (np.bincount(units[:, 2]) > 1)[units[:, 2], None]
    # The leader takes longest in the end; of several, one whose count is never rounded.
    leader = np.lexsort((count == np.floor(count), np.where(stays, -1, cycles[:, :, ROW])), 0)[-1]
    count = growth.values[units[leader, 1], shapes, : ROW + 1]
    least, is_whole = count.min(axis=1), (count == np.floor(count)).all(axis=1)
    whole_part = np.where(is_whole & (least > 0), 1, (1 - 1 / np.maximum(least, 1)) * (1 - 1e-12))
    longest = cycles[leader, shapes] * whole_part[:, None]
    outlasted = (cycles <= longest).all(axis=2) & (count[:, ROW] >= count[:, ROW - 1])
    outlasted &= np.diff(cycles[:, :, -2:])[..., 0] <= np.diff(longest[:, -2:])[:, 0]
    outlasted[leader, shapes] = False
    return stays | ~outlasted


def _sorted_runs(key: np.ndarray, seq_len: np.ndarray, count: int) -> tuple:
    """Return (starts, lengths) of distinct runs sorted by key and length, and each run's place.

    Key n of `count` has the runs from starts[n] to starts[n + 1].
    """
    pairs, place = np.unique(key.astype(np.int64) << 32 | seq_len, return_inverse=True)
    return (np.searchsorted(pairs >> 32, np.arange(count + 1)), pairs & 0xFFFFFFFF), place
