"""Conclusions: each stands as its weakest claim; numbers and counts are filled in."""

import pandas as pd
import pytest

from mugi.claims import RESULT_COLUMNS
from mugi.conclusions import Conclusion, conclude, load_conclusions
from mugi.errors import InputError
from mugi.ledger import load_ledger

CLAIMS = [
    ("A-1", "2.07", 2.066, 2.064, "holds", "2.064", "1.1 (a=1) to 2.064", "Of batch 8"),
    ("A-2", "3.11", 3.107, 1.535, "shrinks", "1.535", "", ""),
    ("A-3", "5", 5.0, 4.99, "depends", "4.99; not true with a=2 (0.999)", "0.999 (a=2) to 6", ""),
    ("B-1", "4", 4.0, 2.0, "shrinks", "2", "", ""),
    ("B-2", "6", None, None, "no verdict", "", "", "Needs weights"),
    ("B-3", "7", None, None, "not in this run", None, None, ""),
    ("B-4", "<1", 0.5, None, "holds", "0.5", "", ""),
]
MANY = [(f"M-{i}", "4", 4.0, 3.0 - i / 10, "shrinks", f"{i}", "", "why") for i in range(7)]
COLUMNS = ["id", "printed", "computed", "corrected", "correction", "change", "by_one_choice"]
COLUMNS += ["reason"]
CLAIMS += MANY
RESULTS = pd.DataFrame(CLAIMS, columns=COLUMNS).reindex(columns=RESULT_COLUMNS)


def one(*claims: str, sentence: str = "so") -> pd.Series:
    conclusion = Conclusion(section="§1", sentence=sentence, claims=list(claims))
    _, table = conclude(RESULTS, {"it": conclusion})
    return table.iloc[0]


@pytest.mark.parametrize(
    ("claims", "verdict", "said"),
    [
        (
            ["A-1"],
            "holds",
            "Holds when corrected: A-1 is 2.064; 1.1 (a=1) to 2.064 by one choice. Of batch 8.",
        ),
        (["A-1", "A-2"], "shrinks", "A-2 is 1.535. Of its 2 claims 1 holds and 1 shrinks."),
        (
            ["A-*"],
            "depends",
            "True when corrected, but it depends on a choice: A-3 is 4.99; not true with a=2 "
            "(0.999). Of its 3 claims 1 holds, 1 shrinks and 1 depends on a choice.",
        ),
        (["A-2", "B-1"], "shrinks", "A-2 is 1.535. So it is with both claims."),
        (["A-1", "B-2"], "holds", "Of its 2 claims 1 holds and 1 has no verdict. Of batch 8."),
        (["B-2", "B-3"], "not in this run", "Not in this run. Of its 2 claims"),
        (["B-2"], "no verdict", "Cannot be judged here. Needs weights."),
        (["B-4"], "holds", "Holds as computed: B-4 is 0.5."),
        (["A-1", "M-*"], "shrinks", "1 holds and 7 shrink. The furthest: M-6 is 6."),
    ],
)
def test_a_conclusion_stands_as_its_weakest_claim(claims, verdict, said):
    row = one(*claims)
    assert row.verdict == verdict
    assert said in row.in_words


def test_numbers_of_few_claims_are_listed():
    row = one("A-1", "B-4", "B-2")
    assert row[["printed", "computed", "corrected"]].tolist() == [
        "2.07; <1; 6",
        "2.066; 0.5",
        "2.064; 0.5",  # no assumption touches the second
    ]
    assert pd.isna(one("A-1", "M-*").printed)


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
        **dict.fromkeys(told.id, ""), "A-1": "one; two", "A-2": "two", "A-3": "two",
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
