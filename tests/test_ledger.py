"""The claims ledger: its shape, mistakes in it, and what a stranger's ledger may not do."""

import time

import pytest

from mugi import ledger
from mugi.claims import judge
from mugi.errors import InputError
from mugi.ledger import load_ledger, load_ledgers
from tests.test_claims import CLAIM, RUNS, written

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


def test_every_claim_is_there_once():
    claims = load_ledger()
    names = [*claims, *(name for claim in claims.values() for name in claim.also)]
    assert len(claims) == 227
    assert {start: sum(n.startswith(start) for n in names) for start in COUNTS} == COUNTS
    assert len(names) == sum(COUNTS.values())


def test_table3_claims_are_the_80_cells():
    cells = [claim for name, claim in load_ledger().items() if name.startswith("T3-")]
    assert len({(claim.column.text, str(claim.where)) for claim in cells}) == 80
    assert len({str(claim.where) for claim in cells}) == 20
    assert all(len(claim.printed.partition(".")[2]) == 2 for claim in cells)


LEDGER = """\
tables: {runs: fast}
selections:
  small: {height: {le: 16}}
  small_7b: [small, {model: 7b}]
claims:
  A-1:
    location: §1
    source: §1
    statement: Mugi is faster
    printed: "2.00"
    table: runs
    column: speed
    among: {model: 13b}
    where: [{design: mugi}, {model: 7b}]
    over: small_7b
    comparison: qualitative
"""


def mistakes_of(tmp_path, text: str) -> list[str]:
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_ledger(path)
    return str(error.value).replace(f"{tmp_path}/", "").splitlines()


def test_selections_are_composed_and_later_ones_win(tmp_path):
    path = tmp_path / "ledger.yaml"
    path.write_text(LEDGER)
    claim = load_ledger(path)["A-1"]
    assert claim.where == [{"model": ["13b"]}, {"design": ["mugi"]}, {"model": ["7b"]}]
    assert claim.over == [{"model": ["13b"]}, {"height": {"le": 16}}, {"model": ["7b"]}]
    assert claim.target == "fast"
    result = judge(ledger={"A-1": claim}, tables={"runs": RUNS}).iloc[0]
    assert (result.computed, result.correction) == (2.0, "holds")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "comparison: qualitative",
            "comparison: qualitativ",
            "16: claims.A-1.comparison: 'qualitativ' is not allowed (did you mean 'qualitative'?)",
        ),
        ("comparison: qualitative", "comparison: differs", "6: claims.A-1: 'differs' needs a rea"),
        ("comparison: qualitative", "comparisn: differs", "unknown key 'comparisn' (did you mean"),
        ("comparison: qualitative", "verdict: reproducd", "16: claims.A-1.verdict: unknown verdic"),
        (
            "comparison",
            "unit: mm^2\n    comparison",
            "6: claims.A-1: unit: 'mm^2', but a ratio has",
        ),
        ("column: speed", "column: area_mm2 + run_s", "column: area_mm2 (mm^2) and run_s (s) have"),
        (
            "comparison",
            "note: '{a}'\n    values: {a: {column: x_s + y_j}}\n    comparison",
            "x_s (s)",
        ),
        ("comparison", "also: {A-1: §2}\n    comparison", "id 'A-1' is there twice"),
        ("column: speed", "column: speed +", "12: claims.A-1.column: 'speed +' is not an arith"),
        ("    column: speed\n", "", "6: claims.A-1: column: missing"),
        ("table: runs", "table: run", "11: claims.A-1.table: unknown table 'run' (did you mean"),
        ("over: small_7b", "over: smal", "15: claims.A-1.over: unknown selection 'smal' (did you"),
        ("[small, {", "[smaller, {", "4: selections.small_7b: unknown selection 'smaller'"),
        ("[small, {", "[small_7b, {", "4: selections.small_7b: unknown selection 'small_7b'"),
        ("{le: 16}", "{less: 16}", "3: selections.small: height: unknown comparison 'less'"),
        ("{le: 16}", "{le: many}", "3: selections.small: height: must be a number, not 'many'"),
        ("{le: 16}", "[[1]]", "3: selections.small: height: must be a value, not [1]"),
        ("{le: 16}", "[]", "3: selections.small: height: must have a value"),
        ("over: small_7b", "over: 3", "15: claims.A-1.over: must be a name or a mapping of"),
        ('printed: "2.00"', "printed: halved", "6: claims.A-1: printed: 'halved' is not a num"),
        (
            'printed: "2.00"',
            'printed: "1e-320"',
            "printed: '1e-320' is not 0 or a number from 1e-1",
        ),
        ('printed: "2.00"', 'printed: "~inf"', "printed: '~inf' is not 0 or a number from 1e-150"),
        ('printed: "2.00"', "printed: 2.00", "10: claims.A-1.printed: must be a valid string"),
        (
            "comparison",
            "test: {about: 2}\n    comparison",
            "16: claims.A-1.test.about: unknown key",
        ),
        ("comparison", "test: {}\n    comparison", "16: claims.A-1.test: one of within, above and"),
        (
            "comparison",
            "aggregate: mean\n    comparison",
            "16: claims.A-1.aggregate: 'mean' is not",
        ),
        ("comparison", "note: '{gain}'\n    comparison", "6: claims.A-1: unknown value 'gain'"),
        ("comparison", "values: {a: {}}\n    comparison", "6: claims.A-1: values.a: not used"),
        ("comparison", "target: fast\n    comparison", "6: claims.A-1: target: the table has one"),
        ("  A-1:", "  A-1: {}\n  A-1:", "key 'A-1' is there twice, first in line 6"),
    ],
)
def test_mistakes_are_named_with_file_line_and_key(old, new, said, tmp_path):
    assert LEDGER.count(old) == 1 or old == "comparison"
    lines = mistakes_of(tmp_path, LEDGER.replace(old, new, 1))
    assert any("ledger.yaml" in line and said in line for line in lines), lines


def test_claims_that_are_not_judged_have_no_query(tmp_path):
    text = LEDGER.replace("comparison: qualitative", "comparison: not yet\n    reason: later")
    lines = mistakes_of(tmp_path, text)
    place = "ledger.yaml:6: claims.A-1: "
    said = [f"{place}{key}: not judged, leave it out" for key in ["table", "column"]]
    assert [f"{place}target: missing", *said] == lines[:3]


ATTACKS = [
    "__import__('os').system('touch attacked')",
    "@__import__('os').system('touch attacked')",
    "@pd.io.common.os.system('touch attacked')",
    "speed.__class__.__mro__",
    "speed.map(print)",
    "speed.to_csv('attacked')",
    "open('attacked', 'w')",
    "speed; import os",
    "index.name",
    "`speed`",
    "speed = 1",
    "[speed for speed in (1,)]",
    "speed if __builtins__ else 0",
    "'a'*10**9",
    "9**9**9**9",
    "10**400",
    "'%1000000000s' % speed",
    "(" * 3000 + "speed" + ")" * 3000,
    "~" * 3000 + "speed",
]


@pytest.mark.parametrize("field", ["column", "corrected_column", "value"])
@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_arithmetic_of_a_stranger_runs_nothing(field, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {field: text}
    if field == "value":
        changes = {"values": {"gain": {"column": text}}, "note": "{gain}"}
    written(tmp_path / "ledger.yaml", A=CLAIM | changes)
    with pytest.raises(InputError) as error:
        judge(ledger=load_ledger("ledger.yaml"), tables={"runs": RUNS})
    assert len(str(error.value).splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.yaml"]


@pytest.mark.parametrize(
    "words", ["{gain.__class__}", "{gain!r:>1000000000}", "{gain:1000000000}", "{0}{", "%s {}"]
)
def test_words_of_a_stranger_are_only_filled_in(words, tmp_path):
    claim = CLAIM | {"note": words + " {gain}", "values": {"gain": {}}}
    if words == "{0}{":
        with pytest.raises(InputError, match="unknown value '0'"):
            load_ledger(written(tmp_path / "ledger.yaml", A=claim))
        return
    ledger = load_ledger(written(tmp_path / "ledger.yaml", A=claim))
    assert judge(ledger=ledger, tables={"runs": RUNS}).note[0] == words + " 2.00"


def test_no_object_is_made_by_a_ledger(tmp_path):
    text = LEDGER.replace("column: speed", "column: !!python/object/apply:os.system [ls]")
    (line,) = mistakes_of(tmp_path, text)
    assert "not YAML" in line


def test_ledgers_go_together_unless_an_id_stands_in_both(tmp_path):
    own = written(tmp_path / "own.yaml", **{"MINE-1": CLAIM})
    assert [*load_ledgers([ledger.LEDGER, own])] == [*load_ledger(), "MINE-1"]
    with pytest.raises(InputError, match=r"own\.yaml: id 'MINE-1' is there twice"):
        load_ledgers([own, own])


def test_many_places_that_say_the_same_take_no_time(tmp_path):
    also = {f"B{number}": "x" for number in range(40_000)}
    path = written(tmp_path / "own.yaml", A=CLAIM | {"also": also})
    began = time.process_time()
    assert len(load_ledger(path)["A"].also) == 40_000
    assert time.process_time() - began < 10  # of a busy machine
