"""Ledgers and conclusions in YAML, and the result tables that they are judged from."""

from pathlib import Path

import pandas as pd
import yaml
from hypothesis import strategies as st

from mugi import conclusions, ledger
from mugi.claims import judge
from mugi.claims_check import check
from mugi.claims_text import markdown, text
from mugi.conclusions import conclude, load_conclusions
from mugi.files import read_table
from mugi.ledger import load_ledger, read_ledgers
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import Many, damaged, with_odd, written, yaml_of, yaml_texts
from tests.fuzz.test_hardware import keys_of
from tests.test_claims import BOTH, CLAIM, RUNS

LEDGER = {
    "tables": {"runs": "fast", "others": "slow"},
    "selections": {
        "ours": {"design": "mugi", "model": "7b"},
        "old": ["ours", {"height": {"ge": 8}}],
    },
    "claims": {
        "A-1": CLAIM
        | {
            "also": {"B-1": "§2"},
            "unit": "x",
            "note": "{other} of it",
            "values": {"other": {"column": "area*1e6", "over": []}},
        },
        "A-2": CLAIM | BOTH | {"aggregate": "geomean", "test": {"above": 1}, "printed": ">1"},
        "A-3": CLAIM
        | {
            "where": "old",
            "over": [],
            "aggregate": "sum",
            "test": {"within": 0.5},
            "printed": "~6",
        },
        "A-4": {key: CLAIM[key] for key in ("location", "source", "statement", "printed")}
        | {"comparison": "not yet", "reason": "no model", "target": "fast"},
    },
}
CONCLUSIONS = {
    "faster": {
        "section": "§1",
        "sentence": "It is {A-1.printed} times, {A-1.computed}",
        "claims": ["A-1", "A-*"],
    },
    "small": {"section": "§2", "sentence": "So", "claims": ["A-3"]},
}
WORDS = sorted(
    keys_of(LEDGER)
    | {
        *ledger.Claim.model_fields,
        "design",
        "speed",
        "area*height",
        "A-1",
        "{computed}",
        "{x}",
        "fast",
    }
    | {
        "equal at the printed precision",
        "differs",
        ">1",
        "<2",
        "~3",
        "1e999",
        "mm^2",
        "J/s",
        "%",
        "-0",
    }
)
PACKAGED = yaml.safe_load(Path(str(conclusions.FILE)).read_text(encoding="utf-8"))


def judged(claims, table: pd.DataFrame = RUNS, strict: bool = True) -> pd.DataFrame:
    """Judge claims as the command does, in all its words."""
    results = judge(
        ledger=claims, tables={"runs": table, "others": table}, partial=True, strict=strict
    )
    results, concluded = conclude(results, load_conclusions())
    assert text(results) and markdown(results, concluded)
    return results


def use_ledger(content: str, folder: Path) -> None:
    path = written(content, folder / "ledger.yaml")
    claims = read_ledgers([path])
    judged(claims, strict=False)  # what is wrong is told in rows of the table
    check(claims, {"runs": RUNS})
    judged(load_ledger(path))


LEDGERS = Parser(
    "ledgers",
    st.one_of(
        yaml_texts([LEDGER], WORDS, most=3),
        with_odd(LEDGER, LEDGER),
        with_odd(
            LEDGER["claims"]["A-1"],
            ledger.Claim.model_fields,
            lambda one: LEDGER | {"claims": {"A-1": one}},
        ),
    ),
    use_ledger,
    good=(yaml_of(LEDGER),),
    command=lambda content, folder: [
        "claims",
        "check",
        "--ledger",
        written(content, folder / "ledger.yaml"),
    ],
)


def test_ledgers(fuzzed):
    fuzzed(LEDGERS)


def use_conclusions(content: str, folder: Path) -> None:
    known = load_conclusions(written(content, folder / "conclusions.yaml"))
    conclude(RESULTS, known)


RESULTS = judge(
    ledger={
        name: ledger.Claim(**claim | {"where": [claim["where"]], "over": [claim["over"]]})
        for name, claim in {"A-1": CLAIM, "A-3": CLAIM}.items()
    },
    tables={"runs": RUNS},
)
CONCLUDED = Parser(
    "conclusions",
    yaml_texts([CONCLUSIONS, CONCLUSIONS, PACKAGED], ["A-1", "A-*", "{A-3.corrected}", "[", "*"]),
    use_conclusions,
    good=(yaml_of(CONCLUSIONS), yaml_of(PACKAGED)),
)


def test_conclusions(fuzzed):
    fuzzed(CONCLUDED)


TABLE = pd.concat([RUNS.assign(preset=preset) for preset in ("as-published", "corrected")])
CELLS = (
    *["nan", "inf", "-1e308", "1e999", "'", '"', ",", "\n", "\r", "\x00", ";", "-"],
    *["corrected", "as-published", "٣"],
)


def use_results(content: str, folder: Path) -> None:
    table = read_table(written(content, folder / "runs.csv"))
    claims = {"A-1": CLAIM, "A-2": LEDGER["claims"]["A-2"]}
    path = written(yaml_of(LEDGER | {"claims": claims}), folder / "ledger.yaml")
    judged(load_ledger(path), table)


JUDGED = Parser(
    "tables of claims",
    damaged(Many([TABLE.to_csv(index=False), RUNS.to_csv(index=False)]), CELLS),
    use_results,
    good=(TABLE.to_csv(index=False),),
)


def test_tables_of_claims(fuzzed):
    fuzzed(JUDGED)
