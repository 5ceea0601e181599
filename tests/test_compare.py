"""Comparing results: every kind of tolerance, what is missing, the packaged references."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mugi.cli import main
from mugi.compare import REFERENCES, RULES, compare, compare_tables, rule_of, write_reference
from mugi.errors import InputError
from mugi.files import write_table

ACCURACY = pd.DataFrame(
    {
        **dict.fromkeys(["activation", "cross_softmax", "woq", "kvq", "task", "reference"], "x"),
        "model": "tiny",
        "softmax": ["native", "vlp:lut=8,max_exp=3", "exact"],
        "metric": "log_loss_nats",
        "value": ["3.0", "3.5", "0.5"],
        "ci_low": ["2.9", "3.3", ""],
        "ci_high": ["3.1", "3.7", ""],
        "versions": "one",
    }
)
CLAIMS = pd.DataFrame(
    {
        "id": ["A-1", "A-2"],
        "target": ["hardware", "fit"],
        "computed": ["2.0", "2.0"],
        "correction": "holds",
        "reason": "",
    }
)
RUNS = pd.DataFrame(
    {
        "design": ["mugi", "carat"],
        "tokens": ["8", "8"],
        "runtime_s": ["1.5", "2.5"],
        "gap": ["", ""],
    }
)


def odd(name: str, reference: pd.DataFrame, **changes: list[str]) -> list[tuple]:
    """Return (row, column, tolerance) of what differs once columns are changed."""
    found = compare_tables(name, reference.assign(**changes), reference).differences
    return list(found[["row", "column", "tolerance"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("name", "reference"),
    [("accuracy/accuracy.csv", ACCURACY), ("claims/claims.csv", CLAIMS), ("mine/runs.csv", RUNS)],
)
def test_a_table_agrees_with_itself_in_any_order(name, reference):
    done = compare_tables(name, reference[::-1], reference)
    assert done.rows == len(reference) and not len(done.differences)


def test_measured_values_lie_in_the_interval_of_the_reference():
    table = "accuracy/accuracy.csv"
    assert odd(table, ACCURACY, value=["3.10005", "3.3", "0.509"], versions="two") == []
    rows = odd(table, ACCURACY, value=["3.102", "3.28", "0.52"])
    assert [(column, tolerance) for _, column, tolerance in rows] == [("value", "interval")] * 3
    assert "softmax=vlp:lut=8,max_exp=3" in rows[1][0]
    for wrong in ("nan", ""):  # neither is a number within anything
        assert len(odd(table, ACCURACY, value=[wrong, "3.5", "0.5"])) == 1


def test_other_numbers_agree_to_rounding_and_all_else_exactly():
    assert odd("x/runs.csv", RUNS, runtime_s=["1.5000000000000002", "2.5"]) == []
    assert odd("x/runs.csv", RUNS, runtime_s=["1.50000000001", "2.5"]) == [
        ("design=mugi, tokens=8", "runtime_s", "1e-12")
    ]
    assert odd("x/runs.csv", RUNS, design=["mugy", "carat"])[0][1:] == ("row", "exact")
    assert odd("x/runs.csv", RUNS, tokens=["8", "9"])[0][1:] == ("row", "exact")


def test_claims_on_models_may_move_those_on_hardware_may_not():
    assert odd("claims/claims.csv", CLAIMS, computed=["2.0", "2.03"], reason="words") == []
    assert odd("claims/claims.csv", CLAIMS, computed=["2.03", "2.05"]) == [
        ("id=A-1", "computed", "2 %"),
        ("id=A-2", "computed", "2 %"),
    ]
    changed = odd("claims/claims.csv", CLAIMS, correction=["shrinks", "holds"])
    assert changed == [("id=A-1", "correction", "exact")]


def test_rows_that_are_alike_are_told_apart_by_their_order():
    twice = pd.concat([RUNS, RUNS])
    assert odd("x/runs.csv", twice) == []
    assert len(compare_tables("x/runs.csv", RUNS, twice).differences) == 2


def test_columns_may_have_the_names_that_a_merge_gives():
    table = pd.DataFrame({"_merge": ["a", "b"], "x": ["1.5", "2.5"], "x of results": ["3.5", "4"]})
    assert not len(compare_tables("own/table.csv", table[::-1], table).differences)
    changed = table.assign(x=["1.5", "2.6"])
    [row] = compare_tables("own/table.csv", changed, table).differences.itertuples()
    assert (row.row, row.column, row.value, row.reference) == ("_merge=b", "x", "2.6", "2.5")


def test_a_missing_column_is_a_mistake():
    with pytest.raises(InputError, match="missing column 'runtime_s'"):
        compare_tables("x/runs.csv", RUNS.drop(columns="runtime_s"), RUNS)


def folder(place: Path, **tables: pd.DataFrame) -> Path:
    """Write a results folder with tables in `hardware/`; return it."""
    for name, table in tables.items():
        write_table(table, place / "results" / "hardware" / f"{name}.csv")
    return place / "results"


def test_the_command_lists_what_differs_and_exits_1(tmp_path, capsys):
    ours = folder(tmp_path / "a", runs=RUNS.assign(runtime_s=["1.5", "3.0"]), more=RUNS)
    theirs = folder(tmp_path / "b", runs=RUNS, other=RUNS)
    assert main(["compare", str(ours), str(ours)]) == 0
    capsys.readouterr()
    output = tmp_path / "odd.csv"
    assert main(["compare", str(ours), str(theirs.parent), "-o", str(output)]) == 1
    printed = capsys.readouterr().out
    assert "hardware/other.csv: not compared, not in the results" in printed
    assert "design=carat, tokens=8: runtime_s 3.0, reference 2.5 (1e-12)" in printed
    assert "1e-12    sums of floating-point numbers" in printed
    assert f"1 difference from {theirs.parent} in 1 tables, 1 not compared" in printed
    assert pd.read_csv(output)["value"].tolist() == [3.0]
    file = "hardware/runs.csv"
    assert main(["compare", str(ours / file), str(theirs / file), "--json"]) == 1
    [table] = json.loads(capsys.readouterr().out)["tables"]
    assert table["columns"]["runtime_s"] == "1e-12" and len(table["differences"]) == 1


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["nothing"], "no folder 'nothing'"),
        (["empty"], "empty: no result tables"),
        (["a", "defalt"], "unknown reference 'defalt' (did you mean 'default'?)"),
        (["a", "smoke"], "a: none of the tables of smoke"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, given, line):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "a", runs=RUNS)
    (tmp_path / "empty").mkdir()
    assert main(["compare", *given]) == 2
    told = capsys.readouterr().err
    assert line in told and told.count("\n") == 1


def test_every_rule_matches_a_table_and_reasons_are_named():
    listed = [name for names in RULES.references.values() for name in names]
    assert all(not rule_of(name).skipped for name in listed)
    assert set(RULES.reasons) == {"exact", "1e-12", "interval", "2 %"}


@pytest.mark.parametrize("name", RULES.references)
def test_the_packaged_references_are_whole_and_small(name):
    folder = REFERENCES / name
    paths = [path for path in folder.rglob("*") if path.is_file()]
    tables = {path.relative_to(folder).as_posix() for path in paths}
    assert tables and tables <= set(RULES.references[name])
    assert sum(path.stat().st_size for path in paths) < 400_000
    assert not any(len(one.differences) for one in compare(results=folder, reference=name))


def test_a_reference_is_written_from_results(tmp_path, monkeypatch):
    monkeypatch.setattr("mugi.compare.REFERENCES", tmp_path / "reference")
    for table in RULES.references["smoke"]:
        claims = CLAIMS.assign(corrected="1.0", comparison="qualitative", depends_on="")
        content = ACCURACY if "accuracy" in table else claims
        write_table(content, tmp_path / "results" / table)
    written = write_reference(tmp_path / "results", "smoke")
    assert len(written) == len(RULES.references["smoke"])
    kept = pd.read_csv(tmp_path / "reference" / "smoke" / "claims" / "claims.csv")
    assert list(kept) == rule_of("claims/claims.csv").keeps
    with pytest.raises(InputError, match="missing"):
        write_reference(tmp_path / "results", "default")
