"""Carbon: hand-computed values, sums, and bad input."""

import itertools
from functools import partial

import pandas as pd
import pytest

from mugi import carbon as module
from mugi.assumptions import PRESETS, REGISTRY, pairs
from mugi.carbon import DRAM, SWITCHES, g_per_mm2
from mugi.cli import main
from mugi.errors import InputError
from mugi.files import read_table
from mugi.hardware import evaluate_hardware

account_carbon = partial(module.account_carbon, presets=PRESETS)
GROUPS = ["projection", "attention", "ffn", "output", "softmax", "silu"]
LAYERS = {"llama_2_7b": 32, "llama_2_13b": 40, "llama_2_70b": 80, "llama_2_70b_GQA": 80}
KV_HEADS = {"llama_2_7b": 32, "llama_2_13b": 40, "llama_2_70b": 64, "llama_2_70b_GQA": 8}
SINGLE = [
    *[("mugi", "vlp", 64), ("mugi", "vlp", 128), ("mugi", "vlp", 256)],
    *[("carat", "", 128), ("carat", "", 256), ("tensor", "", 8)],
    *itertools.product(["systolic", "simd"], ["mac", "figna"], [8, 16, 64]),
    *[("systolic", "pwl", 16), ("systolic", "taylor", 16)],
]
NODES = {"mugi": [(256, 4, 4)], "carat": [(256, 4, 4)], "tensor": [(8, 2, 1)]}


def made_up_runs() -> pd.DataFrame:
    """Return a hardware table with every run that the default figures need, numbers made up."""
    runs = [(*run, 1, 1, model) for run, model in itertools.product(SINGLE, LAYERS)]
    for design, variant in sorted({run[:2] for run in SINGLE} - {("systolic", "pwl")}):
        for height, rows, cols in NODES.get(design, [(16, 4, 4)]):
            runs.append((design, variant, height, rows, cols, "llama_2_70b_GQA"))
    keys = ["design", "variant", "array_height", "noc_rows", "noc_cols", "model"]
    table = pd.DataFrame(runs, columns=keys)
    table = table.assign(
        array_width=8,
        nodes=table.noc_rows * table.noc_cols,
        layers=table.model.map(LAYERS),
        kv_heads=table.model.map(KV_HEADS),
        batch_size=8,
        seq_len=4096,
        preset="as-published",
        technology="45nm",
        area_mm2=2.0 + table.index / 10,
        leakage_mw=50.0,
        tokens_per_s=1.0 + table.index / 7,
        tokens_per_j=3.0,
        tokens_per_s_per_j=1e-4,
    )
    for number, group in enumerate(GROUPS, 1):
        table[f"runtime_{group}_s"] = number * (1000.0 + table.index)
        table[f"dynamic_energy_{group}_nj"] = number * 1e11
    table["runtime_s"] = table[[f"runtime_{group}_s" for group in GROUPS]].sum(axis=1)
    table["cycles"] = table.runtime_s * 4e8
    return table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return account_carbon(hardware=made_up_runs())


def one_run(**values) -> pd.DataFrame:
    """Return one Llama 2 7B run of 100 s, 50 s of it projection, 2 mm^2, 100 mW leakage."""
    run = made_up_runs().iloc[[0]].assign(area_mm2=2.0, leakage_mw=100.0, runtime_s=100.0)
    zero = {f"runtime_{g}_s": 0.0 for g in GROUPS} | {f"dynamic_energy_{g}_nj": 0.0 for g in GROUPS}
    return run.assign(**zero | {"runtime_projection_s": 50.0} | values)


def test_operational_carbon_by_hand():
    """0.1 W for 50 s and 32 layers of 1 J: 5 J + 1 J published, 5 J + 32 J corrected."""
    result = account_carbon(hardware=one_run(dynamic_energy_projection_nj=32e9))
    found = result[result.event == "projection"].set_index("accounting").operational_carbon_kgco2e
    assert found["as-published"] == pytest.approx(301 * 6 / 3.6e6 / 1e3, rel=1e-12)
    assert found["corrected"] == pytest.approx(301 * 37 / 3.6e6 / 1e3, rel=1e-12)


def test_nonlinear_counts_all_layers_in_both_accountings():
    run = one_run(runtime_softmax_s=10.0, runtime_silu_s=20.0, dynamic_energy_silu_nj=7e9)
    result = account_carbon(hardware=run)
    found = result[result.event == "nonlinear"].operational_carbon_kgco2e
    assert found.tolist() == pytest.approx([301 * (3 + 7) / 3.6e6 / 1e3] * 2, rel=1e-12)


def test_embodied_carbon_by_hand():
    """2 mm^2 at 0.55/3.6 kWh and 301 g/kWh, for 100 s of 5 years."""
    result = account_carbon(hardware=one_run())
    found = result[result.event == "embodied"].embodied_carbon_kgco2e
    by_hand = 0.55 / 3.6 * 301 * 2 * 100 / (5 * 365 * 24 * 3600) / 1e3
    assert found.tolist() == pytest.approx([by_hand] * 2, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        (["embodied_share=run_share"], 1),
        (["embodied_share=duty_20"], 5),
        (["embodied_share=whole_chip"], 5 * 365 * 24 * 3600 / 100),
        (["lifetime_years=3"], 5 / 3),
        (["carbon_intensity=50"], 50 / 301),
        (["epa_mj_per_mm2=0.0324", "lifetime_years=7"], 0.0324 / 0.55 * 5 / 7),
        (["cpa=act_28nm"], (301 * 0.9 + 675) / 87.5 / (0.55 / 3.6 * 301)),
        (["cpa=act_28nm", "carbon_intensity=50"], (50 * 0.9 + 675) / 87.5 / (0.55 / 3.6 * 301)),
        (["cpa=act_7nm"], (301 * 2.15 + 350 + 500) / 87.5 / (0.55 / 3.6 * 301)),
        (
            ["cpa=act_3nm", "gas_abatement_percent=99", "fab_carbon_intensity=taiwan_2023"],
            (642 * 3.25 + 275 + 500) / 87.5 / (0.55 / 3.6 * 301),
        ),
        (["carbon_intensity=world_2023"], 481 / 301),
        (["carbon_intensity=world_2022"], 1),
        (["carbon_intensity=iceland_2023", "fab_carbon_intensity=korea_2022"], 430 / 301),
        (["fab_carbon_intensity=wind"], 11 / 301),
        (["pue=1.5"], 1),
    ],
)
def test_flips_change_embodied_carbon_and_only_the_grid_operational(settings, factor):
    plain = account_carbon(hardware=one_run())
    result = account_carbon(hardware=one_run(), flips=pairs(settings, "--set", SWITCHES))
    embodied = result.embodied_carbon_kgco2e.tolist()
    assert embodied == pytest.approx((plain.embodied_carbon_kgco2e * factor).tolist(), rel=1e-12)
    assert set(result.carbon_kgco2e >= result.operational_carbon_kgco2e) == {True}
    used = {"50": 50, "world_2023": 481, "iceland_2023": 7.3}
    grids = [used.get(s.partition("=")[2]) for s in settings if s.startswith("carbon_intensity=")]
    grid = (next(filter(None, grids), 301)) / 301 * (1.5 if "pue=1.5" in settings else 1)
    operational = result.operational_carbon_kgco2e.tolist()
    assert operational == pytest.approx((plain.operational_carbon_kgco2e * grid).tolist())


def test_command_sets_constants_and_writes_them_beside_the_results(tmp_path):
    one_run().to_csv(tmp_path / "hardware.csv", index=False)
    command = ["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]
    command += ["--preset", "as-published", "--preset", "corrected"]
    assert main([*command, "--set", "embodied_share=whole_chip", "--set", "lifetime_years=7"]) == 0
    written = pd.read_csv(tmp_path / "carbon.csv")
    assert set(written.embodied_share) == {"whole_chip"}
    assert set(written.lifetime_years) == {7}
    chip = written[written.event == "embodied"].embodied_carbon_kgco2e
    assert chip.tolist() == pytest.approx([0.55 / 3.6 * 301 * 2 / 1e3] * 2, rel=1e-12)


def test_default_accounting_is_corrected_and_said(tmp_path, capsys):
    one_run().to_csv(tmp_path / "hardware.csv", index=False)
    command = ["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]
    assert main(command) == 0
    assert "1 runs, accounting corrected" in capsys.readouterr().out
    written = pd.read_csv(tmp_path / "carbon.csv")
    assert set(written.accounting) == {"corrected"}
    both = account_carbon(hardware=one_run())
    assert set(module.account_carbon(hardware=one_run()).accounting) == {"corrected"}
    kept = both[both.accounting == "corrected"].carbon_kgco2e
    assert written.carbon_kgco2e.tolist() == pytest.approx(kept.tolist(), rel=1e-15)


def test_bad_settings_are_one_line_each_and_no_file(tmp_path, capsys):
    made_up_runs().to_csv(tmp_path / "hardware.csv", index=False)
    bad = {
        "lifetime_year=3": "unknown assumption 'lifetime_year' (did you mean 'lifetime_years'?)",
        "dram_time=per_op": "unknown assumption 'dram_time'",
        "embodied_share=duty_2": "not 'duty_2' (did you mean 'duty_20'?)",
        "lifetime_years=0": "lifetime_years is 5, 3, 7 or a number from 0.25 to 30 years, not '0'",
        "carbon_intensity=nan": "carbon_intensity is 301, 50, 700, world_2022 … wind (`mugi assum",
        "epa_mj_per_mm2": "NAME=VALUE is needed, not 'epa_mj_per_mm2'",
        "fab_carbon_intensity=taiwan": "not 'taiwan' (did you mean 'taiwan_20",
        "pue=0.9": "pue is 1 or a number from 1 to 3 times the chip's energy, not '0.9'",
        "cpa=act_45nm": "not 'act_45nm' (did you mean 'act_",
    }
    settings = [word for pair in bad for word in ("--set", pair)]
    command = ["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]
    assert main([*command, *settings]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(bad)
    for line, said in zip(lines, bad.values(), strict=True):
        assert line.startswith("mugi carbon: --set: ")
        assert said in line
    with pytest.raises(InputError, match="'lifetime_years' is set twice"):
        pairs(["lifetime_years=3", "lifetime_years=7"], "--set", SWITCHES)
    with pytest.raises(InputError, match="unknown assumption of carbon 'dram_time'"):
        account_carbon(hardware=one_run(), flips={"dram_time": "per_op"})
    assert not (tmp_path / "carbon.csv").exists()


def test_columns_flip_row_by_row_and_settings_win():
    """Flips in the table hold for their rows only, in both accountings."""
    runs = pd.concat([one_run(dynamic_energy_ffn_nj=32e9), one_run(dynamic_energy_ffn_nj=32e9)])
    plain = account_carbon(hardware=runs[:1]).set_index(["accounting", "event"]).carbon_kgco2e
    runs = runs.assign(batch_size=[8, 16])
    runs["assumption.fig15_dynamic_energy"] = ["", "all_layers"]
    runs["assumption.lm_head_in_breakdowns"] = ["left_out", "included"]
    found = (
        account_carbon(hardware=runs).set_index(["batch_size", "accounting", "event"]).carbon_kgco2e
    )
    assert found[8, "as-published", "ffn"] == plain["as-published", "ffn"]
    assert found[16, "as-published", "ffn"] == plain["corrected", "ffn"]
    events = found.index.droplevel("accounting").unique()
    assert (16, "output") in events and (8, "output") not in events
    won = account_carbon(
        hardware=runs, flips={"fig15_dynamic_energy": "one_layer"}, presets=["as-published"]
    )
    assert set(won.accounting) == {"as-published"}
    assert won[won.event == "ffn"].carbon_kgco2e.tolist() == [plain["as-published", "ffn"]] * 2


@pytest.mark.parametrize(("scope", "joule"), [("with_dram", 6), ("with_dram_background", 6 + 56.4)])
def test_dram_counts_where_the_runs_count_it(scope, joule):
    """6 J of DRAM accesses of all layers, and 8 banks of 0.141 W for 50 s of projection."""
    run = one_run(**{f"dram_energy_{group}_nj": 0.0 for group in GROUPS})
    run = run.assign(dram_energy_projection_nj=6e9, dram_leakage_mw=8 * 141.0)
    plain, found = (
        account_carbon(hardware=run),
        account_carbon(hardware=run.assign(**{"assumption.energy_scope": scope})),
    )
    more = (found.operational_carbon_kgco2e - plain.operational_carbon_kgco2e) * 3.6e6 * 1e3 / 301
    assert more[found.event == "projection"].tolist() == pytest.approx([joule] * 2, rel=1e-3)
    assert more[found.event.isin(["ffn", "embodied"])].tolist() == pytest.approx([0] * 4, abs=1e-9)


def test_carbon_of_a_die_area():
    rules = {"cpa": "energy_only", "fab_carbon_intensity": 301, "epa_mj_per_mm2": 0.55}
    rules |= {"gas_abatement_percent": 95}
    assert g_per_mm2(rules) == pytest.approx(45.99, abs=0.005)
    # ACT's 28 nm: 0.9 kWh, 175 g of gases, 500 g of materials a cm2, 87.5 % of the dies work
    assert g_per_mm2(rules | {"cpa": "act_28nm"}) == pytest.approx((270.9 + 675) / 0.875 / 100)


def test_parts_sum_to_totals(table):
    run = [*module.RUN, "accounting"]
    values = ["operational_carbon_kgco2e", "embodied_carbon_kgco2e", "carbon_kgco2e"]
    parts = table[table.event != "total"].groupby(run)[values].sum()
    total = table[table.event == "total"].set_index(run)[values]
    pd.testing.assert_frame_equal(parts, total.loc[parts.index], check_exact=False, rtol=1e-12)
    both = total.operational_carbon_kgco2e + total.embodied_carbon_kgco2e
    assert total.carbon_kgco2e.tolist() == pytest.approx(both.tolist(), rel=1e-12)


def test_one_row_for_each_run_accounting_and_event(table):
    keys = [*module.RUN, "accounting", "event"]
    assert not table[keys].duplicated().any()
    assert len(table) == len(made_up_runs()) * (6 + 7)
    assert set(table[table.accounting == "as-published"].event) == set(table.event) - {"output"}


def test_order_of_runs_does_not_matter(table):
    shuffled = made_up_runs().sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(account_carbon(hardware=shuffled), table)


def test_command_writes_the_same_bytes_twice(tmp_path):
    made_up_runs().to_csv(tmp_path / "hardware.csv", index=False)
    outputs = [tmp_path / "a" / "carbon.csv", tmp_path / "b" / "carbon.csv"]
    for output in outputs:
        assert main(["carbon", str(tmp_path / "hardware.csv"), "-o", str(output)]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert [path.name for path in outputs[0].parent.iterdir()] == ["carbon.csv"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.rename(columns={"area_mm2": "area_cm2"}), "missing column 'area_mm2' (did"),
        (
            lambda t: t.assign(leakage_mw=["fifty", *t.leakage_mw[1:]]),
            "line 2, leakage_mw: 'fifty'",
        ),
        (lambda t: t.iloc[:0], "no rows"),
    ],
)
def test_bad_table_is_one_line_and_no_file(change, said, tmp_path, capsys):
    change(made_up_runs()).to_csv(tmp_path / "hardware.csv", index=False)
    assert main(["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "carbon.csv").exists()


def test_missing_table_is_one_line(tmp_path, capsys):
    assert main(["carbon", str(tmp_path / "none.csv"), "-o", str(tmp_path / "carbon.csv")]) == 2
    assert "none.csv: No such file" in capsys.readouterr().err


def test_constants_have_units_and_sources():
    for name, constant in module.CONSTANTS:
        if name != "fabs":
            assert constant.unit and constant.source, name
    fabs = module.CONSTANTS.fabs
    assert [*fabs] == [name for name in REGISTRY["cpa"].choices if name != "energy_only"]
    for fab in fabs.values():
        assert "ACT" in fab.source
        assert [*fab.gases_g_per_cm2] == [str(n) for n in REGISTRY["gas_abatement_percent"].choices]


def test_ranges_without_a_source_are_called_assumptions():
    for name in SWITCHES:
        if REGISTRY[name].interval:
            assert "the range is an assumption" in REGISTRY[name].source, name
            assert REGISTRY[name].unit, name


def test_every_named_grid_is_plausible_and_says_its_year():
    """301 and 481 g/kWh were both called the world's, a year apart."""
    for name in ("carbon_intensity", "fab_carbon_intensity"):
        entry = REGISTRY[name]
        low, high = entry.interval
        assert entry.names["world_2022"] == 301 and entry.names["world_2023"] == 481
        assert all(low <= value <= high for value in entry.names.values())
        fuels = {"coal", "gas", "biomass", "solar", "geothermal", "hydropower", "nuclear", "wind"}
        assert {name.rpartition("_")[2] for name in entry.names} - fuels == {"2022", "2023"}
        assert entry.parse("world") is None


@pytest.mark.parametrize("value", ["0.301", "0", "-301", "301000", "inf"])
@pytest.mark.parametrize("name", ["carbon_intensity", "fab_carbon_intensity"])
def test_an_intensity_in_kg_is_refused(name, value, tmp_path, capsys):
    one_run().to_csv(tmp_path / "hardware.csv", index=False)
    command = ["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]
    assert main([*command, "--set", f"{name}={value}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "or a number from 5 to 1100 g CO2e/kWh, not" in line
    assert not (tmp_path / "carbon.csv").exists()
    with pytest.raises(InputError, match="g CO2e/kWh"):
        account_carbon(hardware=one_run(**{f"assumption.{name}": float(value)}))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_reads_and_writes_what_evaluate_does(tmp_path, ending):
    """Empty cells of assumptions too, in both kinds of table."""
    run = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 1}
    changes = [{}, {"assumption.lifetime_years": "3"}, {"assumption.energy_scope": "with_dram"}]
    runs = pd.DataFrame([run | {"seq_len": 128} | change for change in changes])
    runs.to_csv(tmp_path / "runs.csv", index=False)
    names = [str(tmp_path / f"{stem}.{ending}") for stem in ("hardware", "carbon")]
    assert main(["evaluate", str(tmp_path / "runs.csv"), "-o", names[0]]) == 0
    assert main(["carbon", names[0], "-o", names[1]]) == 0
    written = read_table(names[1])
    assert written["lifetime_years"].tolist().count(3) == 7
    expected = module.account_carbon(hardware=evaluate_hardware(runs=runs))
    assert sorted(written.carbon_kgco2e) == pytest.approx(sorted(expected.carbon_kgco2e))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"area_mm2": float("nan")}, "line 2, area_mm2: must be a finite number of at least 0"),
        ({"runtime_ffn_s": float("inf")}, "line 2, runtime_ffn_s: must be a finite number"),
        (
            {"leakage_mw": -1.0},
            "leakage_mw: must be a finite number of at least 0, not '-1",
        ),
        ({"assumption.energy_scope": "with_dramm"}, "not 'with_dramm' (did you mean 'with_dram'?)"),
        ({"assumption.energy_scope": "with_dram"}, "missing column 'dram_leakage_mw'"),
        ({"assumption.lifetime": 3}, "unknown assumption 'lifetime'"),
    ],
)
def test_numbers_that_would_be_skipped_or_passed_on_stop_it(change, said, tmp_path, capsys):
    with pytest.raises(InputError) as error:
        account_carbon(hardware=one_run(**change))
    assert said in str(error.value)
    one_run(**change).to_csv(tmp_path / "hardware.csv", index=False, na_rep="nan")
    assert main(["carbon", str(tmp_path / "hardware.csv"), "-o", str(tmp_path / "carbon.csv")]) == 2
    assert all(line.startswith("mugi carbon: ") for line in capsys.readouterr().err.splitlines())
    assert not (tmp_path / "carbon.csv").exists()
    with pytest.raises(InputError, match="missing column 'area_mm2'"):
        account_carbon(hardware=one_run().drop(columns="area_mm2"))


@pytest.mark.parametrize("column", ["leakage_mw", "dram_leakage_mw"])
def test_numbers_may_be_stored_as_text(column):
    dram = {"assumption.energy_scope": "with_dram_background", "dram_leakage_mw": 2.0}
    dram |= {name: 1.0 for name in DRAM if name != "dram_leakage_mw"}
    run = one_run(**dram)
    pd.testing.assert_frame_equal(
        account_carbon(hardware=run.assign(**{column: run[column].astype(str)})),
        account_carbon(hardware=run),
    )
