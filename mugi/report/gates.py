"""In gates: the array in Verilog, what its synthesis confirms of the published costs, what not."""

import pandas as pd

from mugi.assumptions import SYNTHESISED
from mugi.report.blocks import Block, Code, Heading, Items, Number, Page, Row, Table, Text, percent
from mugi.report.figures import drawn_from, shown, stem
from mugi.report.results import Results
from mugi.report.tables import ARRAYS, CURVE, CURVE_IN_GATES, PARTS, SWITCHES, UNITS

BASELINE = "SA (16)"
SHOWN = ("ABS-", "T3-SN-SA-F(16)", "T3-SN-Mugi(256)")  # claims whose change is told
HOW = (
    "Rows hold weights, columns take inputs, and a window of 8 cycles is one step of k. In it each "
    "column passes 0, 1 … 7 times its input, a cycle behind the column before. A row spikes when "
    "the counter is at its weight's magnitude; the spike moves a column a cycle, as the inputs do, "
    "and takes what is there. A row of weight w has its products at cycles w to w + 7, so that "
    "after a large weight those of a small one come beside them: two chains of OR gates carry "
    "both, the row's one adder takes one a cycle, and the others wait."
)
# what a row keeps, why, bits of it that it needs and that the published list has
KEEPS = (
    ("products that wait", "up to 7, when a weight of 0 follows one of 7", 128, 128),
    ("partial sums", "one a column, from window to window", 128, 0),
    ("outputs that wait", "the SRAM takes 64 cycles for those of a tile, the next has 8", 128, 32),
    ("nonlinear inputs and results", "a result comes up to 7 cycles after its window", 60, 12),
)
BUILT = (
    "The Verilog in rtl/ gives the bits and the cycles of the simulated array (tests/rtl), "
    "Yosys and ABC make gates of it, all at one clock. Areas are told in BF16 adders of the same "
    "library, so that little is left of the node. No wires, no clock tree; an unoptimised array."
)
CONCLUDE = (
    "The published areas of multipliers, FIFOs and a systolic element are borne out within a "
    "quarter; those of registers, rounding, the maximum tree and FIGNA's units are not.",
    "Do not trust an array's area before its storage is counted: a row that works in windows of "
    "eight cycles keeps 8 partial sums, up to 7 products that wait, and outputs that wait for the "
    "SRAM. Only the last could be spared by stalling.",
    "Throughput does not move, for cycles are those of the model and all arrays are given one "
    "clock; throughput per area of the array does, to below that of SA (16).",
    "Carat's published list has that storage (two FIFOs of 8 a row and one of outputs); Mugi's has "
    "half of it, and much of its lead over Carat is this.",
    "Nothing here says how small an optimised array can be: latches, a register file or a second "
    "adder a row in place of what waits are not built.",
    "Energy was not measured in gates: OpenSTA of Debian takes no toggles of a simulation, and "
    "without wires and clock tree little would be told. That of the choices below is the list's "
    "price of FIFOs and registers, and estimated from area for FIGNA.",
)


def page(results: Results) -> Page:
    """Return the page of the array in gates."""
    about = (
        "How the array works in eight cycles, which published areas open synthesis confirms, and "
        "what the published list of components leaves out."
    )
    blocks: list[Block] = [*results.missing(ARRAYS, PARTS, UNITS, CURVE_IN_GATES)]
    blocks += [Heading("A row in eight cycles", "row"), Text(HOW)]
    blocks += shown(results, "waves") if results.has(f"{stem('waves')}.csv") else []
    rows = [Row([name, why, Number(needs), Number(has)]) for name, why, needs, has in KEEPS]
    heading = ["a row keeps", "because", "bits needed", "bits listed"]
    blocks += [Table("keeps", "What a row keeps", heading, rows)]
    blocks += [Heading("What was confirmed, and what not", "areas"), Text(BUILT)]
    for part in (arrays, not_listed, units, headlines, universes):
        blocks += part(results)
    blocks += [Heading("What an architect may conclude", "conclude"), Items(CONCLUDE)]
    blocks += drawn_from(results, "gates/", "judge/universes_in_gates")
    return Page("gates", "In gates", about, blocks)


def arrays(results: Results) -> list[Block]:
    """Return areas of arrays over that of SA (16), published and as synthesised."""
    table = results.table(ARRAYS)
    if table is None:
        return []
    columns = ["published_adders", "corrected_adders", "open_adders", "listed_adders"]
    sums = table.set_index("label")[columns].apply(pd.to_numeric)
    if BASELINE not in sums.index:
        return []
    over = sums / sums.loc[BASELINE]
    rows = [
        Row([label, *(Number(value, 3) for value in row), Number(sums.at[label, "open_adders"])])
        for label, row in over.iterrows()
    ]
    heading = ["array", "published", "corrected", "synthesised", "of it listed", "BF16 adders"]
    title = f"Area over that of {BASELINE}"
    return [
        Text([f"Sums of units over those of {BASELINE}. All parts: ", results.link(PARTS)]),
        Table("arrays", title, heading, rows),
    ]


def not_listed(results: Results) -> list[Block]:
    """Return what the published list has nothing for in Mugi's array, and its share of it."""
    table = results.table(PARTS)
    if table is None:
        return []
    own = table[table["label"] == "Mugi (256)"]
    shares = own.set_index("part")["open_adders"] / own["open_adders"].sum()
    missing = shares[(own["missing"].astype(str) == "True").to_numpy()]
    told = [f"{part.replace('_', ' ')}, {percent(share).text} %" for part, share in missing.items()]
    if not told:
        return []
    return [Text("What the published list has nothing for, in shares of Mugi (256):"), Items(told)]


def units(results: Results) -> list[Block]:
    """Return areas of units beside the published components, and how far they are off."""
    table = results.table(UNITS)
    if table is None:
        return []
    rows = [
        Row(
            [
                *[Code(one.unit), one.components, Number(one.open_adders)],
                *[Number(one.published_adders), Number(one.open_over_published, 3), one.note],
            ]
        )
        for one in table.itertuples()
    ]
    heading = ["unit", "published components", "synthesised", "published", "ratio", "note"]
    return [
        Text(measured_spread(table)),
        Table("units", "Areas of units, in BF16 adders", heading, rows),
    ]


def measured_spread(table: pd.DataFrame) -> str:
    """Return how far open areas lie from published ones, for the ±20 % of How sure."""
    alone = (table["alone"].astype(str) == "True") & (table["unit"] != "bf16_adder")
    ratio = table[alone].set_index("unit")["open_over_published"].astype(float)
    inside = ratio[ratio.between(1 / 1.2, 1.2)]
    return (
        f"Of {len(ratio)} classes of components that one unit stands for, {len(inside)} "
        f"({', '.join(inside.index) or 'none'}) lie within the ±20 % that How sure assumes of unit "
        f"costs; half of all lie between {ratio.quantile(0.25):.2f} and "
        f"{ratio.quantile(0.75):.2f} times the published area, all between {ratio.min():.2g} and "
        f"{ratio.max():.2g}. The others are not borne out."
    )


def headlines(results: Results) -> list[Block]:
    """Return what the switches of synthesis do to claims."""
    table = results.table(SWITCHES)
    if table is None:
        return []
    chosen = table["assumption"].isin(SYNTHESISED)
    chosen &= table["claim"].astype(str).str.startswith(SHOWN)
    rows = [
        Row(
            [
                *[one.claim, one.base, [Code(f"{one.assumption}={one.value}")]],
                *[Number(one.base_value), Number(one.computed)],
            ],
            tags={"assumption": [one.assumption], "preset": [one.base]},
        )
        for one in table[chosen].itertuples()
    ]
    if not rows:
        return []
    words = (
        "Two assumptions bring this into the model, as choices that neither preset makes, so that "
        "the verdicts are of the array as listed: row_storage and figna_pe. The technology "
        "45nm-open has the synthesised areas. What single choices do to claims:"
    )
    title, heading = "Claims by what is built", ["claim", "preset", "choice", "without", "with"]
    return [
        Heading(title, "choices"),
        Text(words),
        Table("choices", title, heading, rows, ("assumption", "preset")),
    ]


def universes(results: Results) -> list[Block]:
    """Return where the abstract's figures lie if the switches of synthesis are drawn too."""
    with_them, without = results.table(CURVE_IN_GATES), results.table(CURVE)
    if with_them is None or without is None:
        return []
    both = with_them.merge(without, on="claim", suffixes=("", "_before"))
    rows = [
        Row(
            [
                *[one.claim, Number(one.median_before, 3), Number(one.median, 3)],
                *[percent(one.share_above_1_before), percent(one.share_above_1)],
            ]
        )
        for one in both.itertuples()
    ]
    title = "The abstract in universes, without and with these choices"
    heading = ["claim", "median", "with them", "above 1 [%]", "with them [%]"]
    return [Heading(title, "universes"), Table("universes", title, heading, rows)]
