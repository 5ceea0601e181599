"""Numbers that the captions of the hardware figures tell are those of the default tables.

Captions come from `mugi/figures.yaml`; the numbers are the same on every machine. Those of Figs. 11
and 12 and of the roofline are compared where the figures are.
"""

import re

import pytest
import yaml
from jinja2 import StrictUndefined, Template

from figures import fig13, fig14, fig15, fig17
from mugi.figures import FIGURES
from mugi.files import read_table
from tests.figures.tables import PRESETS, ROOT, default_tables, hardware


def told(name: str, pattern: str) -> list[float]:
    """Return the numbers that a caption has where it matches `pattern`."""
    text = " ".join(FIGURES[name].caption.split())
    match = re.search(pattern, text)
    assert match, f"the caption of {name} has no '{pattern}'"
    return [float(number) for number in match.groups()]


@pytest.mark.parametrize("name", FIGURES)
def test_captions_are_filled_in_from_the_configuration(name):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    caption = Template(FIGURES[name].caption, undefined=StrictUndefined).render(config=config)
    assert "{{" not in caption
    assert len(caption) > 100


def test_fig13_double_counting():
    parts = read_table(default_tables()["breakdown"])
    sums = fig13.groups(fig13.components(parts, hardware(), PRESETS[:1]))
    totals = sums[(sums.level == "node") & (sums.group == "total") & (sums.variant == "figna")]
    values = totals.set_index(["chip", "accounting"])[["area_mm2", "power_mw"]]
    published, once = (values.xs(name, level="accounting") for name in PRESETS)
    more = published / once - 1
    assert more["area_mm2"].between(0.2, 0.3).all()  # "a quarter"
    assert more["power_mw"].between(0.4, 0.5).all()  # "nearly half"


def test_fig14_lead_of_mugi():
    speed_128, speed_4096 = told("fig14", r"by (\d+) % at 128 positions to (\d+) % at 4096")
    [energy] = told("fig14", r"and by (\d+) % in energy")
    means = fig14.metrics(hardware(), PRESETS)
    full = means[(means.preset == "corrected") & (means.batch_size == 32)]
    chips = full.set_index(["chip", "seq_len"])
    mugi, systolic = chips.loc["Mugi (256)"], chips.loc["SA (16)"]
    lead = 100 * (mugi.throughput_tokens_per_s / systolic.throughput_tokens_per_s - 1)
    assert lead[128] == pytest.approx(speed_128, abs=0.5)
    assert lead[4096] == pytest.approx(speed_4096, abs=0.5)
    energy_of_sa = 100 * (systolic.energy_per_token_j / mugi.energy_per_token_j - 1)
    assert energy_of_sa.between(energy - 0.5, energy + 0.6).all()


def test_fig15_share_of_embodied_carbon():
    low, high, published = told("fig15", r"then (\S+) to (\S+) % of the total .* not (\d+) %")
    table = read_table(default_tables()["carbon"])
    shares = []
    for accounting in PRESETS:
        bars = fig15.shares(table, "as-published", accounting)
        mugi = bars[(bars.bar == "M") & (bars.event == "embodied")].set_index("model")
        shares.append(100 * mugi.carbon_per_mugi_256)
    assert shares[0]["llama_2_7b"] == pytest.approx(published, abs=0.5)
    assert [shares[1].min(), shares[1].max()] == pytest.approx([low, high], abs=0.051)


def test_fig17_gain_of_a_larger_network():
    low, high = told("fig17", r"8×8 is (\S+) to (\S+) times as fast as 4×4")
    means = fig17.metrics(hardware(), PRESETS)
    corrected = means[means.preset == "corrected"].set_index(["group", "bar"]).tokens_per_s
    gains = [
        corrected["256/SU/4", f"{name} 8×8"] / corrected["256/SU/4", name]
        for name in ["Mugi", "Carat"]
    ]
    assert all(low - 0.05 <= gain <= high + 0.05 for gain in gains), gains
