"""What survives, in words: a page about the abstract's six figures, every number from a table."""

from collections.abc import Iterator, Mapping

import pandas as pd

from mugi import assumptions
from mugi.judge.multiverse import HEADLINES
from mugi.ledger import Claim
from mugi.quantities import NotRun, select
from mugi.verdicts import ABOVE_A_TIE, NEAR

TOLD = 0.03  # share of the spread from which on an assumption is named
MOVED = 0.1  # relative: a choice that moves a figure by less is not named


def what_survives(
    claims: Mapping[str, Claim], *, curve: pd.DataFrame, indices: pd.DataFrame,
    switches: pd.DataFrame, hardware: pd.DataFrame,
) -> str:  # fmt: skip
    """Return the page in Markdown.

    `curve` and `indices` are the tables of `multiverse.summary` and `multiverse.indices`,
    `switches` that of `multiverse.one_at_a_time`, `hardware` the evaluated runs. Figures that a
    table lacks are left out.
    """
    curve = curve.set_index("claim")
    shown = [name for name in HEADLINES if name in curve.index]
    parts = [
        "# What survives",
        "The six figures of the abstract: as the paper's own assumptions give them, with every"
        " error and omission of its model set right, and in universes drawn evenly over all values"
        " of all assumptions. Above 1 is in Mugi's favour.",
        _table(curve.loc[shown], claims),
    ]
    for name in shown:
        lines = [
            *_lies(curve.loc[name]),
            *_corrections(switches, name),
            *_choices(switches, name),
            *_explained(indices, name),
        ]
        heading = f"## {claims[name].statement}: {claims[name].printed}"
        parts.append("\n".join([heading, "", *(f"* {line}" for line in lines)]))
    facts = list(_sizes(hardware))
    parts += ["\n".join(["## Other sizes", "", *(f"* {fact}" for fact in facts)])] * bool(facts)
    return "\n\n".join(parts) + "\n"


def _table(curve: pd.DataFrame, claims: Mapping[str, Claim]) -> str:
    """Return the six figures side by side."""
    rows = {
        claims[name].statement: {
            "printed": claims[name].printed,
            "as published": f"{row['as_published']:.3g}",
            "corrected": f"{row['corrected']:.3g}",
            "of universes above 1": f"{100 * row['share_above_1']:.0f} %",
            "within 5 % of the printed": f"{100 * row['share_within_5_percent']:.0f} %",
        }
        for name, row in curve.iterrows()
    }
    return pd.DataFrame(rows).T.rename_axis("figure").to_markdown(disable_numparse=True)


def _lies(row: pd.Series) -> Iterator[str]:
    """Yield where a figure lies in the universes."""
    yield (
        f"In {100 * row['share_above_1']:.0f} % of {row['universes']:,.0f} universes it is above 1"
        f" ({ABOVE_A_TIE} or more), and within {100 * NEAR:.0f} % of the printed value in"
        f" {100 * row['share_within_5_percent']:.0f} %. It lies between {row['least']:.3g} and"
        f" {row['most']:.3g}, in the middle at {row['median']:.3g};"
        f" {100 * row['share_below_as_published']:.0f} % are below the paper's."
    )


def _corrections(switches: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield which single correction of an error or omission moves a published figure most."""
    rows = switches[(switches["claim"] == name) & (switches["base"] == "as-published")]
    wrong = [n for n, entry in assumptions.REGISTRY.items() if entry.kind != "choice"]
    right = {n: str(assumptions.REGISTRY[n].corrected) for n in wrong}
    rows = rows[rows["assumption"].map(right) == rows["value"].astype(str)]
    if rows.empty:
        yield "No single correction of an error or omission moves it."
        return
    ratio = (rows["computed"] / rows["base_value"] - 1).abs().sort_values(ascending=False)
    told = [
        f"{rows.loc[place, 'assumption']} ({rows.loc[place, 'base_value']:.3g} →"
        f" {rows.loc[place, 'computed']:.3g})"
        for place in ratio.index[:2]
    ]
    yield f"The single corrections that move it most: {', '.join(told)}."


def _choices(switches: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield the choices that move a corrected figure, and whether one takes it to 1 or below."""
    rows = switches[(switches["claim"] == name) & (switches["base"] == "corrected")]
    kinds = rows["assumption"].map(lambda n: assumptions.REGISTRY[n].kind)
    rows = rows[kinds == "choice"]
    rows = rows[(rows["computed"] / rows["base_value"] - 1).abs() >= MOVED]
    if rows.empty:
        yield f"No choice moves the corrected value by {100 * MOVED:.0f} % or more."
        return
    rows = rows.sort_values("computed", kind="stable")
    told = [f"{r.assumption}={r.value} gives {r.computed:.3g}" for r in rows.itertuples()]
    yield f"On top of all corrections, choices that move it: {', '.join(told)}."
    lost = rows[(rows["computed"] < ABOVE_A_TIE) & (rows["base_value"] >= ABOVE_A_TIE)]
    if len(lost):
        names = ", ".join(f"{r.assumption}={r.value}" for r in lost.itertuples())
        yield f"It is not above 1 with {names}."


def _explained(indices: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield which assumptions explain its spread, alone and together."""
    rows = indices[(indices["claim"] == name) & (indices["first_order"] >= TOLD)]
    rows = rows[rows["low"] > 0].sort_values("first_order", ascending=False, kind="stable")
    is_pair = rows["assumption"].str.contains(r" \* ")
    alone = [f"{r.assumption} {100 * r.first_order:.0f} %" for r in rows[~is_pair].itertuples()]
    pairs = [
        f"{r.assumption.replace(' * ', ' and ')} {100 * r.first_order:.0f} %"
        for r in rows[is_pair].itertuples()
    ]
    if alone:
        yield f"Its spread (of the logarithm) is explained by {', '.join(alone)}."
    if pairs:
        yield f"Only together, beyond that, act {'; '.join(pairs)}."


def _sizes(hardware: pd.DataFrame) -> Iterator[str]:
    """Yield what becomes of the throughput at other batches and on 8 × 8 nodes."""
    model = {"model": ["llama_2_70b_GQA"], "kv_heads": [8], "seq_len": [4096]}
    one = {"noc_rows": [1], "noc_cols": [1], "preset": ["corrected"]}
    chips = [
        {"design": ["mugi"], "variant": ["vlp"], "array_height": [256]},
        {"design": ["systolic"], "variant": ["mac"], "array_height": [16]},
    ]
    gains = {}
    for batch in (1, 2, 4, 8, 16, 32):
        try:
            speeds = [
                select(hardware, [model, one, chip, {"batch_size": [batch]}])["tokens_per_s"]
                for chip in chips
            ]
        except NotRun:
            continue
        gains[batch] = speeds[0].iloc[0] / speeds[1].iloc[0]
    if gains:
        told = ", ".join(f"{gain:.2f} at batch {batch}" for batch, gain in gains.items())
        yield f"Throughput over SA(16) on Llama 2 70B GQA, corrected: {told}."
    nodes = {"noc_rows": [8], "noc_cols": [8], "batch_size": [8]}
    try:
        speeds = [
            select(hardware, [model, chips[0], nodes, {"preset": [preset]}])["tokens_per_s"].iloc[0]
            for preset in assumptions.PRESETS
        ]
    except NotRun:
        return
    yield (
        f"Mugi(256) on 8 × 8 nodes makes {speeds[0]:.3g} tokens/s as published and"
        f" {speeds[1]:.3g} corrected."
    )
