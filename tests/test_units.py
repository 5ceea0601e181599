"""Units of columns and of arithmetic with them."""

import pytest

from mugi.units import unit_of, unit_of_arithmetic


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("area_mm2", "mm^2"),
        ("area_mm2", "mm2"),
        ("carbon_intensity_g_per_kwh", "gCO2e/kWh"),
        ("epa_mj_per_mm2", "MJ/mm^2"),
        ("tokens_per_s_per_j * 1e6", "tokens/s/MJ"),
        ("tokens_per_j", "tokens/s/W"),
        ("tokens_per_j_on_chip", "token/J"),
        ("cycles / runtime_s / 1e6", "MHz"),
        ("power_mw / 1e3", "W"),
        ("dynamic_energy_nj / 1e9 + leakage_mw / 1e3 * runtime_s", "J"),
        ("energy_j / 3.6e6", "kWh"),
        ("energy_j / 3600", "Wh"),
        ("dram_bandwidth_gb_s", "GB/s"),
        ("-relative_error_percent + 1", "%"),
        ("embodied_carbon_kgco2e * 1e3", "g"),
        ("max(runtime_s, 2 * runtime_ffn_s)", "s"),
        ("abs(area_mm2) ** 2 / area_mm2", "mm^2"),
    ],
)
def test_units_of_arithmetic(text, unit):
    found = unit_of_arithmetic(text)
    if unit == "Wh":
        assert unit_of(unit) is None and found.scale == 1 / 3600 * 3600**2
    else:
        assert found.is_same(unit_of(unit))


@pytest.mark.parametrize(
    "text",
    ["speed", "window_low_exponent + 7", "tokens_per_s / array_height ** 2", "cycles_per_window"],
)
def test_what_has_no_known_unit_is_left_alone(text):
    assert unit_of_arithmetic(text) is None


@pytest.mark.parametrize("unit", ["count", "operational / embodied", ""])
def test_words_are_no_units(unit):
    assert unit_of(unit) is None


@pytest.mark.parametrize(
    "text",
    [
        "dynamic_energy_nj + leakage_mw * runtime_s",  # nJ and mJ
        "area_mm2 + runtime_s",
        "1 / (runtime_s - area_mm2)",
        "tokens if area_mm2 > runtime_s else tokens",
    ],
)
def test_sums_and_comparisons_of_different_units_are_refused(text):
    with pytest.raises(ValueError, match="have not one unit"):
        unit_of_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    ["x_ms**-400 + y_s", "x_ms**400 / y_ms", "1 / (x_nj" + " / 1e15" * 30 + ")", "x_s**10**9"],
)
def test_factors_beyond_numbers_are_no_unit_and_no_crash(text):
    assert unit_of_arithmetic(text) is None
