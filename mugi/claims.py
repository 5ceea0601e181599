"""Every quantitative claim of the paper, judged from the result tables.

Where a table has the columns `preset` or `accounting`, a claim is compared as `as-published`, and
its verdict is about `corrected`.
"""

import contextlib
from collections.abc import Mapping

import pandas as pd

from mugi.claim import DIFFERS, PLACEHOLDER, Claim
from mugi.errors import InputError, Mistake, raise_all
from mugi.ledger import Broken
from mugi.quantities import (
    CORRECTABLE,
    NotRun,
    Tables,
    at_key,
    compute,
    correctable,
    interval_of,
)
from mugi.switches import Switches
from mugi.verdicts import ERROR, NO_VERDICT, NOT_RUN, Outcome, compare, outcome, short

RESULT_COLUMNS = [
    *["id", "location", "also", "statement", "design", "baseline", "printed", "unit", "computed"],
    *["corrected", "relative_difference", "comparison", "correction", "change", "depends_on"],
    *["by_one_choice", "moved_by", "judged_on", "recorded", "agrees", "reason", "note", "source"],
    *["target", "conclusion"],
]
TEXTS = ["location", "statement", "design", "baseline", "printed", "unit", "target", "source"]
TEXTS += ["reason", "note"]
SWITCHES = "switches"  # the table of one switch at a time


def judge(
    *,
    ledger: Mapping[str, Claim | Broken],
    tables: Tables,
    partial: bool = False,
    strict: bool = True,
) -> pd.DataFrame:
    """Judge every claim of a ledger (by id) from tables (by name), one row each, in order.

    `comparison` is with what is printed, `correction` the verdict with all errors and omissions
    corrected (`mugi.verdicts`). A table `switches` (`mugi.judge.multiverse.one_at_a_time`) says
    which choices a claim depends on. A claim contradicts its comparison on record (`agrees` false)
    if that is another, or if it differs and none is on record.

    Raises InputError for tables and rows that are missing; if `partial`, their claims are `not in
    this run`. Unless `strict`, claims that are wrong are rows with `error`.
    """
    mistakes, results = [] if partial or not strict else _missing(ledger, tables), []
    switches = Switches(tables.get(SWITCHES))
    for name, claim in ledger.items():
        if isinstance(claim, Broken):
            mistakes += claim.mistakes
            results.append({"id": name, **claim.texts, **_wrong(claim.mistakes)})
            continue
        row = {column: getattr(claim, column) for column in TEXTS} | {"id": name, "agrees": True}
        row |= {"comparison": claim.comparison, "correction": NO_VERDICT}
        row |= {"recorded": claim.comparison or "", "also": _also(claim)}
        try:
            if claim.is_judged and claim.table not in tables:
                if strict and not partial:
                    continue  # among the missing
                raise NotRun(Mistake(_is_missing(claim), "table"))
            if claim.is_judged:
                row |= _judged(name, claim, tables[claim.table], switches)
        except InputError as error:
            said = error.at(f"claim {name}").mistakes
            if isinstance(error, NotRun) and partial:
                why = "; ".join(mistake.what for mistake in error.mistakes)
                row |= {"comparison": NOT_RUN, "correction": NOT_RUN}
                row["reason"] = f"Needs more runs: {why}"
            else:
                mistakes += said
                row |= _wrong(said)
        try:
            row |= _filled_in(claim, row, tables)
        except InputError as error:
            said = error.at(f"claim {name}").mistakes
            mistakes += said
            row |= _wrong(said)
        results.append(row)
    if strict:
        raise_all(mistakes)
    return pd.DataFrame(results).reindex(columns=RESULT_COLUMNS)


def _wrong(mistakes: tuple[Mistake, ...]) -> dict[str, object]:
    """Return what the row of a claim says that cannot be judged."""
    said = "; ".join(map(str, mistakes))
    return {"comparison": ERROR, "correction": ERROR, "agrees": True, "reason": said, "note": ""}


def _also(claim: Claim) -> str:
    """Return the other places that say the same: `LLM-1 (§6.3.1, Table 3)`."""
    return "; ".join(f"{name} ({place})" for name, place in claim.also.items())


def _missing(ledger: Mapping[str, Claim | Broken], tables: Tables) -> list[Mistake]:
    """Return a mistake for each table that claims need and that is not there."""
    needed: dict[str, list[str]] = {}
    for name, claim in ledger.items():
        if isinstance(claim, Claim) and claim.is_judged and claim.table not in tables:
            needed.setdefault(claim.table, []).append(name)
    mistakes = []
    for names in needed.values():
        first = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        line = f"{_is_missing(ledger[names[0]])}; {len(names)} claims need it: {first}"
        mistakes.append(Mistake(line))
    return mistakes


def _is_missing(claim: Claim) -> str:
    return f"table '{claim.table}' is missing, `snakemake {claim.target}` makes it"


def _judged(name: str, claim: Claim, table: pd.DataFrame, switches: Switches) -> dict[str, object]:
    """Return value, corrected value, comparison and verdict of one claim."""
    value, judged_on = compute(claim, table)
    found = compare(claim, value)
    record = claim.comparison
    row = {"computed": value, "judged_on": judged_on, "comparison": found}
    row["agrees"] = found == record if record else found != DIFFERS
    if claim.printed_number:
        row["relative_difference"] = value / claim.printed_number - 1
    corrected, by_published_metric = _corrected(claim, table)
    if corrected is not None:
        row["corrected"] = corrected
    elif any(key in table for key in CORRECTABLE):
        more = "Its verdict needs runs of the preset corrected"
        return row | {"correction": NOT_RUN, "reason": _joined([claim.reason, more])}
    final = value if corrected is None else corrected
    choices, interval = switches.choices(name, final), interval_of(claim, table)
    done = outcome(claim, value, final, choices, by_published_metric, interval)
    row |= {"moved_by": _joined(switches.words(name, claim, final))}
    return row | _told(done) | {"by_one_choice": switches.span(name, final)}


def _joined(sentences: list[str]) -> str:
    return ". ".join(sentence.rstrip(".") for sentence in sentences if sentence)


def _corrected(claim: Claim, table: pd.DataFrame) -> tuple[float | None, float | None]:
    """Return a claim's value corrected, and by the published metric if that is another.

    None if no assumption touches the table, or if it was not run corrected.
    """
    keys = [key for key in CORRECTABLE if key in table]
    if correctable(claim, table) != keys or not (keys or claim.corrected_column):
        return None, None
    value, _ = compute(claim, table, keys)
    if not claim.corrected_column:
        return value, None
    redefined = claim.model_copy(update={"column": claim.corrected_column})
    return compute(redefined, table, keys)[0], value


def _told(done: Outcome) -> dict[str, str]:
    depends_on = "; ".join(map(str, done.depends_on))
    return {"correction": done.verdict, "change": done.change, "depends_on": depends_on}


def _filled_in(claim: Claim, row: Mapping, tables: Tables) -> dict[str, str]:
    """Return the reason and the note of a row with the claim's values in their places."""
    words = {key: short(row[key]) for key in ("computed", "corrected") if key in row}
    words = (
        dict.fromkeys(["computed", "corrected", "change", *claim.values], f"({NOT_RUN})") | words
    )
    words["change"] = row.get("change") or words["change"]
    for name, value in claim.values.items():
        if value.table in tables:
            with contextlib.suppress(NotRun), at_key(f"values.{name}"):
                number, _ = compute(value, tables[value.table])
                words[name] = f"{number:.{value.decimals}f}"
    return {
        key: PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), row[key])
        for key in ["reason", "note"]
    }
