"""The tests notice mistakes in the Verilog: each of these, made in a copy, fails one of them."""

import shutil
from functools import partial

import pytest

from mugi.array.converter import Array
from tests.rtl import gemm, test_bf16, test_gemm, test_nonlinear, test_rivals, test_softmax
from tests.rtl.simulation import SOURCES


def whole_gemm(folder, **options) -> None:
    """Ragged tiles, of numbers and special codes."""
    gemm.run(Array(8), *test_gemm.operands(8, 8, 13, "normal"), folder, words=True, **options)
    operands = test_gemm.operands(11, 3, 13, "corners")
    gemm.run(Array(8), *operands, folder, words=False, blocks=(3, 8), **options)


adder = partial(test_bf16.check, "bf16_adder", 1000)
multiplier = partial(test_bf16.check, "bf16_multiplier", 1000)
divider = partial(test_bf16.check, "bf16_divider", 4000)
exp = partial(test_nonlinear.check_edges, "exp", (0,))
silu = partial(test_nonlinear.check_edges, "silu", test_nonlinear.TOPS)
softmax = partial(test_softmax.check, 8, 7)
systolic = partial(test_rivals.check_systolic, 0, 1)
int4 = partial(test_rivals.check_int4, 251)
figna = partial(test_rivals.check_figna, 40)
carat = partial(test_rivals.check_carat, 24)

# test, module, what stands there, what stands there instead
FAST = [
    (adder, "bf16_adder", "~far & |shifted[12:0]", "1'b0"),  # sticky bit
    (adder, "bf16_round", "guard & (sticky | significand[0])", "guard"),  # ties
    (whole_gemm, "pe", "{spike & current}", "{spike & (current | previous)}"),  # chain
    (exp, "window_placement", "(W - 1)", "(W - 2)"),  # window off by one
]
SLOW = [
    (adder, "bf16_adder", "far ? 10'd0 : shifted", "shifted"),
    (adder, "bf16_adder", "a[15] & b[15]", "a[15]"),
    (adder, "bf16_adder", "subtract & &lesser[14:7]", "1'b0"),
    (adder, "bf16_adder", "{7'd0, ~lesser_normal}", "8'd0"),
    (adder, "bf16_round", "guard & (sticky | significand[0])", "guard & sticky"),
    (adder, "bf16_round", "place > 254", "place > 255"),
    (adder, "bf16_round", "normal ? place[7:0] : 8'd0", "place[7:0]"),
    (divider, "bf16_round", "shifted[0] | (shifted << below != value)", "shifted[0]"),
    (multiplier, "bf16_multiplier", "11'sd126", "11'sd127"),
    (multiplier, "bf16_multiplier", "|b[6:0] | a[14:0] == 0", "|b[6:0]"),
    (divider, "bf16_divider", "rest != 0", "1'b0"),
    (divider, "bf16_divider", "dividend << step", "dividend"),
    (whole_gemm, "pe", "{spike & previous}", "{spike & current}"),
    (whole_gemm, "temporal_converter", "sign_previous <= sign_current", "sign_previous <= sign"),
    (whole_gemm, "temporal_converter", "count == time_of_spike", "count + 3'd1 == time_of_spike"),
    (whole_gemm, "window_control", "count < j", "count <= j"),
    (whole_gemm, "window_control", "last_column_previous >= j", "1'b1"),
    (whole_gemm, "waiting_products", "[j] ? value_previous", "[j] ? value_current"),
    (whole_gemm, "waiting_products", "stored | full[j] & ~taken", "stored"),
    (whole_gemm, "waiting_products", "[next] ? value_previous", "[next] ? value_current"),
    (whole_gemm, "accumulator", "? first_previous", "? first_current"),
    (whole_gemm, "accumulator", "behind ? last_previous", "behind ? last_current"),
    (whole_gemm, "accumulator", "behind ? last_column_previous", "behind ? last_column_current"),
    (whole_gemm, "accumulator", "(begin_window | behind)", "begin_window"),
    (whole_gemm, "row", "behind ? sign_previous", "behind ? sign_current"),
    (whole_gemm, "value_generation", "multiple <= 16'd0", "multiple <= head"),
    (whole_gemm, "fifo", "first + 1'b1", "first"),
    (silu, "rounding", "|code[2:0] | code[4]", "1'b1"),
    (silu, "rounding", " & ~special;", ";"),
    (silu, "window_placement", "wanted > LAST ? LAST", "wanted > LAST - 1 ? LAST - 1"),
    (silu, "window_selection", "16*slide", "16*(slide + 1)"),
    (silu, "clamping", "above_low > W - 1", "above_low >= W - 1"),
    (silu, "clamping", "(LUT - 1)", "LUT"),
    (silu, "clamping", "exponent < lut_low", "exponent <= lut_low"),
    (silu, "clamping", "below ? 3'd0 : above ? 3'd7", "above ? 3'd7"),
    (silu, "clamping", "{sign, 15'h7FC0}", "16'h7FC0"),
    (exp, "clamping", "below_lut & ~exponential", "below_lut"),
    (exp, "clamping", "16'h3F80", "16'd0"),
    (silu, "exponent_selection", "previous_of_8[offset_previous]", "previous_of_8[offset_current]"),
    (silu, "exponent_selection", "selects_current & ~replaced_current", "selects_current"),
    (silu, "exponent_selection", "selects_previous & ~replaced_previous", "selects_previous"),
    (silu, "maximum_tree", "left > right", "left < right"),
    (silu, "row", "input_used & input_valid", "input_used"),
    (silu, "row", "input_code[15] == negative_lut", "1'b1"),
    (softmax, "accumulator", "add_exponential ? 3'd0", "add_exponential ? 3'd1"),
    (softmax, "window_control", "exponential_current <= exponential", "exponential_current <= 0"),
    (softmax, "vector_unit", "factor[14:0] == 0 ? 16'h3F80 :", "1'b0 ? 16'h3F80 :"),
    (softmax, "vector_unit", "factors[load_eighth]", "factors[eighth]"),
    (systolic, "systolic_pe", "if (shift_weight) ", ""),
    (int4, "bf16_int4_multiplier", "11'sd3", "11'sd2"),
    (int4, "bf16_int4_multiplier", "|a[6:0] | magnitude == 0", "|a[6:0]"),
    (figna, "figna_prealigner", "code[15] ? -magnitude", "code[15] ? ~magnitude"),
    (figna, "figna_pe", "sum_in - product", "sum_in + product"),
    (figna, "figna_to_bf16", "SUM_BITS + 1 - BITS", "SUM_BITS - BITS"),
    (carat, "carat_value_generation", "exponent < 4", "exponent < 3"),
    (carat, "carat_scaling", "~|value[14:7] | exponent < 1", "exponent < 1"),
    (carat, "carat_scaling", "exponent > 254", "exponent > 255"),
    (carat, "carat_row", "{sign_previous, weight_previous}", "{sign_previous, weight_current}"),
]


@pytest.mark.parametrize(
    "mutation",
    FAST + [pytest.param(mutation, marks=pytest.mark.slow) for mutation in SLOW],
    ids=lambda mutation: f"{mutation[1]}: {mutation[2]} -> {mutation[3]}",
)
def test_a_mistake_is_noticed(mutation, tmp_path):
    check, module, there, instead = mutation
    sources = tmp_path / "rtl"
    shutil.copytree(SOURCES, sources)
    file = sources / f"{module}.v"
    text = file.read_text()
    assert text.count(there) == 1, f"{text.count(there)} times '{there}' in {module}.v"
    file.write_text(text.replace(there, instead))
    with pytest.raises(AssertionError):
        check(tmp_path / "run", sources=sources)
