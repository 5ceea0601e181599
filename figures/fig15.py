"""Fig. 15: operational and embodied carbon of Llama 2, over Mugi(256)'s of the same model.

The upper row counts as the paper does, with the dynamic energy of one layer for projection,
attention and FFN; the row below it counts all layers and the language-model head. If the
hardware table has the corrected preset, a last row shows it.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output
from figures.runs import RUN, per_mugi_total, pick_bars, presets_of
from mugi.files import read_table

EVENTS = {
    "as-published": ["projection", "attention", "ffn", "nonlinear", "embodied"],
    "corrected": ["projection", "attention", "ffn", "nonlinear", "output", "embodied"],
}
KEYS = ["bar", "model", "design", "variant", "array_height", "preset", "accounting", "event"]
# rows of panels: preset of the hardware model, accounting of the carbon
ROWS = {
    "as published": ("as-published", "as-published"),
    "all layers": ("as-published", "corrected"),
    "all corrections": ("corrected", "corrected"),
}


def shares(table: pd.DataFrame, preset: str, accounting: str) -> pd.DataFrame:
    """Return the carbon [kgCO2e] of each bar and event and its share of Mugi(256)'s total."""
    keys = {"preset": preset, "accounting": accounting}
    bars = pick_bars(table, "MCSDTP", EVENTS[accounting], **keys)
    bars = bars[[*KEYS, "carbon_kgco2e"]]
    return bars.assign(carbon_per_mugi_256=per_mugi_total(bars, "carbon_kgco2e"))


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the carbon table; the last row only if the corrected preset was run."""
    table = read_table(path, [*RUN, "accounting", "event"], ["carbon_kgco2e"])
    presets = presets_of(table)
    rows = {name: shares(table, *keys) for name, keys in ROWS.items() if keys[0] in presets}
    figure = marks.stacked_panels(rows, "carbon_per_mugi_256", "Carbon")
    output.save_figure(figure, stem, pd.concat(rows.values()))


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
