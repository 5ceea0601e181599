"""Conclusions: each stands as its weakest claim; numbers and counts are filled in."""

import pandas as pd
import pytest

from mugi.claims import RESULT_COLUMNS
from mugi.conclusions import Conclusion, conclude, load_conclusions
from mugi.errors import InputError
from mugi.ledger import load_ledger

CLAIMS = [
    ("A-1", "2.07", 2.066, 2.064, "holds", "2.07 -> 2.064", ""),
    ("A-2", "3.11", 3.107, 1.535, "shrinks", "3.11 -> 1.535", ""),
    ("A-3", "5", 5.0, 4.99, "depends", "5 -> 4.99, 0.999 with pwl_interval=1", "pwl_interval=1"),
    ("B-1", "4", 4.0, 2.0, "shrinks", "4 -> 2", ""),
    ("B-2", "6", None, None, "no verdict", "", ""),
    ("B-3", "7", None, None, "not in this run", None, None),
]
COLUMNS = ["id", "printed", "computed", "corrected", "correction", "change", "depends_on"]
RESULTS = pd.DataFrame(CLAIMS, columns=COLUMNS).reindex(columns=RESULT_COLUMNS)


def one(*claims: str, sentence: str = "so") -> pd.Series:
    conclusion = Conclusion(section="§1", sentence=sentence, claims=list(claims))
    _, table = conclude(RESULTS, {"it": conclusion})
    return table.iloc[0]


@pytest.mark.parametrize(
    ("claims", "verdict", "said"),
    [
        (["A-1"], "holds", "Holds when corrected: 2.07 -> 2.064 (A-1)."),
        (["A-1", "A-2"], "shrinks", "3.11 -> 1.535 (A-2). Of 2 claims: shrinks 1, holds 1."),
        (["A-*"], "depends", "5 -> 4.99, 0.999 with pwl_interval=1 (A-3). Of 3 claims: depends 1,"),
        (["A-2", "B-1"], "shrinks", "3.11 -> 1.535 (A-2). Of 2 claims: shrinks 2."),
        (["A-1", "B-2"], "holds", "Of 2 claims: holds 1, no verdict 1."),
        (["B-2", "B-3"], "not in this run", "Not in this run. Of 2 claims"),
        (["B-2"], "no verdict", "Cannot be judged here."),
    ],
)
def test_a_conclusion_stands_as_its_weakest_claim(claims, verdict, said):
    row = one(*claims)
    assert row.verdict == verdict
    assert said in row.in_words


def test_numbers_of_a_sentence_come_from_the_claims():
    row = one("A-1", sentence="{A-1.printed} times, {A-1.corrected} corrected, {B-3.computed}")
    assert row.sentence == "2.07 times, 2.064 corrected, (not in this run)"


def test_claims_say_what_they_carry():
    known = {
        name: Conclusion(section="§1", sentence="so", claims=claims)
        for name, claims in {"one": ["A-1"], "two": ["A-*"], "other": ["MINE-1"]}.items()
    }
    told, table = conclude(RESULTS, known)
    assert told.set_index("id").conclusion.to_dict() == {
        "A-1": "one; two", "A-2": "two", "A-3": "two", "B-1": "", "B-2": "", "B-3": "",
    }  # fmt: skip
    assert table.conclusion.tolist() == ["one", "two"]  # `other` is of another ledger


def test_a_claim_that_is_none_is_a_mistake():
    with pytest.raises(InputError, match="conclusion it: unknown claim 'A-9'"):
        one("A-1", "A-9")
    with pytest.raises(InputError, match="conclusion it: unknown claim 'A-8'"):
        one("A-1", sentence="{A-8.printed}")


def test_the_packaged_conclusions_are_few_and_rest_on_claims():
    conclusions = load_conclusions()
    ids = list(load_ledger())
    results = pd.DataFrame({"id": ids, "printed": "1", "correction": "holds", "change": ""})
    told, table = conclude(results.reindex(columns=RESULT_COLUMNS), conclusions)
    assert len(table) == len(conclusions) <= 30
    assert sum(conclusion.section == "Abstract" for conclusion in conclusions.values()) == 6
    assert not any("{" in sentence for sentence in table.sentence)
    left_out = told.loc[told.conclusion == "", "id"]
    assert left_out.str.match(r"F8-\d[ab]$|SET-|S5\.4-[12]$").all()  # ticks and settings
