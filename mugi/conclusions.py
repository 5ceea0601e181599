"""What a reader takes away: the paper's conclusions, each with a verdict from its claims.

`conclusions.yaml` holds them; a conclusion stands as the weakest of its claims does.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from mugi.claim import ELSEWHERE, NOT_HERE
from mugi.documents import read_yaml
from mugi.errors import raise_all, unknown
from mugi.schema import Section, validated
from mugi.verdicts import (
    DEPENDS,
    ERROR,
    GROWS,
    HOLDS,
    NO_VERDICT,
    NOT_A_RESULT,
    NOT_RUN,
    OBJECTIONS,
    REVERSES,
    SHRINKS,
    short,
    verdicts_in_words,
)

UNSAID = (NOT_RUN, ERROR, NOT_A_RESULT)
FILE = files("mugi") / "conclusions.yaml"
NUMBERS = ["printed", "computed", "corrected"]
COLUMNS = ["conclusion", "section", "sentence", "claims", "verdict", *NUMBERS, "in_words"]
FEW = 6  # claims whose numbers are listed; of more they are counted
PLACEHOLDER = re.compile(r"\{([^{}]+)\.(printed|computed|corrected)\}")
Text = Annotated[str, Field(min_length=1)]
# {} says whether an assumption touches the claim
WORDS = {
    REVERSES: "Not true{}",
    DEPENDS: "True{}, but it depends on a choice",
    SHRINKS: "Smaller{}",
    GROWS: "Larger{}",
    HOLDS: "Holds{}",
    NO_VERDICT: "Cannot be judged here",
    NOT_A_RESULT: "Not a result",
    NOT_RUN: "Not in this run",
    ERROR: "Cannot be judged: a claim is wrong as it is written",
}


class Conclusion(Section):
    """What the paper concludes, with printed numbers filled in, and the ids it rests on."""

    section: Text
    sentence: Text
    claims: Annotated[list[Text], Field(min_length=1)]


def load_conclusions(path: str | Path = FILE) -> dict[str, Conclusion]:
    """Return conclusions by name; raises InputError with file, line and key of every mistake."""
    return validated(dict[str, Conclusion], read_yaml(path))


def conclude(
    results: pd.DataFrame, conclusions: Mapping[str, Conclusion]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return judged claims with the conclusions they carry, and the conclusions, a row each.

    A conclusion names claims by id or by a pattern such as `T3-*`; its verdict is the strongest
    objection to any of those that could be judged. One whose claims are all of another ledger is
    left out. Raises InputError for a name that is none, or if only some are there.
    """
    results = results.set_index("id", drop=False)
    carried = {name: [] for name in results.index}
    rows, mistakes = [], []
    for name, conclusion in conclusions.items():
        ids, unnamed = [], []
        for pattern in conclusion.claims:
            found = [one for one in results.index if fnmatchcase(one, pattern)]
            ids += found
            unnamed += [] if found else [pattern]
        if not ids:
            continue
        named = [one for one, _ in PLACEHOLDER.findall(conclusion.sentence)]
        unnamed += [one for one in named if one not in results.index]
        place = f"conclusion {name}"
        mistakes += [unknown("claim", one, results.index).at(place) for one in unnamed]
        if unnamed:
            continue
        ids = list(dict.fromkeys(ids))
        for one in ids:
            carried[one].append(name)
        rows.append({"conclusion": name, **_row(conclusion, results, results.loc[ids])})
    raise_all(mistakes)
    told = results.assign(conclusion=["; ".join(carried[name]) for name in results.index])
    return told.reset_index(drop=True), pd.DataFrame(rows, columns=COLUMNS)


def _row(conclusion: Conclusion, results: pd.DataFrame, claims: pd.DataFrame) -> dict[str, str]:
    """Return what the table says of one conclusion."""

    def filled(match: re.Match) -> str:
        value = results.at[match[1], match[2]]
        if isinstance(value, str):
            return value
        return f"({NOT_RUN})" if pd.isna(value) else short(value)

    there = set(claims["correction"])
    order = [ERROR, *OBJECTIONS[::-1], NOT_RUN, NO_VERDICT, NOT_A_RESULT]
    verdict = next(name for name in order if name in there)
    judged = claims[claims["comparison"] != NOT_HERE]
    shown = judged if len(judged) else claims
    return {
        "section": conclusion.section,
        "sentence": PLACEHOLDER.sub(filled, conclusion.sentence),
        "claims": "; ".join(claims.index),
        "verdict": verdict,
        **{name: _listed(shown, name) for name in NUMBERS if len(shown) <= FEW},
        "in_words": _in_words(verdict, claims, is_few=len(shown) <= FEW),
    }


def _listed(claims: pd.DataFrame, name: str) -> str:
    """Return one of the NUMBERS of few claims, in their order."""
    cells = claims[name]
    if name == "corrected" and cells.notna().any():  # no assumption touches the others
        cells = cells.fillna(claims["computed"])
    return "; ".join(one if isinstance(one, str) else short(one) for one in cells.dropna())


def _in_words(verdict: str, claims: pd.DataFrame, is_few: bool) -> str:
    """Return why a conclusion has its verdict: the number that decides, and what is said of it.

    Of few claims the first with that verdict is told of, of many the one furthest from print.
    """
    deciding = claims[claims["correction"] == verdict]
    numbers = deciding[["printed", "corrected"]].apply(pd.to_numeric, errors="coerce")
    moved = abs(numbers["corrected"] / numbers["printed"] - 1)
    furthest = moved.idxmax() if moved.notna().any() and not is_few else deciding.index[0]
    first = deciding.loc[furthest].fillna("")
    counts = claims["correction"].value_counts()
    counted = f"Of its {len(claims)} claims {verdicts_in_words(counts)}"
    if len(counts) == 1:
        counted = f"So it is with {'both' if len(claims) == 2 else f'all {len(claims)}'} claims"
    if not is_few and verdict in OBJECTIONS:
        return f"{counted}. The furthest: {first['id']} is {first['change']}."
    told = [_decided(verdict, first), counted if len(claims) > 1 else ""]
    if first["comparison"] != NOT_HERE and verdict not in UNSAID:
        told.append(first["reason"].rstrip("."))
    return f"{'. '.join(filter(None, told))}."


def _decided(verdict: str, claim: pd.Series) -> str:
    """Return what becomes of one claim, in a sentence with numbers."""
    words = WORDS[verdict].format(" as computed" if claim["corrected"] == "" else " when corrected")
    if claim["change"] and verdict not in UNSAID:
        words += f": {claim['id']} is {claim['change']}"
    if claim["by_one_choice"] and verdict in (HOLDS, SHRINKS, GROWS):
        words += f"; {claim['by_one_choice']} by one choice"
    if claim["comparison"] == ELSEWHERE:
        words += f"; on {claim['judged_on']}, no model of the paper's"
    return words
