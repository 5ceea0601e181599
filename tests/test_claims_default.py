"""The paper's claims on the tables of the default run that need no model."""

import pandas as pd
import pytest
import yaml

from figures import fig13, fig14, roofline, table1, table2
from mugi.analysis.error_table import error_table
from mugi.array.converter import Array
from mugi.array.simulate import simulated
from mugi.claim import EQUAL, Claim
from mugi.claims import judge
from mugi.files import read_table
from mugi.hardware.runs import KEYS
from mugi.judge.multiverse import one_at_a_time
from mugi.ledger import load_ledger
from mugi.methods import parse
from tests.figures.tables import ROOT, default_tables

# assumptions tried on them; the default run tries all
TRIED = ["ws_load_rows", "ws_timing", "embodied_share", "pwl_interval", "noc_link_bits"]
TRIED += ["energy_scope", "energy_efficiency"]


def without_a_model() -> dict[str, Claim]:
    """Return the ledger without the claims that are judged on runs of a model (test_profile.py)."""
    of_a_model = ["concentration", "fit", "fig06", "accuracy"]
    return {n: claim for n, claim in load_ledger().items() if claim.table not in of_a_model}


def of_few_runs() -> dict[str, Claim]:
    """Return the claims whose dependence on choices is tested here."""
    names = ["ABS-1", "ABS-2", "ABS-3", "ABS-4", "ABS-5", "ABS-6", "NL-9", "NL-10"]
    names += ["LLM-5", "LLM-6", "NOC-1", "CO2-3", "GEMM-3"]
    ledger = load_ledger()
    return {name: ledger[name] for name in names}


@pytest.fixture(scope="module")
def default_results() -> dict[str, pd.DataFrame]:
    """Return the tables that the claims need, of the default configuration."""
    tables = {name: read_table(path) for name, path in default_tables().items()}
    runs, presets = tables["hardware"], ["as-published", "corrected"]
    tables["fig13"] = fig13.groups(fig13.components(tables["breakdown"], runs, presets))
    tables["fig14"] = fig14.metrics(runs, presets)
    tables["table1"] = table1.models(runs)
    tables["table2"] = table2.chips(runs, presets)
    tables["roofline"] = pd.concat([roofline.roofline(runs, preset) for preset in presets])
    tables["simulated"] = simulated(Array(256), 16)
    functions = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["approximations"]
    for name, chosen in functions.items():
        methods = [parse(text, name) for text in chosen["methods"]]
        errors = [error_table(name, method, *chosen["range"], 2**-8) for method in methods]
        tables[name] = pd.concat(errors)
    published = runs[runs["preset"] == "as-published"]
    keys = [key for key in KEYS if key in runs and key != "preset"]
    configurations = published[keys].drop_duplicates().reset_index(drop=True)
    tables["switches"] = one_at_a_time(of_few_runs(), configurations, TRIED)
    return tables


@pytest.fixture(scope="module")
def results(default_results) -> pd.DataFrame:
    """The claims of the default run, judged."""
    return judge(ledger=without_a_model(), tables=default_results).set_index("id")


def test_every_claim_has_a_comparison_and_a_verdict(results):
    """Of the claims that need no model; those are judged in tests/accuracy."""
    assert results.agrees.all()
    assert len(results) == len(without_a_model()) == 218
    assert not (results.reason + results.note).str.contains(r"not in this run|\{").any()
    assert results.comparison.value_counts().to_dict() == {
        "equal at the printed precision": 157,
        "not reproducible here": 34,
        "differs": 11,
        "within tolerance": 9,
        "qualitative": 7,
    }
    assert results.correction.value_counts().to_dict() == {
        "holds": 86,
        "no verdict": 54,
        "shrinks": 37,
        "grows": 18,
        "not a result": 16,
        "depends": 6,
        "reverses": 1,
    }


@pytest.mark.parametrize(
    ("claim", "verdict", "corrected", "depends_on"),
    [
        ("ABS-1", "holds", 43.99, ""),
        ("ABS-2", "shrinks", 10.64, ""),
        ("ABS-3", "holds", 2.064, ""),
        ("ABS-4", "shrinks", 1.535, ""),
        ("ABS-5", "holds", 1.496, ""),
        ("ABS-6", "depends", 1.451, "ws_load_rows=sram_width; embodied_share=whole_chip"),
        ("NL-9", "grows", 1.868, ""),
        ("NL-10", "depends", 4.993, "pwl_interval=1"),
        ("NL-12", "shrinks", 2.181, ""),
        ("LLM-5", "depends", 1.984, "ws_load_rows=sram_width"),
        ("LLM-6", "depends", 1.309, "ws_load_rows=sram_width"),
        ("LLM-8", "holds", 1.0, ""),
        ("NOC-1", "depends", 2.057, "noc_link_bits=64"),
        ("CO2-3", "depends", 11.05, "embodied_share=whole_chip"),
        ("GEMM-3", "reverses", 0.9922, ""),
        ("SET-1", "holds", 44.0, ""),
        ("T3-SN-SA(16)-ee", "no verdict", 2.204, ""),
    ],
)
def test_verdicts_of_the_default_run(results, claim, verdict, corrected, depends_on):
    row = results.loc[claim]
    assert (row.correction, row.depends_on) == (verdict, depends_on)
    assert row.corrected == pytest.approx(corrected, rel=5e-4)


def test_words_of_the_default_run(results):
    change = "10.64 instead of 668, as work per joule (467.9 as throughput per joule,"
    assert results.change["ABS-2"].startswith(change)
    assert results.change["GEMM-3"] == "0.9922, not above 1, already as published"
    span = "1.101 (ws_load_rows=sram_width) to 3.031 (ws_timing=load_then_stream)"
    assert results.by_one_choice["ABS-3"] == span
    assert "energy_efficiency (3.107 -> 1.504)" in results.moved_by["ABS-4"]
    assert "1.056 with energy_scope=with_dram" in results.moved_by["ABS-4"]
    assert results.reason["F13-S-F-8-nocarea"] == "Moved most by figna_multiplier, to 27.82"
    assert results.also["ABS-3"] == "LLM-1 (§6.3.1, Table 3)"


def test_energies_of_groups_follow_the_scope_and_are_the_same_as_published(default_results):
    """10.6 and 13.9 times both become 1.20 with the traffic of DRAM, 4.6 with its power too."""
    hardware, switches = default_results["hardware"], default_results["switches"]
    on_chip = hardware["dynamic_energy_softmax_nj"] / 1e9
    on_chip += hardware["leakage_mw"] / 1e3 * hardware["runtime_softmax_s"]
    assert hardware["energy_softmax_j"].to_numpy() == pytest.approx(on_chip, rel=1e-12)
    rows = switches[(switches.claim == "ABS-2") & (switches.base == "corrected")]
    of_scope = rows[rows.assumption == "energy_scope"].set_index("value").computed
    assert of_scope["with_dram"] == pytest.approx(1.195, rel=1e-3)
    assert of_scope["with_dram_background"] == pytest.approx(4.634, rel=1e-3)


def test_without_corrected_runs_the_comparison_stands_alone(default_results):
    tables = {
        name: table[table["preset"] == "as-published"] if "preset" in table else table
        for name, table in default_results.items()
    }
    alone = judge(ledger=without_a_model(), tables=tables).set_index("id")
    both = judge(ledger=without_a_model(), tables=default_results).set_index("id")
    assert alone.comparison.equals(both.comparison)
    assert alone.correction["ABS-3"] == "not in this run"
    assert "needs runs of the preset corrected" in alone.reason["ABS-3"]
    assert alone.correction["F8-9a"] == "holds"


def test_all_printed_cells_and_labels_are_equal_as_published(results):
    for start, count in {"T3-": 80, "F13-": 40}.items():
        found = results[results.index.str.startswith(start)].comparison
        assert len(found) == count
        assert set(found) == {EQUAL}


def differing(one: pd.DataFrame, other: pd.DataFrame) -> pd.Index:
    """Return the claims of which anything differs."""
    cells = [table.astype(object).fillna("") for table in (one, other)]
    return one.index[(cells[0] != cells[1]).any(axis=1)]


def test_a_flipped_choice_changes_what_depends_on_it_and_nothing_else(default_results, results):
    """Of the table of switches one value is made to turn NL-9 around."""
    switches = default_results["switches"]
    turned = (switches.claim == "NL-9") & (switches.base == "corrected")
    turned &= (switches.assumption == "energy_scope") & (switches.value == "with_dram")
    assert turned.sum() == 1
    tables = default_results | {
        "switches": switches.assign(computed=switches.computed.where(~turned, 0.9))
    }
    other = judge(ledger=without_a_model(), tables=tables).set_index("id")
    changed = differing(other, results)
    assert list(changed) == ["NL-9"]
    assert other.correction["NL-9"] == "depends"
    assert other.depends_on["NL-9"] == "energy_scope=with_dram"


def test_a_corrected_cost_changes_what_is_computed_from_it_and_nothing_else(
    default_results, results
):
    hardware = default_results["hardware"]
    rows = (hardware.preset == "corrected") & (hardware.design == "carat")
    area = hardware.area_mm2.where(~rows, 2 * hardware.area_mm2)
    tables = default_results | {"hardware": hardware.assign(area_mm2=area)}
    other = judge(ledger=without_a_model(), tables=tables).set_index("id")
    changed = differing(other, results)
    assert len(changed) == 3 and changed.str.fullmatch(r"T3-\w+-Carat\(\d+\)-area").all()
    assert set(other.correction[changed]) == {"grows"}
