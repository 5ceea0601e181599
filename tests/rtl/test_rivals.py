"""Processing elements and edges of the rivals, against BF16 arithmetic in numpy."""

import numpy as np
import pytest

from mugi.array.gemm import add
from mugi.bf16 import INF_CODE, NAN_CODE, from_bf16, to_bf16
from tests.rtl.operands import CORNERS, pairs
from tests.rtl.simulation import simulate


def canonical(values: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of values, every NaN the one of the hardware."""
    return np.where(np.isnan(values), np.uint16(NAN_CODE), to_bf16(values))


def product(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of inputs (codes) times weights (numbers)."""
    with np.errstate(all="ignore"):
        return canonical(from_bf16(inputs) * weights)


def coded(weights: np.ndarray) -> np.ndarray:
    """Return INT4 weights as sign and magnitude."""
    return (weights < 0) * 8 + np.abs(weights)


def test_every_int4_weight_in_bf16(tmp_path):
    weights = np.arange(-7, 8)
    ports = {"sign": (1, weights < 0), "magnitude": (3, np.abs(weights))}
    found = simulate("int4_to_bf16", ports, {"code": (16, 1)}, tmp_path)["code"]
    assert np.array_equal(found, to_bf16(weights.astype(float)))


@pytest.mark.parametrize("step", [251, pytest.param(1, marks=pytest.mark.slow)])
def test_bf16_times_int4(step, tmp_path):
    check_int4(step, tmp_path)


def check_int4(step: int, folder, **options) -> None:
    codes, magnitudes = np.meshgrid(np.arange(0, 1 << 16, step), np.arange(8))
    codes = np.append(codes.ravel(), CORNERS.repeat(8)).astype(np.uint16)
    magnitudes = np.append(magnitudes.ravel(), np.tile(np.arange(8), len(CORNERS)))
    negative = (np.arange(len(codes)) % 3 == 0) & (magnitudes > 0)
    ports = {"a": (16, codes), "sign": (1, negative), "magnitude": (3, magnitudes)}
    found = simulate("bf16_int4_multiplier", ports, {"product": (16, 1)}, folder, **options)
    assert np.array_equal(
        found["product"], product(codes, np.where(negative, -magnitudes, magnitudes))
    )


@pytest.mark.parametrize("pipelined", [0, 1])
@pytest.mark.parametrize("int4", [0, 1])
def test_systolic_element(int4, pipelined, tmp_path):
    check_systolic(int4, pipelined, tmp_path)


def check_systolic(int4: int, pipelined: int, folder, **options) -> None:
    inputs, sums = pairs(500)
    cycle = np.arange(len(inputs))
    weights = (cycle * 5 % 15 - 7).astype(int)
    found = simulate(
        "systolic_pe",
        {
            "shift_weight": (1, cycle % 3 == 0),
            "weight_in": (4 if int4 else 16, coded(weights) if int4 else to_bf16(weights * 1.0)),
            "input_in": (16, inputs),
            "sum_in": (16, sums),
        },
        {"sum_out": (16, 1), "input_out": (16, 1)},
        folder,
        INT4=int4,
        PRODUCT_REGISTER=pipelined,
        **options,
    )
    held = weights[(cycle - 1) // 3 * 3]  # the weight in each cycle, from the second on
    products = product(inputs[:-1], held[1:])  # of the input that came a cycle before
    first = 1 + pipelined
    expected = add(
        sums[first:-1], products[: len(products) - 1 * pipelined][: len(sums) - first - 1]
    )
    assert np.array_equal(found["sum_out"][first + 1 :], expected)
    assert np.array_equal(found["input_out"][1:], inputs[:-1])


@pytest.mark.parametrize(
    "sizes",
    [(4, 3, 0, 0), (4, 3, 1, 1), pytest.param((16, 16, 0, 1), marks=pytest.mark.slow)],
    ids=str,
)
def test_systolic_array(sizes, tmp_path):
    """(M, H) by (H, W), added to the sums of an earlier tile of k."""
    height, width, int4, pipelined = sizes
    random = np.random.default_rng(height)
    count = 20
    inputs = to_bf16(random.normal(size=(count, height)))
    weights = random.integers(-7, 8, (height, width))
    earlier = to_bf16(random.normal(size=(count, width)))
    first = 2 + height  # cycle in which the first inputs are pushed
    leaves = first + height + 2 + pipelined + np.arange(count)[:, None] + np.arange(width)
    cycles = int(leaves.max()) + 1
    ports = {name: np.zeros(cycles, bool) for name in ("reset", "shift_weights", "push_inputs")}
    ports["reset"][:2] = ports["shift_weights"][2:first] = True
    ports["push_inputs"][first : first + count] = True
    wide = {"weights": (4, width), "inputs": (16, height), "partial_sums": (16, width)}
    values = {name: np.zeros((cycles, number), np.uint16) for name, (_, number) in wide.items()}
    values["weights"][2:first] = coded(weights[::-1])
    values["inputs"][first : first + count] = inputs
    values["partial_sums"][leaves, np.arange(width)] = earlier
    found = simulate(
        "systolic_array",
        {name: (1, flags) for name, flags in ports.items()}
        | {name: (bits, values[name]) for name, (bits, _) in wide.items()},
        {"sums": (16, width), "fault": (1, 1)},
        tmp_path,
        settled=2,
        H=height,
        W=width,
        INT4=int4,
        PRODUCT_REGISTER=pipelined,
    )
    assert not found["fault"][2:].any()
    total = np.zeros((count, width), np.uint16)
    for column, row in zip(inputs.T, weights, strict=True):
        total = add(total, product(column[:, None], row))
    assert np.array_equal(found["sums"][leaves, np.arange(width)], add(earlier, total))


def aligned(inputs: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return BF16 codes (groups, n) as whole numbers that share an exponent (groups,)."""
    field = np.maximum(inputs >> 7 & 0xFF, 1).astype(int)
    significand = (inputs & 0x7F).astype(int) | (inputs & 0x7F80 > 0) * 0x80
    exponent = field.max(axis=1)
    magnitude = significand << (bits - 9) >> np.minimum(exponent[:, None] - field, 31)
    return np.where(inputs >> 15, -magnitude, magnitude), exponent


@pytest.mark.parametrize("count", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_figna(count, tmp_path):
    check_figna(count, tmp_path)


def check_figna(count: int, folder, **options) -> None:
    """Alignment of 8 inputs, 8 elements in a column, conversion: the sum, rounded once."""
    random, bits, wide = np.random.default_rng(count), 12, 24
    scale = np.exp2(random.integers(-140, 120, (count, 1)))
    inputs = to_bf16(
        random.normal(size=(count, 8)) * scale * np.exp2(random.integers(-9, 9, (count, 8)))
    )
    inputs[:: count // 10, 3] = random.choice(CORNERS, len(inputs[:: count // 10]))
    weights = random.integers(-7, 8, 8)
    ports = {"exponent": (8, 1), "aligned": (bits, 8), "special": (1, 1)}
    found = simulate(
        "figna_prealigner", {"inputs": (16, inputs)}, ports, folder / "align", **options
    )
    whole, exponent = aligned(inputs, bits)
    special = ((inputs & 0x7F80) == INF_CODE).any(axis=1)
    assert np.array_equal(found["special"], special)
    assert np.array_equal(found["exponent"], exponent)
    assert np.array_equal(found["aligned"][~special], (whole & (1 << bits) - 1)[~special])

    sums = np.zeros(count, np.int64)
    cycle = np.arange(count + 2)
    for place, weight in enumerate(weights):  # one element after the other
        stream = np.append(found["aligned"][:, place], [0, 0])
        passed = simulate(
            "figna_pe",
            {
                "shift_weight": (1, cycle == 0),
                "weight_in": (4, np.full(count + 2, coded(weight))),
                "input_in": (bits, stream),
                "sum_in": (wide, np.concatenate([[0], sums, [0]])),
            },
            {"sum_out": (wide, 1)},
            folder / "element",
            **options,
        )
        sums = passed["sum_out"][2:].astype(np.int64)
    exact = whole @ weights
    assert np.array_equal(sums[~special], (exact & (1 << wide) - 1)[~special])
    code = simulate(
        "figna_to_bf16",
        {"sum": (wide, sums), "exponent": (8, found["exponent"]), "special": (1, special)},
        {"code": (16, 1)},
        folder / "convert",
        **options,
    )["code"]
    with np.errstate(over="ignore"):
        values = np.ldexp(exact.astype(float), exponent - 127 - (bits - 2))
    assert np.array_equal(code, np.where(special, NAN_CODE, to_bf16(values)))


def eighths(inputs: np.ndarray) -> np.ndarray:
    """Return x, x·9/8 … x·15/8 as Carat's columns pass them, uint16 (8, inputs)."""
    exponent = inputs >> 7 & 0xFF
    lowered = np.where(exponent < 4, inputs & 0x8000, inputs - (3 << 7)).astype(np.uint16)
    eighth = np.where(exponent == 0xFF, inputs, lowered)
    values = [inputs]
    for _ in range(7):
        values.append(add(values[-1], eighth))
    return np.stack(values)


def scaled(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return values with sign and exponent of E4M3 weights, as Carat's rows take them."""
    field = (values >> 7 & 0xFF).astype(int)
    exponent = field + (weights >> 3 & 0xF) - 7
    sign = (values ^ weights.astype(np.uint16) << 8) & 0x8000
    shifted = sign | np.clip(exponent, 0, 255).astype(np.uint16) << 7 | values & 0x7F
    shifted = np.where((exponent < 1) | (field == 0), sign, shifted)
    shifted = np.where(exponent > 254, sign | INF_CODE, shifted)
    shifted = np.where(field == 0xFF, sign | values & 0x7FFF, shifted)
    shifted = np.where(weights & 0x7F == 0, 0, shifted)
    return np.where(weights & 0x7F == 0x7F, NAN_CODE, shifted).astype(np.uint16)


@pytest.mark.parametrize("steps", [24, pytest.param(100, marks=pytest.mark.slow)])
def test_carat(steps, tmp_path):
    check_carat(steps, tmp_path)


def check_carat(steps: int, folder, **options) -> None:
    """Columns and a row of 8 together: sums of products with FP8 weights, two steps of k each."""
    random, width = np.random.default_rng(steps), 8
    inputs = to_bf16(
        random.normal(size=(steps, width)) * np.exp2(random.integers(-9, 9, (steps, 1)))
    )
    inputs[1::3] = random.integers(0, 1 << 16, inputs[1::3].shape) & 0x83FF  # small
    inputs[2::6] = random.integers(0, 1 << 16, inputs[2::6].shape) | 0x7E00  # large
    inputs[5::6] = random.choice(CORNERS, inputs[5::6].shape)
    weights = random.integers(0, 256, steps)
    weights[[0, 9, 16]] = 0x00, 0x7F, 0xFF
    weights[2::6] = weights[2::6] & 0x87 | random.integers(8, 11, len(weights[2::6])) << 3  # ∞
    cycles = 8 * steps + 30
    begins = 4 + 8 * np.arange(steps + 1)
    table = eighths(inputs.reshape(-1)).reshape(8, steps, width)

    generated = np.zeros((cycles, width), np.uint16)
    for column in range(width):
        begin = np.isin(np.arange(cycles), begins[:-1] + column)
        x = np.zeros(cycles, np.uint16)
        x[begins[:-1] + column] = inputs[:, column]
        generated[:, column] = simulate(
            "carat_value_generation",
            {"begin_window": (1, begin), "x": (16, x)},
            {"column": (16, 1)},
            folder / "column",
            **options,
        )["column"]
        for step in range(steps):
            first = begins[step] + 1 + column
            assert np.array_equal(generated[first : first + 8, column], table[:, step, column])

    ports = {
        "reset": np.arange(cycles) < 2,
        "begin_window": np.isin(np.arange(cycles), begins[:-1]),
    }
    flags = {name: np.zeros(cycles, bool) for name in ("first", "last")}
    flags["first"][begins[:steps:2]] = flags["last"][begins[1:steps:2]] = True
    control = {"running": (1, 1), "count": (3, 1), "columns_current": (1, width)}
    control |= {"columns_previous": (1, width)}
    control |= {
        f"{name}_{window}": (bits, 1)
        for window in ("current", "previous")
        for name, bits in (("first", 1), ("last", 1), ("last_column", 3))
    }
    zero = np.zeros(cycles, bool)
    shared = simulate(
        "window_control",
        {name: (1, values) for name, values in (ports | flags).items()}
        | {"nonlinear": (1, zero), "exponential": (1, zero), "last_column": (3, zero + 7)},
        control,
        folder / "control",
        **options,
        settled=2,
    )
    on_rows = np.zeros(cycles, np.uint16)
    on_rows[begins[:-1]] = weights
    found = simulate(
        "carat_row",
        {name: (1, values) for name, values in ports.items()}
        | {"used": (1, ~zero), "weight": (8, on_rows), "columns": (16, generated)}
        | {name: (control[name][0], shared[name]) for name in control},
        {"takes": (1, 1), "takes_column": (3, 1), "output_ready": (1, 1), "sum": (16, 1)},
        folder / "row",
        **options,
        settled=2,
    )
    takes = np.flatnonzero(found["takes"][2:]) + 2
    assert len(takes) == steps * width
    expected = []
    for step, weight in enumerate(weights):
        total = expected[-1] if step % 2 else np.zeros(width, np.uint16)
        picked = table[weight & 7, step]
        expected.append(add(total, scaled(picked, np.full(width, weight))))
    assert np.array_equal(found["sum"][takes].reshape(steps, width), np.stack(expected))
    outputs = takes.reshape(-1, 2, width)[:, 1].ravel()
    assert np.array_equal(np.flatnonzero(found["output_ready"][2:]) + 2, outputs)
