"""Operations on the simulated array, against plain references and the cost model.

One row of the table is one operation on random inputs:

- cycles_per_window: of a mapping or a step of k, from two runs of different length;
- cycles, charged_cycles, fill_cycles: simulated to the last output; of the array by the cost model
  (`silu_passes=lut_twice`), empty where no design has such an array; of the pipeline's end, that
  the cost model adds once an operation (`pipeline_fill`);
- different_outputs: outputs that are not the table's entry, or not that of the plain product with
  the same order of additions: 0;
- spikes_per_input: of a row and window, one a column; second_chain_share: of the products that
  leave their row after their window; longest_wait_cycles: of a product for its adder.
"""

import numpy as np
import pandas as pd

from mugi.array.charge import CostModel
from mugi.array.converter import Array
from mugi.array.gemm import MAX_MAGNITUDE, gemm
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, nonlinear
from mugi.bf16 import from_bf16, rounded, to_bf16
from mugi.errors import InputError
from mugi.methods import parse
from mugi.methods.tables import look_up

GEMM_ROWS = 8  # as many as the array has columns: a batch of 8, or a group of GQA
MOST_INPUTS = 20_000_000  # of an operation, in 3 GB

# nonlinear operations: the function, and the method without its group
CASES = [
    ("exp", "vlp:lut=12,max_exp=3"),
    ("exp", "vlp:lut=12,max_exp=3,mantissa=7"),  # a BF16 mantissa on the rows, not rounded
    ("exp", "vlp:lut=8,max_exp=3,adapt=8"),
    ("silu", "vlp:lut=12,max_exp=3"),
    ("gelu", "vlp:lut=12,max_exp=3"),
]


def simulated(array: Array, windows: int) -> pd.DataFrame:
    """Return the table: every operation, `windows` mappings or steps of k each."""
    most = MOST_INPUTS // array.height
    if not 2 <= windows <= most:
        raise InputError(f"windows is {windows}; allowed: 2 to {most:,}")
    runs = [simulated_nonlinear(array, case, windows) for case in CASES]
    return pd.DataFrame([simulated_gemm(array, windows), *runs])


def simulated_gemm(array: Array, windows: int) -> dict:
    """Return the row of an (8, windows) by (windows, H) product of BF16 and INT4."""
    random = np.random.default_rng(0)
    inputs = to_bf16(random.normal(size=(GEMM_ROWS, windows)))
    weights = random.integers(-MAX_MAGNITUDE, MAX_MAGNITUDE + 1, (windows, array.height))
    weights[[windows // 2 - 1, -1], -1] = MAX_MAGNITUDE  # the latest spike there is, in both runs
    half = windows // 2
    whole = gemm(array, inputs, weights)
    first = gemm(array, inputs[:, :half], weights[:half])
    charge = CostModel(array.height).gemm(GEMM_ROWS, windows, array.height)
    products = inputs.size * array.height
    return {
        "operation": "gemm",
        "method": "",
        "array_height": array.height,
        "array_width": array.width,
        "mantissa_bits": MAX_MAGNITUDE.bit_length(),
        "windows": whole.windows,
        "cycles_per_window": (whole.cycles - first.cycles) / (whole.windows - first.windows),
        "cycles": whole.cycles,
        "charged_cycles": charge.cycles["array_gemm"],
        "fill_cycles": charge.symbol("fill"),
        "different_outputs": int((whole.outputs != plain_product(inputs, weights)).sum()),
        "spikes_per_input": whole.activations["temporal_register"] / weights.size,
        "second_chain_share": whole.overlapping / products,
        "longest_wait_cycles": whole.longest_wait_cycles,
    }


def plain_product(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return inputs · weights as BF16 codes, every multiple and sum rounded, k ascending."""
    values = from_bf16(inputs)
    multiples = [np.zeros_like(values)]
    for _ in range(MAX_MAGNITUDE):
        multiples.append(rounded(multiples[-1] + values))
    multiples = np.stack(multiples)
    total = np.zeros((len(inputs), weights.shape[1]))
    for k, row in enumerate(weights):
        total = rounded(total + np.sign(row) * multiples[np.abs(row), :, k].T)
    return to_bf16(total)


def simulated_nonlinear(array: Array, case: tuple[str, str], windows: int) -> dict:
    """Return the row of a nonlinear operation of (H, windows) inputs."""
    function, text = case
    softmax = function == "exp"
    method = parse(text).model_copy(update={"group": array.height})
    random = np.random.default_rng(0)
    codes = to_bf16(4 * random.normal(size=(array.height, windows)))
    signs = NEGATIVE if softmax else BOTH_SIGNS
    codes = codes | 0x8000 if softmax else codes
    latest = to_bf16(np.array(-(2.0 ** (method.max_exp + 1)) * (1 - 2.0**-8)))  # mantissa, exponent
    codes[-1, [windows // 2 - 1, -1]] = latest
    whole = nonlinear(array, method, function, codes, signs=signs)
    first = nonlinear(array, method, function, codes[:, : windows // 2], signs=signs)
    expected = look_up(method.stack(function), codes)
    charge = CostModel(array.height, silu_passes="lut_twice").nonlinear(*codes.shape, softmax)
    charged = charge.cycles["array_nonlinear"] if method.mantissa == 3 else None
    return {
        "operation": function,
        "method": text,
        "array_height": array.height,
        "array_width": array.width,
        "mantissa_bits": method.mantissa,
        "windows": whole.mappings,
        "cycles_per_window": (whole.cycles - first.cycles) / (whole.mappings - first.mappings),
        "cycles": whole.cycles,
        "charged_cycles": charged,
        "fill_cycles": charge.symbol("nonlinear_fill"),
        "different_outputs": int((whole.outputs != expected).sum()),
        "spikes_per_input": whole.activations["temporal_register"] / codes.size,
        "lut_exponents": method.lut,
        "sliding_window_exponents": method.sliding_window,
        "lut_exponents_loaded": whole.lut_loads,
    }
