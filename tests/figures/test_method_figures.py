"""Figs. 3 and 8, its weighted companion, Pareto fronts and adaptive windows, from small tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from figures import adaptive, fig03, fig08, fig08_weighted, pareto
from mugi.analysis.error_table import error_table
from mugi.analysis.lookup import entries
from mugi.analysis.search import surface
from mugi.analysis.weigh import by_input
from mugi.errors import InputError
from mugi.files import write_table
from mugi.hardware import breakdown, evaluate
from mugi.hardware import expand as expand_runs
from mugi.methods import parse
from mugi.methods.grid import expand
from tests.analysis.inputs import activation_inputs, softmax_inputs

GRIDS = {
    "softmax": [
        *["exact", "vlp:lut=8|12,max_exp=1..3", "vlp:lut=8,max_exp=3,adapt=6"],
        *["pwl:segments=11|22,range=15", "pwl:segments=22,range=15,coefficients=fp32"],
        "taylor:degree=5|9,center=-4",
    ],
    "activation": ["exact", "partial", "vlp:lut=8|12,max_exp=1", "pwl:segments=22,range=5"],
}


@pytest.fixture(scope="module")
def hardware() -> dict[str, pd.DataFrame]:
    """Runs of the chips of the Pareto figure, and their components."""
    run = {"model": "llama_2_7b", "batch_size": 8, "seq_len": 4096}
    run |= {"preset": ["as-published", "corrected"]}
    runs = expand_runs(
        [
            {"design": "mugi", "variant": ["vlp", "lut"], "array_height": 256, **run},
            {"design": "systolic", "variant": ["mac", "pwl", "taylor"], "array_height": 16, **run},
        ]
    )
    return {"hardware": evaluate(runs), "breakdown": breakdown(runs)}


@pytest.fixture(scope="module")
def tables(hardware, tmp_path_factory) -> Path:
    """A folder with the tables that the figures read."""
    folder = tmp_path_factory.mktemp("tables")
    layers = {"softmax": softmax_inputs(), "activation": activation_inputs()}
    fits = {}
    errors = ["weighted_absolute_error", "kl_divergence_nats"]
    for table, shifts in {"fit": [0], "shifted": [-2, 0, 2]}.items():
        fits[table] = pd.concat(
            surface([inputs.scaled(shift)], expand(GRIDS[name], name), errors, False, 8).assign(
                shift_log2=shift
            )
            for name, inputs in layers.items()
            for shift in shifts
        )
    weighted = [
        by_input([inputs], method).assign(chosen_by="Fig. 6" if place else "configured")
        for name, inputs in layers.items()
        for place, method in enumerate(expand(GRIDS[name][2:3], name))
    ]
    inputs = np.array([-0.02, -0.3, -5.2])
    lookup = entries(parse("vlp:lut=12,max_exp=3"), "silu", inputs)
    for name, table in {
        **fits,
        **hardware,
        "weighted": pd.concat(weighted),
        "lookup": lookup,
        "exp": error_table("exp", parse("pwl:segments=22,range=15"), -16, 0, 2**-8),
        "selected/exp": error_table("exp", parse("pwl:segments=8,range=8"), -16, 0, 2**-8),
    }.items():
        write_table(table, folder / f"{name}.csv")
    return folder


FIGURES = {
    fig03: "lookup",
    fig08: ["exp", "selected/exp"],
    fig08_weighted: "weighted",
    pareto: ["fit", "hardware", "breakdown"],
    adaptive: "shifted",
}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
def test_a_figure_is_drawn_and_its_table_written(figure, tables, tmp_path):
    names = FIGURES[figure]
    paths = [tables / f"{name}.csv" for name in ([names] if isinstance(names, str) else names)]
    figure.make(paths[0] if isinstance(names, str) else paths, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert len(pd.read_csv(tmp_path / "figure.csv")) > 10


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
def test_a_figure_without_its_columns_says_which(figure, tmp_path):
    names = FIGURES[figure]
    paths = [tmp_path / f"{name}.csv" for name in ([names] if isinstance(names, str) else names)]
    for path in paths:
        write_table(pd.DataFrame({"metod": ["exact"]}), path)
    with pytest.raises(InputError, match="missing column"):
        figure.make(paths[0] if isinstance(names, str) else paths, tmp_path / "figure")
    assert not list(tmp_path.glob("figure*"))


@pytest.fixture(scope="module")
def parts(hardware) -> pd.DataFrame:
    return pareto.components(hardware["hardware"], hardware["breakdown"])


def chip(parts: pd.DataFrame, kind: str, operation: str = "softmax") -> pd.DataFrame:
    return parts[(parts["chip"] == kind) & (parts["operation"] == operation)]


EVALUATED = {
    "vlp": ("vlp:lut=12,max_exp=3", 16),
    "vlp_lut": ("vlp:lut=12,max_exp=3", 16),
    "pwl": ("pwl:segments=22,range=15", 5),
    "taylor": ("taylor:degree=9,center=-4", 10),
    "exact": ("exact", 44),
}


@pytest.mark.parametrize("kind", EVALUATED)
def test_parameters_of_the_evaluated_chips_cost_what_the_chips_do(kind, parts):
    text, cycles = EVALUATED[kind]
    rows = chip(parts, kind)
    cost = pareto.cost(rows, parse(text), kind)
    array = rows[rows["level"] == "array"]
    assert cost["area_used_um2_per_lane"] == pytest.approx(
        1e6 * array["area_mm2"].sum() / rows["lanes"].iloc[0]
    )
    assert cost["energy_pj_per_element"] == pytest.approx(rows["energy_pj"].sum())
    assert cost["lane_cycles_per_element"] == pytest.approx(cycles, rel=0.01)
    assert 0 < cost["area_added_um2_per_lane"] < cost["area_used_um2_per_lane"]


@pytest.mark.parametrize(
    ("kind", "small", "large"),
    [
        ("pwl", "pwl:segments=11,range=15", "pwl:segments=22,range=15"),
        ("taylor", "taylor:degree=5,center=-4", "taylor:degree=9,center=-4"),
        ("vlp_lut", "vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3"),
    ],
)
def test_a_larger_method_costs_more_and_nothing_less(kind, small, large, parts):
    rows = chip(parts, kind)
    less, more = (pareto.cost(rows, parse(text), kind) for text in (small, large))
    assert all(less[name] <= more[name] for name in pareto.COSTS)
    assert less["energy_pj_per_element"] < more["energy_pj_per_element"]


def test_an_adaptive_window_costs_a_little_more_than_a_fixed_one(parts):
    fixed = pareto.cost(chip(parts, "vlp"), parse("vlp:lut=8,max_exp=3"), "vlp")
    adaptive_cost = pareto.cost(
        chip(parts, "adaptive_vlp"), parse("vlp:lut=8,max_exp=3,adapt=4"), "adaptive_vlp"
    )
    for name in ("area_used_um2_per_lane", "energy_pj_per_element"):
        assert fixed[name] < adaptive_cost[name] < 1.02 * fixed[name]


def test_the_front_is_what_no_other_point_beats(tables, hardware, parts):
    table = pareto.marked(pareto.points(pd.read_csv(tables / "fit.csv"), parts))
    assert set(table["family"]) == set(pareto.CHIPS)
    assert set(table.loc[table["arithmetic"] == "fp32", "method"]) == {
        "pwl:segments=22,range=15,coefficients=fp32"
    }
    for _, panel in table.groupby(["operation", "error"]):
        for name in pareto.COSTS:
            for row in panel.to_dict("records"):
                cheaper = panel[panel[name] <= row[name]]
                beaten = (cheaper["value"] < row["value"]).any() | (
                    (cheaper["value"] == row["value"]) & (cheaper[name] < row[name])
                ).any()
                assert not (row[f"on_front_{name}"] and beaten)
            kept = panel[panel[f"on_front_{name}"]]
            assert kept["value"].min() == panel["value"].min()
            assert kept[name].min() == panel[name].min()


def test_adaptive_windows_are_compared_with_the_best_fixed_one_of_each_shift(tables):
    shifted = pd.read_csv(tables / "shifted.csv")
    rows = shifted[shifted["operation"].eq("softmax") & shifted["family"].str.contains("vlp")]
    rows = rows[rows["error"] == "weighted_absolute_error"]
    lines = adaptive.compared(rows)
    each = lines[(lines["window"] == adaptive.EACH) & (lines["lut_size"] == 8)]
    fixed = rows[(rows["family"] == "vlp") & rows["method"].str.contains("lut=8")]
    least = fixed.groupby("shift_log2")["value"].min()
    assert each.set_index("shift_log2")["value"].to_dict() == least.to_dict()
    assert (each["value_over_best_fixed"] == 1).all()
    kept = lines[(lines["window"] == adaptive.KEPT) & (lines["lut_size"] == 8)]
    assert kept["method"].nunique() == 1
    assert (kept["value_over_best_fixed"] >= 1).all()


def test_windows_are_kept_from_inputs_as_they_are():
    values = {  # by method: at shift 0, at shift 2
        "vlp:lut=8,max_exp=1": (1.0, 8.0),
        "vlp:lut=8,max_exp=2": (2.0, 4.0),
        "vlp:lut=8,max_exp=2,adapt=4": (1.5, 5.0),
    }
    rows = pd.DataFrame(
        [
            {"method": method, "shift_log2": shift, "value": value}
            for method, both in values.items()
            for shift, value in zip((0, 2), both, strict=True)
        ]
    ).assign(inputs="m", operation="softmax", function="exp", error="kl_divergence_nats")
    rows["family"] = np.where(rows["method"].str.contains("adapt"), "adaptive_vlp", "vlp")
    lines = adaptive.compared(rows).set_index(["window", "shift_log2"])["value_over_best_fixed"]
    assert lines[adaptive.KEPT].to_dict() == {0: 1.0, 2: 2.0}
    assert lines["adaptive"].to_dict() == {0: 1.5, 2: 1.25}


def test_a_method_of_both_tables_is_drawn_once_as_selected(tables, tmp_path):
    paths = [tmp_path / "exp.csv", tables / "selected" / "exp.csv"]
    both = [pd.read_csv(path) for path in (tables / "exp.csv", paths[1])]
    pd.concat(both).to_csv(paths[0], index=False)
    fig08.make(paths, tmp_path / "figure")
    drawn = pd.read_csv(tmp_path / "figure.csv")
    assert not drawn.duplicated(["function", "method", "x"]).any()
    selected = set(pd.read_csv(paths[1])["method"])
    by = drawn.groupby("method")["chosen_by"].first()
    assert {method for method in by.index if "Fig. 6" in by[method]} == selected
