"""What survives, in words: a page about the abstract's six figures, every number from a table."""

from collections.abc import Iterator, Mapping

import pandas as pd

from mugi import assumptions
from mugi.judge.multiverse import HEADLINES
from mugi.ledger import Claim
from mugi.quantities import NotRun, select
from mugi.switches import MOVES, Switches
from mugi.verdicts import ABOVE_A_TIE, METRICS, NEAR, short

TOLD = 0.03  # share of the spread from which on an assumption is named
BANDWIDTH = "SET-4"  # the claim that says what memory can move
INTRODUCTION = (
    "The six figures of the abstract: as the paper's own assumptions give them, with every error "
    "and omission of its model set right, and in universes. A universe draws one value of every "
    "assumption, each as likely as any other: values that are known to be wrong are drawn too. Its "
    "shares say how rare the paper's assumptions are, not how likely they are to be true. Above 1 "
    "is in Mugi's favour."
)


# what it reads -> columns of text and of numbers
TABLES = {
    "curve": (
        ["claim"],
        [
            *["universes", "as_published", "corrected", "least", "median", "most"],
            *["share_above_1", "share_within_5_percent", "share_below_as_published"],
        ],
    ),
    "indices": (["claim", "assumption"], ["first_order", "low"]),
    "switches": (["claim", "base", "assumption", "value"], ["computed", "base_value"]),
    "where": (
        ["metric", "rival_kind", "is_paper_point", "model"],
        ["batch_size", "seq_len", "array_height", "ratio"],
    ),
}


def what_survives(
    claims: Mapping[str, Claim], *, curve: pd.DataFrame, indices: pd.DataFrame,
    switches: pd.DataFrame, hardware: pd.DataFrame, where: pd.DataFrame,
) -> str:  # fmt: skip
    """Return the page in Markdown.

    `curve` and `indices` are the tables of `multiverse.summary` and `multiverse.indices`,
    `switches` that of `multiverse.one_at_a_time`, `hardware` the evaluated runs, `where` that of
    `where.where_it_holds`. Figures that a table lacks are left out.
    """
    curve = curve.set_index("claim")
    shown = [name for name in HEADLINES if name in curve.index]
    parts = ["# What survives", INTRODUCTION, _table(curve.loc[shown], claims)]
    for name in shown:
        lines = [
            *_lies(curve.loc[name], claims[name]),
            *_corrections(switches, name),
            *_choices(switches, name, curve.at[name, "corrected"]),
            *_explained(indices, name),
        ]
        heading = f"## {claims[name].statement}: {claims[name].printed}"
        parts.append("\n".join([heading, "", *(f"* {line}" for line in lines)]))
    facts = [*_batches(where), *_network(hardware, claims[BANDWIDTH])]
    parts += ["\n".join(["## Other sizes", "", *(f"* {fact}" for fact in facts)])] * bool(facts)
    return "\n\n".join(parts) + "\n"


def _table(curve: pd.DataFrame, claims: Mapping[str, Claim]) -> str:
    """Return the six figures side by side."""
    rows = {
        claims[name].statement: {
            "printed": claims[name].printed,
            "as published": short(row["as_published"]),
            "corrected": short(row["corrected"]),
            "of universes above 1": _percent(row["share_above_1"]),
            "within 5 % of the printed": _percent(row["share_within_5_percent"]),
        }
        for name, row in curve.iterrows()
    }
    return pd.DataFrame(rows).T.rename_axis("figure").to_markdown(disable_numparse=True)


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"


def _lies(row: pd.Series, claim: Claim) -> Iterator[str]:
    """Yield where a figure lies in the universes."""
    text = (
        f"In {_percent(row['share_above_1'])} of {row['universes']:,.0f} universes it is above 1"
        f" ({ABOVE_A_TIE} or more), and within {100 * NEAR:.0f} % of the printed {claim.printed} in"
        f" {_percent(row['share_within_5_percent'])}. It lies between {short(row['least'])} and"
        f" {short(row['most'])}, in the middle at {short(row['median'])};"
        f" {_percent(row['share_below_as_published'])} are below the"
        f" {short(row['as_published'])} that the published assumptions give."
    )
    if claim.corrected_column:
        text += f" Two metrics mix here: efficiency {METRICS[0]}, and {METRICS[1]}."
    yield text


def _corrections(switches: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield which single correction of an error or omission moves a published figure most."""
    rows = switches[(switches["claim"] == name) & (switches["base"] == "as-published")]
    wrong = [n for n, entry in assumptions.REGISTRY.items() if entry.kind != "choice"]
    right = {n: str(assumptions.REGISTRY[n].corrected) for n in wrong}
    rows = rows[rows["assumption"].map(right) == rows["value"].astype(str)]
    moved = (rows["computed"] / rows["base_value"] - 1).abs()
    moved = moved[moved >= MOVES].sort_values(ascending=False, kind="stable")
    told = [
        f"{rows.loc[place, 'assumption']} ({short(rows.loc[place, 'base_value'])} →"
        f" {short(rows.loc[place, 'computed'])})"
        for place in moved.index[:2]
    ]
    if told:
        yield f"The single corrections that move it most: {', '.join(told)}."
    else:
        yield "No single correction of an error or omission moves it by half a per cent."


def _choices(switches: pd.DataFrame, name: str, corrected: float) -> Iterator[str]:
    """Yield the choices that move a corrected figure, and which take it to 1 or below."""
    moved = Switches(switches).moved(name, corrected)
    if not moved:
        yield f"No single choice moves the corrected value by {100 * NEAR:.0f} % or more."
        return
    told = ", ".join(f"{short(one.computed)} with {one}" for one in moved)
    yield (
        f"On top of all corrections ({short(corrected)}) single choices, the strongest first, lead"
        f" to {told}."
    )
    lost = [str(one) for one in moved if one.computed < ABOVE_A_TIE <= corrected]
    if lost:
        yield f"It is not above 1 with {', '.join(lost)}."


def _explained(indices: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield which assumptions explain its spread, alone and together."""
    rows = indices[(indices["claim"] == name) & (indices["first_order"] >= TOLD)]
    rows = rows[rows["low"] > 0].sort_values("first_order", ascending=False, kind="stable")
    is_pair = rows["assumption"].str.contains(r" \* ")
    alone = [f"{r.assumption} {_percent(r.first_order)}" for r in rows[~is_pair].itertuples()]
    pairs = [
        f"{r.assumption.replace(' * ', ' and ')} explain a further {_percent(r.first_order)}"
        for r in rows[is_pair].itertuples()
    ]
    if alone:
        yield f"Its spread over universes (of the logarithm) is explained by {', '.join(alone)}."
    if pairs:
        yield f"Jointly, {', '.join(pairs)}."


def _batches(where: pd.DataFrame) -> Iterator[str]:
    """Yield the throughput over the systolic array of equal peak at every batch size."""
    at_paper = where[where["is_paper_point"].astype(str) == "True"]
    alike = ["model", "seq_len", "array_height"]
    rows = where[(where["metric"] == "throughput") & (where["rival_kind"] == "systolic_equal_peak")]
    rows = rows.merge(at_paper[alike].drop_duplicates()).sort_values("batch_size")
    if len(rows):
        gains = zip(rows["batch_size"], rows["ratio"], strict=True)
        told = ", ".join(f"{gain:.2f} at batch {batch}" for batch, gain in gains)
        yield f"Throughput over SA(16) on Llama 2 70B GQA, corrected: {told}."


def _network(hardware: pd.DataFrame, bandwidth: Claim) -> Iterator[str]:
    """Yield what becomes of 8 × 8 nodes, whose memory the published model does not wait for."""
    run = {"model": ["llama_2_70b_GQA"], "kv_heads": [8], "seq_len": [4096], "batch_size": [8]}
    run |= {"design": ["mugi"], "variant": ["vlp"], "array_height": [256]}
    run |= {"noc_rows": [8], "noc_cols": [8]}
    try:
        runs = [select(hardware, [run, {"preset": [name]}]).iloc[0] for name in assumptions.PRESETS]
    except NotRun:
        return
    told = [
        f"{one['tokens_per_s']:.3g} tokens/s"
        f" ({one['dram_bytes'] / one['runtime_s'] / 1e9:.0f} GB/s from memory)"
        for one in runs
    ]
    yield (
        f"Mugi(256) on 8 × 8 nodes makes {told[0]} as published and {told[1]} corrected: the"
        f" published model does not wait for memory, which moves {bandwidth.printed}"
        f" {bandwidth.unit} ({bandwidth.source})."
    )
