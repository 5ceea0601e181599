"""The claims ledger: its shape, every rule of judging on small tables, and bad input."""

import pandas as pd
import pytest
import yaml
from test_figures import ROOT, default_tables, fig13, fig14, table2

from mugi import claims
from mugi.analysis.error_table import error_table
from mugi.array.converter import Array
from mugi.array.simulate import simulated
from mugi.claims import judge, load_ledger
from mugi.cli import main
from mugi.errors import InputError
from mugi.files import read_table
from mugi.methods import parse

# claims of each place in the paper, by the beginning of their ids
COUNTS = {
    "ABS-": 6,
    "S3.3-": 2,
    "S3.4-": 2,
    "S4-": 1,
    "S4.2-": 4,
    "S5.4-": 5,
    "SET-": 8,
    "NL-": 15,
    "GEMM-": 3,
    "LLM-": 8,
    "CO2-": 3,
    "NOC-": 3,
    "F6-": 30,
    "F7-": 2,
    "F8-": 22,
    "F13-": 40,
    "T3-": 80,
}
RUNS = pd.DataFrame(
    {
        "design": ["mugi", "mugi", "systolic", "systolic"],
        "model": ["7b", "13b", "7b", "13b"],
        "height": [256, 256, 16, 16],
        "speed": [6.0, 8.0, 3.0, 1.0],
        "area": [3.1, 3.1, 2.6, 2.6],
    }
)
CLAIM = dict.fromkeys(claims.LEDGER_COLUMNS, "") | {
    "id": "A-1",
    "statement": "Mugi is faster",
    "printed": "2.00",
    "decimals": "2",
    "target": "fast",
    "table": "runs",
    "column": "speed",
    "where": "design=mugi;model=7b",
    "baseline_where": "design=systolic;model=7b",
    "verdict": "reproduced",
}


def judged(runs: pd.DataFrame = RUNS, /, **changes: str) -> dict:
    """Return the result row of `CLAIM` with `changes`."""
    return judge(pd.DataFrame([CLAIM | changes]), {"runs": runs}).iloc[0].to_dict()


def corrected_runs(speed: float) -> pd.DataFrame:
    """Return RUNS as published and corrected; there Mugi on 7b has another `speed`."""
    corrected = RUNS.assign(preset="corrected", speed=[speed, *RUNS.speed[1:]])
    return pd.concat([RUNS.assign(preset="as-published"), corrected], ignore_index=True)


def test_every_claim_is_there_once_and_well_formed():
    ledger = load_ledger()
    counts = {start: ledger.id.str.startswith(start).sum() for start in COUNTS}
    assert counts == COUNTS
    assert len(ledger) == sum(COUNTS.values()) == ledger.id.nunique()
    assert (ledger[["location", "source", "statement", "printed", "target"]] != "").all(axis=None)


def test_table3_claims_are_the_80_cells():
    cells = load_ledger().query("id.str.startswith('T3-')")
    assert not cells[["column", "where"]].duplicated().any()
    assert (cells.decimals == "2").all()
    assert cells["where"].nunique() == 20


def without_a_model() -> pd.DataFrame:
    """Return the ledger without the claims that are judged on runs of a model (test_profile.py)."""
    ledger = load_ledger()
    return ledger[~ledger["table"].isin(["concentration", "fit", "fig06", "table_accuracy"])]


@pytest.fixture(scope="module")
def default_results() -> dict[str, pd.DataFrame]:
    """Return the tables that the claims need, of the default configuration."""
    tables = {name: read_table(path) for name, path in default_tables().items()}
    runs, presets = tables["hardware"], ["as-published", "corrected"]
    tables["fig13"] = fig13.groups(fig13.components(tables["breakdown"], runs, presets))
    tables["fig14"] = fig14.metrics(runs, presets)
    tables["table2"] = table2.chips(runs, presets)
    tables["simulated"] = simulated(Array(256), 16)
    functions = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["approximations"]
    for name, chosen in functions.items():
        methods = [parse(text, name) for text in chosen["methods"]]
        errors = [error_table(name, method, *chosen["range"], 2**-8) for method in methods]
        tables[name] = pd.concat(errors)
    return tables


@pytest.mark.parametrize("corrected", [False, True])
def test_recorded_verdicts_are_those_of_the_default_run(corrected, default_results):
    tables = default_results
    if not corrected:
        tables = {
            name: table[table["preset"] == "as-published"] if "preset" in table else table
            for name, table in tables.items()
        }
    results = judge(without_a_model(), tables)
    different = results[results.verdict != results.recorded_verdict]
    unjudged = results[results.computed.isna()].verdict
    assert len(results) == len(without_a_model())
    assert set(unjudged) <= {"not yet", "not reproducible here"}
    if corrected:
        assert different.id.tolist() == []
        one_model = results.location.isin(["§3.4", "Fig. 8"]) | (results.target == "array")
        assert results[results.computed.notna() & ~one_model].corrected.notna().all()
    else:
        assert set(different.recorded_verdict) <= {"reproduced, but"}


def test_all_printed_cells_and_labels_hold_as_published(default_results):
    results = judge(without_a_model(), default_results).set_index("id")
    for start, count in {"T3-": 80, "F13-": 40}.items():
        found = results[results.index.str.startswith(start)].verdict
        assert len(found) == count
        assert found.str.startswith("reproduced").all()


@pytest.mark.parametrize(
    ("changes", "computed", "verdict"),
    [
        ({}, 2.0, "reproduced"),
        ({"printed": "2.004", "decimals": "2"}, 2.0, "reproduced"),
        ({"printed": "2.006", "decimals": "2"}, 2.0, "differs"),
        ({"baseline_where": "", "printed": "6"}, 6.0, "reproduced"),
        ({"column": "speed / area", "printed": "1.68"}, 6 / 3.1 / (3 / 2.6), "reproduced"),
        ({"test": "within 0.1", "printed": "~2.2"}, 2.0, "reproduced"),
        ({"test": "within 0.1", "printed": "2.3"}, 2.0, "differs"),
        ({"test": ">1", "printed": "faster"}, 2.0, "reproduced"),
        ({"test": "<1", "printed": "slower"}, 2.0, "differs"),
    ],
)
def test_judging_one_row(changes, computed, verdict):
    result = judged(**changes)
    assert result["computed"] == pytest.approx(computed)
    assert result["verdict"] == verdict
    assert result["agrees"] == (verdict == "reproduced")
    assert result["judged_on"] == "7b"


@pytest.mark.parametrize(
    ("where", "computed"),
    [
        ("design=mugi;height>=200;speed<=7", 6.0),
        ("height<=16;model=7b;area>=-1.5", 3.0),
        ("design=systolic;speed>=2.5", 3.0),
    ],
)
def test_rows_in_a_range(where, computed):
    assert judged(where=where, baseline_where="", test=">0")["computed"] == computed


def test_sum_adds_the_rows_of_each_side_before_dividing():
    sides = {"where": "design=mugi;model=7b|13b", "baseline_where": "design=systolic"}
    one_model = RUNS.assign(model="7b")
    assert judged(one_model, aggregate="sum", printed="3.5", **sides | {"where": "design=mugi"})[
        "computed"
    ] == pytest.approx(14 / 4)
    with pytest.raises(InputError, match="2 rows; one is needed"):
        judged(aggregate="sum", **sides)


def test_printed_zero_has_no_relative_difference():
    result = judged(printed="0", decimals="0", test="", verdict="differs", reason="why")
    assert result["verdict"] == "differs"
    assert pd.isna(result["relative_difference"])


@pytest.mark.parametrize(("how", "value"), [("geomean", 4.0), ("min", 2.0), ("max", 8.0)])
def test_aggregates_take_the_ratio_model_by_model(how, value):
    both = {"where": "design=mugi;model=7b|13b", "baseline_where": "design=systolic;model=13b|7b"}
    result = judged(RUNS.iloc[::-1], aggregate=how, test=">1", **both)
    assert result["computed"] == pytest.approx(value)
    assert result["judged_on"] in [f"{how} of 7b, 13b", f"{how} of 13b, 7b"]


def test_rows_of_two_models_can_be_divided():
    where = {"where": "design=mugi;model=13b", "baseline_where": "design=mugi;model=7b"}
    assert judged(printed="1.33", **where)["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("speed", "recorded", "verdict"),
    [
        (6.0, "reproduced", "reproduced"),
        (4.5, "reproduced", "reproduced, but"),
        (6.0, "reproduced, but", "reproduced, but"),
        (4.5, "reproduced, but", "reproduced, but"),
    ],
)
def test_corrected_value_is_shown_beside(speed, recorded, verdict):
    result = judged(corrected_runs(speed), verdict=recorded, reason="why")
    assert result["computed"] == 2.0
    assert result["corrected"] == speed / 3
    assert result["verdict"] == verdict
    assert result["agrees"]


def test_corrected_rows_are_used_only_where_both_sides_have_them():
    table = corrected_runs(4.5)
    table = table[(table.preset == "as-published") | (table.design == "mugi")]
    assert pd.isna(judged(table)["corrected"])


def test_corrected_column_replaces_a_wrong_formula():
    result = judged(corrected_column="1 / area", verdict="reproduced, but", reason="why")
    assert result["corrected"] == pytest.approx(2.6 / 3.1)
    assert result["verdict"] == "reproduced, but"


def test_recorded_difference_that_is_none_is_a_contradiction():
    assert not judged(verdict="differs", reason="why")["agrees"]
    assert judged(verdict="differs", reason="why", printed="3.00")["agrees"]


def test_claims_of_a_narrowed_run_are_listed():
    """Without one of its tables, runs or models a claim is not judged, and not contradicted."""
    claims_ = pd.DataFrame(
        [
            CLAIM,
            CLAIM | {"id": "A-2", "where": "design=simd;model=7b"},
            CLAIM | {"id": "A-3", "where": "design=mugi;model=7b|70b", "aggregate": "geomean"},
            CLAIM | {"id": "A-4", "table": "others"},
        ]
    )
    results = judge(claims_, {"runs": RUNS}, partial=True).set_index("id")
    assert results.verdict.tolist() == ["reproduced", *["not in this run"] * 3]
    assert results.agrees.all()
    assert "no row with design=simd" in results.reason["A-2"]
    assert "model=7b|70b" in results.reason["A-3"]
    assert "`snakemake fast` makes it" in results.reason["A-4"]
    assert "3 not in this run" in claims.text(results.reset_index())
    with pytest.raises(InputError) as error:
        judge(claims_, {"runs": RUNS})
    assert len(str(error.value).splitlines()) == 3
    with pytest.raises(InputError, match="unknown column 'desing'"):
        judge(pd.DataFrame([CLAIM | {"where": "desing=mugi"}]), {"runs": RUNS}, partial=True)


@pytest.mark.parametrize("verdict", ["not yet", "not reproducible here"])
def test_claims_that_are_not_judged_need_no_table(verdict):
    unjudged = CLAIM | dict.fromkeys([*claims.QUERY, "table"], "") | {"reason": "needs fig08"}
    result = judge(pd.DataFrame([unjudged | {"verdict": verdict}]), {}).iloc[0]
    assert result.verdict == verdict
    assert result.agrees
    assert pd.isna(result.computed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": "desing=mugi"}, r"unknown column 'desing' \(did you mean 'design'\?\)"),
        ({"where": "design=magi"}, "no row with design=magi: design there is mugi, systolic"),
        ({"column": "sped"}, r"'sped' is not defined \(did you mean 'speed'\?\)"),
        ({"column": "speed +"}, "column 'speed [+]'"),
        ({"where": "design=mugi", "baseline_where": ""}, "2 rows; one is needed, or an aggregate"),
        ({"where": "design=mugi"}, "the same models"),
        ({"table": "others"}, "table 'others' is missing, `snakemake fast` makes it; 1 claims"),
    ],
)
def test_queries_that_cannot_be_answered_are_input_errors(changes, said):
    with pytest.raises(InputError, match=said):
        judged(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "reproducd"}, "unknown verdict 'reproducd' (did you mean 'reproduced'?)"),
        ({"verdict": "differs"}, "'differs' needs a reason"),
        ({"verdict": "not yet", "reason": "later"}, "column: not judged, must be empty"),
        ({"aggregate": "mean"}, "unknown aggregate 'mean'"),
        ({"test": "about 2"}, "test 'about 2'; allowed"),
        ({"printed": "halved"}, "printed 'halved' is not a number"),
        ({"decimals": ""}, "decimals '' is not a count"),
        ({"target": ""}, "target is empty"),
        ({"where": ""}, "where is empty"),
        ({"where": "speed>3"}, "where: 'speed>3' is not key=value, key>=number or key<=number"),
        ({"baseline_where": "a=b;speed>=x"}, "baseline_where: 'speed>=x' is not key=value"),
    ],
)
def test_mistakes_in_the_ledger_are_named(changes, said, tmp_path):
    path = tmp_path / "claims.csv"
    pd.DataFrame([CLAIM | changes]).to_csv(path, index=False)
    with pytest.raises(InputError) as error:
        load_ledger(path)
    assert f"claim A-1: {said}" in str(error.value)


def test_claims_that_are_there_twice_are_named(tmp_path):
    pd.DataFrame([CLAIM, CLAIM]).to_csv(tmp_path / "claims.csv", index=False)
    with pytest.raises(InputError, match="claim A-1 is there twice"):
        load_ledger(tmp_path / "claims.csv")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Return a function that runs `mugi claims` on a ledger of one claim and the table RUNS."""
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    monkeypatch.setattr(claims, "LEDGER", tmp_path / "ledger.csv")

    def run(**changes: str) -> int:
        pd.DataFrame([CLAIM | changes]).to_csv(tmp_path / "ledger.csv", index=False)
        output = tmp_path / "out" / "claims.csv"
        return main(["claims", str(tmp_path / "runs.csv"), "-o", str(output)])

    return run


def test_command_writes_both_files_the_same_twice(command, tmp_path, capsys):
    assert command() == 0
    printed = capsys.readouterr()
    assert "Mugi is faster" in printed.out
    assert "    1 reproduced" in printed.out
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(first) == ["claims.csv", "claims.md"]
    assert b"| A-1 | Mugi is faster | 2.00 |" in first["claims.md"]
    assert command() == 0
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_contradiction_is_named_and_exits_1(command, tmp_path, capsys):
    assert command(printed="3.00") == 1
    assert capsys.readouterr().err == (
        "mugi claims: A-1 is recorded as 'reproduced' but 'differs': printed 3.00, computed 2\n"
    )
    assert pd.read_csv(tmp_path / "out" / "claims.csv").agrees.tolist() == [False]


def test_contradictions_can_be_told_from_the_table_later(command, tmp_path, capsys):
    for printed, status in {"2.00": 0, "3.00": 1}.items():
        assert command(printed=printed) == status
        capsys.readouterr()
        assert main(["claims", "--check", str(tmp_path / "out" / "claims.csv")]) == status
        assert ("A-1 is recorded as 'reproduced' but" in capsys.readouterr().err) == bool(status)
    assert main(["claims", "--check", str(tmp_path / "runs.csv")]) == 2
    assert "missing column 'id'" in capsys.readouterr().err


def test_missing_table_is_one_line_and_exits_2(command, tmp_path, capsys):
    assert command(table="hardware") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "`snakemake fast` makes it" in lines[0]
    assert not (tmp_path / "out").exists()
