"""Spreads of unit costs: as the file says, correlated as it says, mistakes by key."""

import numpy as np
import pytest
import yaml

from mugi.documents import read_yaml
from mugi.errors import InputError
from mugi.hardware.technology import fitted_sram, sizes_of, sram_row, technology
from mugi.judge.costs import COSTS_FILE, QUANTITIES, Constant, Unsure, load_costs

CLASSES = {"register": "register", "fifo": "fifo", "sram 1x1": "sram", "mine": "mine"}
DRAWS = 40_000


@pytest.fixture(scope="module")
def unsure():
    return Unsure(load_costs(), CLASSES, frozenset({"sram 1x1"}))


def test_every_class_of_the_technology_has_an_entry_with_a_reason():
    costs = load_costs()
    for kind in sizes_of(technology()):
        name, entry = costs.entry(kind)
        assert name != "others", kind
        assert entry.reason and entry.source


def test_95_percent_lie_within_the_spread(unsure):
    factors = np.log(unsure.factors(unsure.draw(DRAWS, 0), "area"))
    limits = {"register": 1.2, "fifo": 1.3, "mine": 1.2}
    for place, name in enumerate(CLASSES):
        if name in limits:
            inside = np.mean(np.abs(factors[:, place]) <= np.log(limits[name]))
            assert inside == pytest.approx(0.95, abs=0.004)
        assert np.median(factors[:, place]) == pytest.approx(0, abs=0.002)


def test_costs_of_one_origin_are_correlated_those_of_others_not(unsure):
    uniform = unsure.draw(DRAWS, 0)
    factors = {q: np.log(unsure.factors(uniform, q)) for q in QUANTITIES}
    found = np.corrcoef(factors["area"].T)
    assert found[0, 1] == pytest.approx(0.5, abs=0.015)
    assert found[0, 2] == pytest.approx(0, abs=0.015)
    assert np.corrcoef(factors["area"][:, 0], factors["energy"][:, 0])[0, 1] < 0.015


def test_a_fitted_sram_has_the_error_of_the_fit_too(unsure):
    costs = load_costs()
    for quantity, error in costs.sram_fit.mean_error.items():
        spread = np.log(unsure.factors(unsure.draw(DRAWS, 0), quantity))[:, 2].std()
        alone = Unsure(costs, CLASSES).factors(Unsure(costs, CLASSES).draw(DRAWS, 0), quantity)
        without = np.log(alone)[:, 2].std()
        assert np.sqrt(spread**2 - without**2) == pytest.approx(error * np.sqrt(np.pi / 2), rel=0.1)


def test_errors_of_the_fit_are_those_of_rows_left_out():
    """Of every fourth row, predicted from all others; the file has the means over all 32."""
    rows = sorted((r.width, r.depth, *sram_row(r)) for r in technology().sram_rows)
    errors = []
    for place in range(1, len(rows), 4):
        others = tuple(rows[:place] + rows[place + 1 :])
        errors.append(np.abs(np.divide(fitted_sram(others, *rows[place][:2]), rows[place][2:]) - 1))
    area, leakage, read, _ = np.mean(errors, axis=0)
    stated = load_costs().sram_fit.mean_error
    found = {"area": area, "leakage": leakage, "energy": read}
    for quantity, error in found.items():
        assert error == pytest.approx(stated[quantity], abs=0.04), quantity


def test_constants_stay_in_their_ranges(unsure):
    uniform = unsure.draw(1000, 0)
    for name, constant in load_costs().constants:
        drawn = unsure.constant(uniform, name)
        low, high = constant.range
        assert low <= drawn.min() < drawn.max() <= high
    ends = Constant(range=[10.0, 1000.0], drawn="log", unit="g", source="x").at(np.array([0, 0.5]))
    np.testing.assert_allclose(ends, [10, 100])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"correlation": 2.0}, "correlation"),
        ({"components": {"registers": {"spread": -0.1}}}, "registers.spread"),
        ({"components": {"registers": {"classes": ["registr"]}}}, "'register'"),
        ({"components": {"registers": {"classes": ["fifo"]}}}, "'fifo' stands in two entries"),
        ({"components": {"registers": {"reason": ""}}}, "registers.reason"),
        ({"constants": {"carbon_intensity": {"range": [5.0, 1.0]}}}, "carbon_intensity"),
        ({"sram_fit": {"mean_error": {"areas": 0.1}}}, "areas"),
    ],
)
def test_mistakes_have_file_line_and_key(tmp_path, change, line):
    def merged(base, top):
        return {
            **base,
            **{
                key: merged(base[key], value) if isinstance(value, dict) else value
                for key, value in top.items()
                if key in base
            },
            **{key: value for key, value in top.items() if key not in base},
        }

    path = tmp_path / "costs.yaml"
    path.write_text(yaml.safe_dump(merged(read_yaml(COSTS_FILE).content, change)))
    with pytest.raises(InputError) as error:
        load_costs(path)
    assert "costs.yaml" in str(error.value) and line in str(error.value)
