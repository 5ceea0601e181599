"""Fig. 16: end-to-end latency of Llama 2 by operation, over Mugi(256)'s of the same model."""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, work
from figures.runs import RUN, per_mugi_total, pick_bars, presets_of
from mugi.carbon import EVENTS
from mugi.files import read_table

KEYS = ["bar", "model", "design", "variant", "array_height", "preset", "event"]


def latency(hardware: pd.DataFrame, preset: str) -> pd.DataFrame:
    """Return the latency [s, whole model] of each bar and event and its share of Mugi(256)'s sum.

    The paper leaves the language-model head (event `output`) out; the corrected preset shows it.
    """
    head = work.rules(hardware, preset)["lm_head_in_breakdowns"] == "included"
    drawn = [event for event in EVENTS if event != "output" or head]
    events = [
        hardware[RUN].assign(event=event, latency_s=sum(hardware[f"runtime_{g}_s"] for g in groups))
        for event, groups in EVENTS.items()
    ]
    bars = pick_bars(pd.concat(events), "MCSTP", drawn, preset=preset)
    bars = bars[[*KEYS, "latency_s"]]
    return bars.assign(latency_per_mugi_256=per_mugi_total(bars, "latency_s"))


def make(table: Path, stem: Path) -> None:
    """Draw the figure from the hardware table, one row of panels for each preset in it."""
    columns = [f"runtime_{group}_s" for groups in EVENTS.values() for group in groups]
    hardware = read_table(table, RUN, columns)
    rows = {preset.replace("-", " "): latency(hardware, preset) for preset in presets_of(hardware)}
    figure = marks.stacked_panels(rows, "latency_per_mugi_256", "Latency")
    output.save_figure(figure, stem, pd.concat(rows.values()))


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
