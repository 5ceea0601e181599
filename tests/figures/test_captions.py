"""Numbers that the captions of the hardware figures tell are those of the default tables.

Captions come from `mugi/figures.yaml`; the numbers are the same on every machine. Those of Figs. 11
and 12 and of the roofline are compared where the figures are.
"""

import re

import pandas as pd
import pytest
import yaml
from jinja2 import StrictUndefined, Template

from figures import fig06_published, fig11, fig12, fig13, fig14, fig15, fig16, fig17
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


def test_fig06_published_distances():
    near, *best = told("fig06_published", r"within (\S+) % .* its best is (\d+) % .* and (\d+) %")
    cells = fig06_published.cells_of(ROOT / "mugi" / "data" / "published_accuracy.csv")
    softmax = cells[cells["operation"] == "softmax"].set_index(["model", "method"]).sort_index()
    distance = 100 * softmax["distance_to_exact"]
    for model, value in zip(["llama_2_7b", "llama_2_13b"], best, strict=True):
        assert distance[model, "pwl"].max() < near + 0.05
        assert distance[model, "vlp"].min() == pytest.approx(value, abs=0.5)


def test_fig11_leads():
    pwl = told("fig11", r"PWL by (\d+) times in speed and (\S+) \(softmax\) to (\S+) times")
    precise = told("fig11", r"not by the (\d+) and (\S+) to (\S+) times")
    means = fig11.metrics(hardware(), PRESETS[:1])
    ends = means[means["seq_len"] == 4096].set_index(["chip", "event"])
    ratios = ends[["throughput_gelem_per_s_ratio", "power_efficiency_gelem_per_j_ratio"]]
    over_pwl = ratios.loc["Mugi (256)"] / ratios.loc["VA-PWL (16)"]
    for leads, numbers in [(ratios.loc["Mugi (256)"], precise), (over_pwl, pwl)]:
        found = [leads.iloc[0, 0], leads.iloc[:, 1]["softmax"], leads.iloc[:, 1]["silu"]]
        assert found == pytest.approx(numbers, abs=0.051)
    leads = means.filter(like="_ratio").groupby([means["event"], means["seq_len"]]).idxmax()
    assert set(means.loc[leads.to_numpy().ravel(), "chip"]) == {"Mugi (256)"}


def test_fig12_leads():
    speeds = told("fig12", r"are (\S+) times as fast .* and (\S+) times on attention")
    efficiencies = told("fig12", r"by (\d+) % on projections and by (\d+) to (\d+) % on attention")
    table = fig12.metrics(hardware(), PRESETS)
    corrected = table[table["preset"] == "corrected"].set_index(["chip", "event"]).sort_index()
    for event, speed in zip(["projection", "attention"], speeds, strict=True):
        for chip in ["Mugi (256)", "Carat (256)"]:
            ratios = corrected.loc[(chip, event), "throughput_gop_per_s_ratio_same_model"]
            assert set(ratios.round(1)) == {speed}
    work = 100 * corrected["power_efficiency_gop_per_j_ratio_same_model"].loc["Mugi (256)"] - 100
    found = [work["projection"].mean(), work["attention"].min(), work["attention"].max()]
    assert found == pytest.approx(efficiencies, abs=0.5)
    assert work["projection"].std() < 0.01


def test_fig13_largest_parts():
    parts = read_table(default_tables()["breakdown"])
    sums = fig13.groups(fig13.components(parts, hardware(), PRESETS))
    drawn = sums[sums["preset"] == sums["accounting"]]
    keys = ["preset", "level", "chip", "group"]
    values = drawn.set_index(keys)[["area_mm2", "power_mw"]].unstack("group")
    shares = {
        measure: values[measure].div(values[measure, "total"], axis=0)
        for measure in ["area_mm2", "power_mw"]
    }
    for share in shares.values():
        node = share.xs("node", level="level")
        mugi = node[node.index.get_level_values("chip").str.match(r"Mugi \(")]
        assert (mugi["fifo"] + mugi["accumulator"] > 0.5).all()
        squares = node[node.index.get_level_values("chip").str.startswith("S")]
        assert len(mugi) == 4 and len(squares) == 8 and (squares["pe"] > 0.5).all()
    area, power = (share.xs("noc", level="level") for share in shares.values())
    small = area[area["sram"] <= 0.5].index.get_level_values("chip")
    assert set(small) == {"Carat (256)"}
    assert (power["array"] > 0.5).all()


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


def test_fig15_rivals():
    low, high = told("fig15", r"emit (\S+) to (\S+) times the carbon of Mugi")
    table, totals = read_table(default_tables()["carbon"]), []
    for preset in PRESETS:
        bars = fig15.shares(table, preset, "corrected")
        totals.append(bars.groupby(["bar", "model"])["carbon_per_mugi_256"].sum().drop("M"))
    totals = pd.concat(totals).round(1)
    assert (totals.min(), totals.max()) == (low, high)


def test_fig16_rivals():
    low, high, carat = told("fig16", r"takes (\S+) to (\S+) times .* Carat (\S+) times")
    latency = pd.concat([fig16.latency(hardware(), preset) for preset in PRESETS])
    keys = ["bar", "preset", "model"]
    totals = latency.groupby(keys)["latency_per_mugi_256"].sum()
    assert (totals["S"].round(1).min(), totals["S"].round(1).max()) == (low, high)
    assert set(totals["C"].round(1)) == {carat}
    nonlinear = latency[latency["event"] == "nonlinear"].set_index(keys)["latency_per_mugi_256"]
    assert (nonlinear["S"] / totals["S"]).max() < 0.1
    assert (nonlinear["T"] < nonlinear["S"]).all() and (nonlinear["P"] < nonlinear["S"]).all()


def test_fig17_gain_of_more_nodes():
    published, low, high = told("fig17", r"nodes are (\S+) times .* they are (\S+) to (\S+) times")
    means = fig17.metrics(hardware(), PRESETS).set_index(["preset", "group", "bar"])
    large = means[means.index.get_level_values("bar").str.endswith(" 8×8")]
    small = means.loc[[(*keys, bar.removesuffix(" 8×8")) for *keys, bar in large.index]]
    gains = pd.DataFrame(large[fig17.VALUES].to_numpy() / small[fig17.VALUES].to_numpy())
    gains = gains.set_axis(fig17.VALUES, axis=1).set_index(large.index.get_level_values("preset"))
    as_published = gains.loc["as-published", "paper_throughput_gop_per_s"]
    assert as_published.to_numpy() == pytest.approx(published, abs=0.05)
    corrected = gains.loc["corrected"]
    speeds = corrected["tokens_per_s"].round(1)
    assert (speeds.min(), speeds.max()) == (low, high)
    assert (corrected["tokens_per_j"] < 1).all()


def test_fig17_gain_of_a_larger_network():
    low, high = told("fig17", r"8×8 is (\S+) to (\S+) times as fast as 4×4")
    means = fig17.metrics(hardware(), PRESETS)
    corrected = means[means.preset == "corrected"].set_index(["group", "bar"]).tokens_per_s
    gains = [
        corrected["256/SU/4", f"{name} 8×8"] / corrected["256/SU/4", name]
        for name in ["Mugi", "Carat"]
    ]
    assert all(low - 0.05 <= gain <= high + 0.05 for gain in gains), gains
