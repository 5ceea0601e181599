"""Areas of the Verilog by open synthesis."""

from functools import cache

import pandas as pd

from docs.blocks.text import to_markdown
from mugi.judge.gates import in_gates
from mugi.rtl import published
from mugi.rtl.units import read_areas

RATIOS = [
    *["tokens_per_s", "tokens_per_j", "area_mm2", "area_array_mm2"],
    *["embodied_carbon_kgco2e", "operational_carbon_kgco2e"],
]
CHIP = ["design", "variant", "array_height"]
MUGI = ("mugi", "vlp", 256)
RIVALS = {
    "SA (16)": ("systolic", "mac", 16),
    "SA-F (16)": ("systolic", "figna", 16),
    "Carat (256)": ("carat", "", 256),
}


def units() -> str:
    """Return a row a unit of the Verilog: its area and that of the published components."""
    table = published.beside_published(read_areas())
    rows = [
        {
            "unit": f"`{one.unit}`",
            "published components": one.components,
            "published": f"{one.published_adders:.3f}",
            "synthesised": f"{one.open_adders:.3f}",
            "ratio": f"{one.open_over_published:.2f}",
            "note": one.note,
        }
        for one in table.itertuples()
    ]
    return to_markdown(pd.DataFrame(rows))


def arrays() -> str:
    """Return a row an array: its area over that of SA (16), published and synthesised."""
    sums = published.array_sums(published.arrays(read_areas())).set_index("label")
    over = (sums / sums.loc["SA (16)"]).map(lambda ratio: "" if pd.isna(ratio) else f"{ratio:.2f}")
    names = {"published_adders": "published", "corrected_adders": "corrected"}
    names |= {"listed_adders": "synthesised, listed", "open_adders": "synthesised, all"}
    return to_markdown(over[[*names]].rename(columns=names).rename_axis("array").reset_index())


@cache
def chips() -> str:
    """Return Mugi (256) over its rivals as listed and as built: Llama 2 70B GQA, corrected."""
    table = in_gates()
    table = table[(table["preset"] == "corrected") & (table["model"] == "llama_2_70b_GQA")]
    rows = []
    for rival, key in RIVALS.items():
        for build in ("as listed", "as built"):
            of = table[table["build"] == build].set_index(CHIP)
            over = of.loc[MUGI, RATIOS] / of.loc[key, RATIOS]
            row = {"over": rival, "": build, "tokens/s": over["tokens_per_s"]}
            row |= {"array area": over["area_array_mm2"], "on-chip area": over["area_mm2"]}
            row |= {"tokens/s per array area": over["tokens_per_s"] / over["area_array_mm2"]}
            row |= {"per on-chip area": over["tokens_per_s"] / over["area_mm2"]}
            row |= {"tokens/J": over["tokens_per_j"]}
            row |= {"embodied carbon": over["embodied_carbon_kgco2e"]}
            rows.append(row | {"operational": over["operational_carbon_kgco2e"]})
    numbers = pd.DataFrame(rows)
    return to_markdown(numbers.map(lambda one: one if isinstance(one, str) else f"{one:.2f}"))
