"""Claims: judging on small tables, bad input, the command."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mugi.claim import DIFFERS, EQUAL, QUALITATIVE, WITHIN
from mugi.claims import RESULT_COLUMNS, judge
from mugi.claims_text import text
from mugi.cli import main
from mugi.errors import InputError
from mugi.ledger import load_ledger

RUNS = pd.DataFrame(
    {
        "design": ["mugi", "mugi", "systolic", "systolic"],
        "model": ["7b", "13b", "7b", "13b"],
        "height": [256, 256, 16, 16],
        "speed": [6.0, 8.0, 3.0, 1.0],
        "area": [3.1, 3.1, 2.6, 2.6],
    }
)
CLAIM = {
    "location": "§1",
    "source": "§1",
    "statement": "Mugi is faster",
    "printed": "2.00",
    "table": "runs",
    "column": "speed",
    "where": {"design": "mugi", "model": "7b"},
    "over": {"design": "systolic", "model": "7b"},
}
BOTH = {
    "where": {"design": "mugi", "model": ["7b", "13b"]},
    "over": {"design": "systolic", "model": ["13b", "7b"]},
}


def written(path: Path, **claims: dict) -> Path:
    """Write a ledger of the claims, whose keys None are left out, and return its path."""
    claims = {n: {k: v for k, v in claim.items() if v is not None} for n, claim in claims.items()}
    tables = {"runs": "fast", "others": "fast"}
    path.write_text(yaml.safe_dump({"tables": tables, "claims": claims}, sort_keys=False))
    return path


@pytest.fixture
def judged(tmp_path):
    """Return a function that gives the result row of CLAIM with changes."""

    def result(runs: pd.DataFrame = RUNS, /, **changes) -> dict:
        ledger = load_ledger(written(tmp_path / "ledger.yaml", **{"A-1": CLAIM | changes}))
        return judge(ledger=ledger, tables={"runs": runs}).iloc[0].to_dict()

    return result


def corrected_runs(speed: float) -> pd.DataFrame:
    """Return RUNS as published and corrected; there Mugi on 7b has another `speed`."""
    corrected = RUNS.assign(preset="corrected", speed=[speed, *RUNS.speed[1:]])
    return pd.concat([RUNS.assign(preset="as-published"), corrected], ignore_index=True)


@pytest.mark.parametrize(
    ("changes", "computed", "comparison"),
    [
        ({}, 2.0, EQUAL),
        ({"printed": "2.01"}, 2.0, DIFFERS),
        ({"over": None, "printed": "6"}, 6.0, EQUAL),
        ({"column": "speed / area", "printed": "1.68"}, 6 / 3.1 / (3 / 2.6), EQUAL),
        ({"test": {"within": 0.1}, "printed": "~2.2"}, 2.0, QUALITATIVE),
        ({"test": {"within": 0.1}, "printed": "2.2"}, 2.0, WITHIN),
        ({"test": {"within": 0.1}, "printed": "2.3"}, 2.0, DIFFERS),
        ({"test": {"above": 1}, "printed": "faster"}, 2.0, QUALITATIVE),
        ({"test": {"below": 1}, "printed": "slower"}, 2.0, DIFFERS),
    ],
)
def test_judging_one_row(judged, changes, computed, comparison):
    result = judged(**changes)
    assert result["computed"] == pytest.approx(computed)
    assert result["comparison"] == comparison
    assert result["agrees"] == (comparison != DIFFERS)
    assert result["judged_on"] == "7b"


@pytest.mark.parametrize(
    ("where", "computed"),
    [
        ({"design": "mugi", "height": {"ge": 200}, "speed": {"le": 7}}, 6.0),
        ({"height": {"le": 16}, "model": "7b", "area": {"ge": -1.5}}, 3.0),
        ({"design": "systolic", "speed": {"ge": 2.5}}, 3.0),
        ({"design": "mugi", "speed": {"gt": 5, "lt": 8}}, 6.0),
        ({"height": 256.0, "speed": 8}, 8.0),
        ([{"design": "mugi", "model": "7b"}, {"model": "13b"}], 8.0),
    ],
)
def test_selections_of_rows(judged, where, computed):
    assert judged(where=where, over=None, test={"above": 0})["computed"] == computed


def test_sum_adds_the_rows_of_each_side_before_dividing(judged):
    sides = {"where": {"design": "mugi"}, "over": {"design": "systolic"}}
    one_model = RUNS.assign(model="7b")
    result = judged(one_model, aggregate="sum", printed="3.5", **sides)
    assert result["computed"] == pytest.approx(14 / 4)
    with pytest.raises(InputError, match="2 rows; one is needed"):
        judged(aggregate="sum", **sides)


def test_printed_zero_has_no_relative_difference(judged):
    result = judged(printed="0", comparison="differs", reason="why")
    assert result["comparison"] == "differs"
    assert pd.isna(result["relative_difference"])


@pytest.mark.parametrize(("how", "value"), [("geomean", 4.0), ("min", 2.0), ("max", 8.0)])
def test_aggregates_take_the_ratio_model_by_model(judged, how, value):
    result = judged(RUNS.iloc[::-1], aggregate=how, test={"above": 1}, **BOTH)
    assert result["computed"] == pytest.approx(value)
    assert result["judged_on"] in [f"{how} of 7b, 13b", f"{how} of 13b, 7b"]


def test_rows_of_two_models_can_be_divided(judged):
    sides = {"among": {"design": "mugi"}, "where": {"model": "13b"}, "over": {"model": "7b"}}
    assert judged(printed="1.33", **sides)["comparison"] == EQUAL


@pytest.mark.parametrize(
    ("speed", "verdict"),
    [(6.0, "holds"), (4.5, "shrinks"), (9.0, "grows"), (2.7, "reverses"), (3.01, "reverses")],
)
def test_the_corrected_value_decides(judged, speed, verdict):
    result = judged(corrected_runs(speed))
    assert result["computed"] == 2.0
    assert result["corrected"] == speed / 3
    assert (result["comparison"], result["correction"]) == (EQUAL, verdict)
    assert result["agrees"]


def test_corrected_rows_are_used_only_where_both_sides_have_them(judged):
    table = corrected_runs(4.5)
    table = table[(table.preset == "as-published") | (table.design == "mugi")]
    result = judged(table)
    assert pd.isna(result["corrected"])
    assert result["correction"] == "not in this run"


def test_a_table_that_no_assumption_touches_is_judged_as_it_is(judged):
    result = judged()
    assert pd.isna(result["corrected"])
    assert (result["correction"], result["change"]) == ("holds", "2, as printed")


def test_corrected_column_replaces_a_wrong_formula(judged):
    result = judged(corrected_column="1 / area")
    assert result["corrected"] == pytest.approx(2.6 / 3.1)
    assert result["correction"] == "reverses"
    said = "0.8387 instead of 2.00, as work per joule (2 as throughput per joule,"
    assert result["change"].startswith(said)


def test_the_interval_of_a_minimum_is_that_of_its_row(judged):
    table = RUNS.assign(low=RUNS["speed"] - [9, 1, 1, 1], high=RUNS["speed"] + [9, 1, 1, 1], n=5)
    interval = {"low": "low", "high": "high", "documents": "n"}
    side = {"where": {"design": "mugi"}, "over": None}
    low = judged(table, printed="<7", interval=interval, aggregate="min", **side)
    assert (low["correction"], low["computed"]) == ("no verdict", 6)
    assert low["change"] == "6 [-3, 15], which cannot be told on 5 documents"
    high = judged(table, printed="<10", interval=interval, aggregate="max", **side)
    assert (high["correction"], high["computed"]) == ("holds", 8)


@pytest.mark.parametrize(("documents", "verdict"), [(17, "holds"), (1, "no verdict")])
def test_a_sample_has_an_interval(judged, documents, verdict):
    """Of one document there is none: its ends are empty."""
    table = RUNS.assign(low=1.9, high=2.1, n=documents)
    if documents == 1:
        table = table.assign(low="", high="")
    interval = {"low": "low", "high": "high", "documents": "n"}
    side = {"where": {"design": "mugi", "model": "7b"}, "over": None, "aggregate": None}
    result = judged(table, printed="<9", interval=interval, **side)
    assert result["correction"] == verdict


@pytest.mark.parametrize(
    ("recorded", "printed", "agrees"),
    [
        ("differs", "2.00", False),
        ("differs", "3.00", True),
        (None, "3.00", False),
        (EQUAL, "2.00", True),
        (WITHIN, "2.00", False),
    ],
)
def test_a_comparison_that_is_not_that_on_record_is_a_contradiction(
    judged, recorded, printed, agrees
):
    assert judged(comparison=recorded, reason="why", printed=printed)["agrees"] == agrees


@pytest.mark.parametrize(
    ("verdict", "comparison", "recorded"),
    [("reproduced", EQUAL, ""), ("reproduced, but", EQUAL, ""), ("differs", EQUAL, "differs")],
)
def test_ledgers_may_say_verdict_as_before(judged, verdict, comparison, recorded):
    result = judged(verdict=verdict, reason="why")
    assert (result["comparison"], result["recorded"]) == (comparison, recorded)


def test_claims_of_a_narrowed_run_are_listed(tmp_path):
    """Without one of its tables, runs or models a claim is not judged, and not contradicted."""
    path = written(
        tmp_path / "ledger.yaml",
        **{
            "A-1": CLAIM,
            "A-2": CLAIM | {"where": {"design": "simd", "model": "7b"}},
            "A-3": CLAIM | {"where": {"design": "mugi", "model": ["7b", "70b"]}, "over": None},
            "A-4": CLAIM | {"table": "others"},
        },
    )
    ledger, tables = load_ledger(path), {"runs": RUNS}
    results = judge(ledger=ledger, tables=tables, partial=True).set_index("id")
    assert results.comparison.tolist() == [EQUAL, *["not in this run"] * 3]
    assert results.correction.tolist() == ["holds", *["not in this run"] * 3]
    assert results.agrees.all()
    assert "no row with design=simd" in results.reason["A-2"]
    assert "model=7b|70b" in results.reason["A-3"]
    assert "`snakemake fast` makes it" in results.reason["A-4"]
    assert "3 not in this run" in text(results.reset_index())
    with pytest.raises(InputError) as error:
        judge(ledger=ledger, tables=tables)
    assert len(str(error.value).splitlines()) == 3


def test_unknown_columns_are_mistakes_in_a_narrowed_run_too(tmp_path):
    ledger = load_ledger(written(tmp_path / "l.yaml", A=CLAIM | {"where": {"desing": "mugi"}}))
    with pytest.raises(InputError, match="claim A: where: unknown column 'desing'"):
        judge(ledger=ledger, tables={"runs": RUNS}, partial=True)


def test_a_baseline_of_0_is_a_mistake_and_no_infinite_ratio(judged):
    with pytest.raises(InputError, match="speed of `over` is 0"):
        judged(RUNS.assign(speed=[*RUNS.speed[:-2], 0.0, 0.0]))


@pytest.mark.parametrize("comparison", ["not yet", "not reproducible here"])
def test_claims_that_are_not_judged_need_no_table(comparison, judged):
    query = dict.fromkeys(["table", "column", "where", "over"])
    result = judged(**query, comparison=comparison, reason="needs fig08", target="fig08")
    assert (result["comparison"], result["correction"]) == (comparison, "no verdict")
    assert result["agrees"]
    assert pd.isna(result["computed"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": {"desing": "mugi"}}, r"unknown column 'desing' \(did you mean 'design'\?\)"),
        ({"where": {"design": "magi"}}, "no row with design=magi: design there is mugi, systolic"),
        ({"column": "sped"}, r"unknown column 'sped' \(did you mean 'speed'\?\)"),
        ({"column": "1 / design"}, "column 'design': 'mugi' is not a number"),
        ({"column": "speed / (speed - 6)"}, "divides by zero or is not finite"),
        ({"where": {"design": "mugi"}, "over": None}, "2 rows; one is needed, or an aggregate"),
        ({"where": {"design": "mugi"}}, "where and over need one row each of the same models"),
        ({"table": "others"}, "table 'others' is missing, `snakemake fast` makes it; 1 claims"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_quantities_that_cannot_be_computed_are_input_errors(changes, said, judged):
    with pytest.raises(InputError, match=said):
        judged(**changes)


def test_words_show_values(judged):
    values = {
        "other": {"where": {"design": "mugi", "model": "13b"}, "over": [], "decimals": 0},
        "small": {"column": "1 / speed", "decimals": 3},
        "rival": {
            "among": {"design": "systolic"},
            "where": {"model": "13b"},
            "over": {"model": "7b"},
        },
    }
    note = "13b {other}, inverse {small}, {rival}"
    result = judged(values=values, reason="{other} on 13b", note=note)
    assert result["reason"] == "8 on 13b"
    assert result["note"] == "13b 8, inverse 0.500, 0.33"


def test_words_show_published_and_corrected_values(judged):
    corrected = {"among": {"preset": "corrected"}}
    result = judged(corrected_runs(4.5), values={"now": corrected}, reason="now {now}")
    assert result["reason"] == "now 1.50"


def test_words_show_what_is_not_in_a_narrowed_run(tmp_path):
    values = {"fast": {"where": {"design": "simd"}}, "other": {"table": "others"}}
    claim = CLAIM | {"values": values, "note": "{fast} and {other}"}
    ledger = load_ledger(written(tmp_path / "ledger.yaml", A=claim))
    result = judge(ledger=ledger, tables={"runs": RUNS}, partial=True).iloc[0]
    assert result.note == "(not in this run) and (not in this run)"
    assert result.comparison == EQUAL


@pytest.fixture
def command(tmp_path):
    """Return a function that runs `mugi claims` on a ledger of one claim and the table RUNS."""
    RUNS.to_csv(tmp_path / "runs.csv", index=False)

    def run(**changes: str) -> int:
        written(tmp_path / "ledger.yaml", **{"A-1": CLAIM | changes})
        output = tmp_path / "out" / "claims.csv"
        ledger = ["--ledger", str(tmp_path / "ledger.yaml")]
        return main(["claims", str(tmp_path / "runs.csv"), *ledger, "-o", str(output)])

    return run


def test_command_writes_both_files_the_same_twice(command, tmp_path, capsys):
    assert command() == 0
    printed = capsys.readouterr()
    assert "Mugi is faster" in printed.out
    assert "    1 equal at the printed precision" in printed.out
    assert "    1 holds" in printed.out
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(first) == ["claims.csv", "claims.md"]
    assert b"Mugi is faster" in first["claims.md"]
    assert command() == 0
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_contradiction_is_named_and_exits_1(command, tmp_path, capsys):
    assert command(printed="3.00") == 1
    assert capsys.readouterr().err.splitlines() == [
        "mugi claims: A-1 is 'differs': printed 3.00, computed 2",
        f"{tmp_path / 'out' / 'claims.csv'}: 1 claims, 1 against the record",
    ]
    assert pd.read_csv(tmp_path / "out" / "claims.csv").agrees.tolist() == [False]


def test_contradictions_can_be_told_from_the_table_later(command, tmp_path, capsys):
    for printed, status in {"2.00": 0, "3.00": 1}.items():
        assert command(printed=printed) == status
        capsys.readouterr()
        assert main(["claims", "--check", str(tmp_path / "out" / "claims.csv")]) == status
        assert ("A-1 is 'differs'" in capsys.readouterr().err) == bool(status)
    assert main(["claims", "--check", str(tmp_path / "runs.csv")]) == 2
    assert "missing column 'id'" in capsys.readouterr().err


def test_a_contradiction_without_a_number_is_a_mistake(tmp_path, capsys):
    row = dict.fromkeys(RESULT_COLUMNS, "x") | {"agrees": "False", "computed": ""}
    pd.DataFrame([row]).to_csv(tmp_path / "claims.csv", index=False)
    assert main(["claims", "--check", str(tmp_path / "claims.csv")]) == 2
    assert "line 2, computed: a claim that contradicts" in capsys.readouterr().err


@pytest.mark.parametrize(("speed", "aggregate"), [(1e200, "max"), (-1.0, "geomean")])
@pytest.mark.filterwarnings("error")
def test_a_value_that_makes_no_finite_ratio_is_a_mistake(speed, aggregate, judged):
    runs = RUNS.assign(speed=[speed, *RUNS.speed[1:]])
    with pytest.raises(InputError, match=r"column: .* is no number up to 1e\+150"):
        judged(runs, over=None, where={"design": "mugi"}, aggregate=aggregate)


def test_claims_as_json_have_null_where_there_is_no_number(command, tmp_path, capsys):
    assert command() == 0
    capsys.readouterr()
    ledger = ["--ledger", str(tmp_path / "ledger.yaml"), "--json"]
    given = ["claims", str(tmp_path / "runs.csv"), *ledger, "-o", str(tmp_path / "x.csv")]
    assert main(given) == 0
    [claim] = json.loads(capsys.readouterr().out)
    assert (claim["id"], claim["computed"], claim["corrected"]) == ("A-1", 2.0, None)
