"""Assumptions that act in the figures."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from figures import fig12, fig14, fig16, fig17, table3, work
from mugi import assumptions
from mugi.errors import InputError
from mugi.files import write_table
from mugi.hardware import evaluate
from tests.figures.tables import PRESETS, ROOT, hardware


def test_work_follows_the_assumptions_of_each_run():
    keys = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 2}
    keys["seq_len"] = 128
    runs = pd.DataFrame([keys | {"preset": preset} for preset in [*PRESETS, "as-published"]])
    runs["assumption.decode_steps"] = ["", "", "sequence"]
    runs["assumption.lm_head_decode"] = ["", "", "every_step"]
    gops = work.operations(evaluate(runs))
    assert gops.loc[2].tolist() == gops.loc[1].tolist() != gops.loc[0].tolist()
    runs["assumption.lm_head_prefill"] = ["", "last_position", ""]
    assert work.operations(evaluate(runs))["output"][1] == gops["output"][1] * (64 + 1) / (64 + 64)


def flipped(**flips) -> pd.DataFrame:
    """Return the published runs of one length and batch with assumptions of figures flipped."""
    runs = hardware()
    runs = runs[(runs.preset == "as-published") & (runs.seq_len == 4096) & (runs.batch_size == 8)]
    return runs.assign(**{f"assumption.{name}": value for name, value in flips.items()})


def labels(script, runs: pd.DataFrame, folder: Path) -> list[str]:
    """Draw a figure from `runs`; return the labels of its rows, or the text of a table."""
    write_table(runs, folder / "runs.csv")
    with pytest.MonkeyPatch.context() as patch:
        drawn = []
        patch.setattr(plt, "close", drawn.append)
        script.make(folder / "runs.csv", folder / "out")
    if not drawn:
        return (folder / "out.md").read_text(encoding="utf-8").splitlines()
    return [axis.get_ylabel() for axis in drawn[0].axes if axis.get_ylabel()]


def test_flips_of_figures_act_on_them(tmp_path):
    """A column assumption.NAME of the hardware table changes what is drawn from published runs."""
    same = flipped(fig12_baseline="sa16_same_model", energy_efficiency="work_per_energy")
    assert work.rules(same, "as-published")["fig12_baseline"] == "sa16_same_model"
    assert labels(fig12, same, tmp_path) == ["Throughput", "Power eff.\n(work/energy)"]
    tokens = flipped(nonlinear_work="elements")
    shown = ["Throughput", "Energy eff.\n(speed/energy)", "Tokens/J"]
    assert labels(fig17, tokens, tmp_path) == shown
    assert (
        "[tokens/s/J]" in labels(table3, flipped(energy_efficiency_unit="true_unit"), tmp_path)[2]
    )
    heads = fig16.latency(flipped(lm_head_in_breakdowns="included"), "as-published")
    assert set(heads.event) == {"projection", "attention", "ffn", "nonlinear", "output"}
    three = fig17.metrics(flipped(fig17_models="three"), PRESETS[:1])
    four = fig17.metrics(flipped(), PRESETS[:1])
    assert (three.tokens_per_s != four.tokens_per_s).all()


def test_every_assumption_of_figures_is_read_by_a_script():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "figures").glob("*.py"))
    assert [name for name in assumptions.acting_in("figures") if f'["{name}"]' not in text] == []
    rule = assumptions.preset("as-published")
    published = ["paper_throughput_gop_per_s", "paper_energy_j_per_position"]
    assert list(fig14.panels(rule)) == published
    rule |= {"fig14_energy_per_token": "total_per_token"}
    assert list(fig14.panels(rule)) == [published[0], "energy_per_token_j"]


def test_flips_of_only_some_rows_are_refused(tmp_path):
    runs = flipped(fig12_baseline="")
    runs.loc[runs.index[0], "assumption.fig12_baseline"] = "sa16_same_model"
    said = "assumption.fig12_baseline: one value is needed for all rows of as-published, not sa16"
    with pytest.raises(InputError, match=said):
        work.rules(runs, "as-published")
    with pytest.raises(InputError, match="did you mean 'sa16_7b'"):
        work.rules(flipped(fig12_baseline="sa16_7"), "as-published")
