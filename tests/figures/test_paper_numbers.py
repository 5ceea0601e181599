"""Figures of the hardware against the paper's numbers.

Golden values are those of the published program, as printed in the project's specification of the
figures ("Reproduced numbers") and of the hardware model (section 9).
"""

import pandas as pd
import pytest

from figures import fig11, fig12, fig13, fig14, fig15, fig16, fig17, roofline, work
from figures.runs import pick
from mugi.files import read_table
from mugi.hardware import evaluate
from tests.figures.tables import PRESETS, default_tables, hardware


def near(text: str) -> object:
    """Return what a number printed as `text` may be."""
    decimals = len(text.partition(".")[2])
    return pytest.approx(float(text), abs=0.5000001 * 10**-decimals, rel=0)


# Fig. 11 at 4096: throughput, energy efficiency, power efficiency over VA-FP (hardware.md §9)
FIG11 = {
    ("softmax", "Mugi (128)"): "22.5 226.4 10.06",
    ("softmax", "Mugi (256)"): "45.0 481.1 10.69",
    ("softmax", "Carat (128)"): "7.53 24.8 3.29",
    ("softmax", "Carat (256)"): "13.68 46.7 3.41",
    ("softmax", "VA-PWL (16)"): "9.0 56.4 6.27",
    ("softmax", "VA-Taylor (16)"): "4.5 14.6 3.25",
    ("softmax", "Tensor (8)"): "7.53 3.64 0.483",
    ("silu", "Mugi (128)"): "22.5 300.6 13.36",
    ("silu", "Mugi (256)"): "45 667.85 14.841",
    ("silu", "Carat (128)"): "8 28.1 3.52",
    ("silu", "Carat (256)"): "16 60.2 3.76",
    ("silu", "VA-PWL (16)"): "9 64.5 7.16",
    ("silu", "Tensor (8)"): "8 4.14 0.518",
}
# Fig. 12: the same over SA (16) on 7B, by event and model (figures.md)
FIG12 = {
    ("projection", "llama_2_7b"): {
        "Mugi (128)": "0.99 1.39 1.40",
        "Mugi (256)": "1.98 2.96 1.49",
        "Carat (128)": "0.99 1.08 1.09",
        "Carat (256)": "1.98 2.00 1.01",
        "SA-F (16)": "1.00 0.96 0.96",
        "SD (16)": "1.00 1.04 1.04",
        "SD-F (16)": "1.00 1.00 1.00",
    },
    ("projection", "llama_2_13b"): {"Mugi (256)": "1.98 1.90 1.49", "SA (16)": "1 0.64 1"},
    ("projection", "llama_2_70b"): {"Mugi (128)": "0.99 0.35 1.40", "SA (16)": "1 0.25 1"},
    ("ffn", "llama_2_70b"): {"Mugi (256)": "1.98 0.57 1.49"},
    ("attention", "llama_2_7b"): {
        "Mugi (128)": "0.99 1.23 1.25",
        "Mugi (256)": "1.31 1.53 1.17",
        "Carat (256)": "1.31 1.16 0.89",
        "SA-F (16)": "1.00 0.94 0.94",
        "SD-F (16)": "1.00 0.96 0.96",
    },
    ("attention", "llama_2_70b_GQA"): {
        "Mugi (128)": "7.89 13.27 3.36",
        "Mugi (256)": "10.46 17.26 3.30",
        "Carat (128)": "7.89 10.35 2.62",
        "SA (16)": "8.00 9.65 2.41",
        "SA-F (16)": "8.00 9.31 2.33",
        "SD (16)": "8.00 10.04 2.51",
    },
}
# Fig. 14 at 4096: throughput, paper's energy, J/token over SA (8) of batch 1 (figures.md)
FIG14 = {
    ("SA (8)", 8): "5.39 6.31 0.456",
    ("SA (8)", 32): "5.39 24.5 0.446",
    ("SA (16)", 8): "10.8 5.41 0.386",
    ("SA (16)", 16): "15.9 10.6 0.353",
    ("SA (16)", 32): "15.9 20.9 0.349",
    ("Mugi (64)", 8): "5.73 3.90 0.320",
    ("Mugi (64)", 32): "5.73 15.2 0.315",
    ("Mugi (256)", 1): "3.93 0.68 0.584",
    ("Mugi (256)", 8): "19.7 3.70 0.264",
    ("Mugi (256)", 32): "19.7 14.45 0.259",  # the source has 14.5 for 14.4495
}
# Fig. 17: throughput, energy efficiency, power efficiency over SA (8) on 4×4 (figures.md)
FIG17 = {
    ("64/8/S", "Mugi"): "1.06 1.49 1.41",
    ("128/16/2", "Mugi"): "2.12 3.41 1.61",
    ("256/SU/4", "Mugi"): "3.77 6.30 1.67",
    ("256/SU/4", "Mugi 8×8"): "15.09 25.21 1.67",
    ("128/16/2", "Carat 8×8"): "8.49 10.71 1.27",
    ("256/SU/4", "Carat"): "3.78 4.30 1.15",
    ("64/8/S", "SA 8×8"): "4.00 4.01 1.00",
    ("128/16/2", "SA 8×8"): "8.03 9.42 1.17",
    ("128/16/2", "SA-F"): "2.01 2.26 1.12",
    ("128/16/2", "SD 8×8"): "8.11 9.91 1.23",
    ("64/8/S", "SD-F"): "1.01 1.01 1.01",
    ("256/SU/4", "SA"): "0.50 0.40 0.79",
    ("256/SU/4", "SA-F"): "0.50 0.37 0.74",
    ("256/SU/4", "SD"): "0.51 0.41 0.82",
    ("256/SU/4", "SD-F"): "0.51 0.39 0.77",
    ("64/8/S", "Tensor"): "1.89 1.37 0.73",
    ("128/16/2", "Tensor"): "3.78 2.77 0.74",
    ("256/SU/4", "Tensor"): "7.55 5.58 0.74",
}


def check_golden(table: pd.DataFrame, golden: dict, columns: list[str]) -> None:
    """Compare rows of `table`, by its index, with numbers as printed."""
    for key, printed in golden.items():
        found = table.loc[key, columns].tolist()
        assert found == [near(text) for text in printed.split()], key


def test_fig11_has_the_published_ratios():
    means = fig11.metrics(hardware(), PRESETS[:1])
    at_4096 = means[means.seq_len == 4096].set_index(["event", "chip"])
    check_golden(at_4096, FIG11, [f"{name}_ratio" for name in fig11.ROWS])
    # the published program counts softmax by activations, to whole ones in each step
    for length, published in {4096: "44.998 481.07 10.690", 128: "44.97 482.03 10.71"}.items():
        mugi = means[(means.seq_len == length) & (means.event == "softmax")].set_index("chip")
        found = mugi.loc["Mugi (256)", [f"{name}_ratio" for name in fig11.ROWS]]
        assert found.tolist() == [near(text) for text in published.split()]


def test_fig12_has_the_published_ratios():
    table = fig12.metrics(hardware(), PRESETS)
    table = table.set_index(["preset", "event", "model", "chip"]).sort_index()
    for keys, golden in FIG12.items():
        rows = table.loc[("as-published", *keys)]
        check_golden(rows, golden, [f"{name}_ratio" for name in fig12.METRICS])
    same = table.xs("SA (16)", level="chip").filter(like="_same_model")
    assert (same == 1).all(axis=None)
    # on the same model, efficiency does not depend on its size
    efficiency = table["power_efficiency_gop_per_j_ratio_same_model"].unstack("model")
    projection = efficiency.xs("projection", level="event")
    assert (projection.max(axis=1) / projection.min(axis=1)).max() < 1.01


def test_fig14_has_the_published_points_and_honest_energy():
    means = fig14.metrics(hardware(), PRESETS)
    at_4096 = means[(means.seq_len == 4096) & (means.preset == "as-published")]
    columns = [*fig14.VALUES[:1], *fig14.VALUES[2:4]]
    indexed = at_4096.set_index(["chip", "batch_size"])
    check_golden(indexed, FIG14, [f"{name}_ratio" for name in columns])
    by_batch = means.sort_values("batch_size").groupby(["preset", "seq_len", "chip"])
    assert by_batch["paper_energy_j_per_position"].is_monotonic_increasing.all()
    assert by_batch["energy_per_token_j"].is_monotonic_decreasing.all()
    assert len(means) == 2 * 6 * 6 * 12


def test_fig17_has_the_published_ratios():
    means = fig17.metrics(hardware(), PRESETS).set_index(["preset", "group", "bar"])
    published = means.loc["as-published"]
    check_golden(published, FIG17, [f"{name}_ratio" for name in fig17.PUBLISHED])
    scaled = means.loc[("corrected", "256/SU/4", "Mugi 8×8"), "tokens_per_s_ratio"]
    assert scaled < 0.6 * published.loc[("256/SU/4", "Mugi 8×8"), "tokens_per_s_ratio"]


@pytest.fixture(scope="module")
def sums() -> pd.DataFrame:
    parts = read_table(default_tables()["breakdown"])
    return fig13.groups(fig13.components(parts, hardware(), PRESETS))


def test_fig13_has_every_component_once_when_corrected(sums):
    node = sums[(sums.level == "node") & (sums.accounting == "corrected")]
    for (preset, chip), found in node.groupby(["preset", "chip"]):
        design, variant, height = next(c[1:] for c in fig13.CHIPS if c[0] == chip)
        keys = {"preset": preset, "design": design, "variant": variant, "array_height": height}
        keys |= {"noc_rows": 1, "model": fig13.MODEL, "batch_size": 8, "seq_len": 4096}
        [run] = pick(hardware(), [keys]).itertuples()
        groups = found.set_index("group")
        assert groups.area_mm2["total"] == pytest.approx(run.area_array_mm2, rel=1e-12)
        parts = groups.drop(index="total")[fig13.MEASURES].sum()
        assert parts.tolist() == pytest.approx(groups.loc["total", fig13.MEASURES].tolist())


def test_fig13_networks_are_the_whole_chip(sums):
    totals = sums[(sums.level == "noc") & (sums.group == "total")]
    for row in totals.itertuples():
        keys = {"preset": row.preset, "design": row.design, "variant": row.variant}
        keys |= {"array_height": row.array_height, "noc_rows": 4, "model": fig13.MODEL}
        [run] = pick(hardware(), [keys]).itertuples()
        power = run.leakage_mw + run.dynamic_energy_nj * 1e-6 / run.runtime_s
        assert [row.area_mm2, row.power_mw] == pytest.approx([run.area_mm2, power], rel=1e-12)


def test_double_counting_can_be_had_of_both_presets(sums):
    """SA-F(16) has its accumulators twice; counted once, the groups are the array."""
    totals = sums[(sums.level == "node") & (sums.group == "total") & (sums.chip == "SA-F (16)")]
    areas = totals.set_index(["preset", "accounting"]).area_mm2
    for name in PRESETS:
        assert areas[name, "as-published"] > 1.1 * areas[name, "corrected"]


def test_work_is_what_the_model_computes():
    """A dense layer of w weights takes 2w operations a token; attention is a sum over steps."""
    keys = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 2}
    runs = pd.DataFrame([keys | {"seq_len": 128, "preset": preset} for preset in PRESETS])
    gops = work.operations(evaluate(runs)) * 1e9
    attended = 32 * 2 * 32 * (64 * 64 + sum(range(65, 129)))
    assert gops["softmax"].tolist() == [attended, attended]
    assert gops["attention"].tolist() == [2 * 2 * 128 * attended] * 2
    tokens = [2 * (64 + 4096), 2 * 128]
    assert gops["projection"].tolist() == [2 * t * 32 * 4 * 4096**2 for t in tokens]
    assert gops["ffn"].tolist() == [2 * t * 32 * 3 * 4096 * 11008 for t in tokens]
    assert gops["silu"].tolist() == [t * 32 * 11008 for t in tokens]
    outputs = [2 * t * 4096 * 32000 for t in [2 * 65, 2 * 128]]
    assert gops["output"].tolist() == pytest.approx(outputs, rel=1e-15)


def test_roofline_is_above_every_point():
    for preset in PRESETS:
        table = roofline.roofline(hardware(), preset)
        assert (table.throughput_gop_per_s <= table.peak_gop_per_s).all()
        per_model = table.groupby("model").intensity_op_per_byte
        if preset == "as-published":  # by its formula the traffic is that of any design
            assert (per_model.max() / per_model.min()).to_numpy() == pytest.approx(1, rel=1e-12)
        else:
            assert table.throughput_over_bound.between(0.2, 1).all()
            assert (per_model.max() / per_model.min()).max() < 1.002


def test_published_traffic_is_that_of_its_formula():
    """Llama 2 7B by hand: 32 layers, 4096 wide, 11008 in the FFN, 32 heads, 32000 tokens."""
    run = {"model": "llama_2_7b", "kv_heads": 32, "batch_size": 8, "seq_len": 4096}
    square, ffn, head = 4096 * 4096, 4096 * 11008, 4096 * 32000
    weights = 0.5 * (2 * square + 3 * ffn)
    values = 2 * 8 * (4 * 4096 + 3 * (4096 + 11008) + 2 * 11008 + 2 * 4096)
    cached = 8 * (0.5 * 2 * 4096 + 8 * 32)
    layers = 32 * (4096 * (weights + values) + 4096.5 * cached)
    expected = layers + 4096 * (0.5 * head + 2 * 8 * (4096 + 32000))
    found = roofline.published_bytes(pd.DataFrame([run]))
    assert found.tolist() == pytest.approx([expected], rel=1e-15)


def test_bars_are_over_mugi_256():
    for bars in [
        fig15.shares(read_table(default_tables()["carbon"]), "as-published", "corrected"),
        fig16.latency(hardware(), "as-published"),
    ]:
        mugi = bars[bars.bar == "M"].groupby("model")[bars.columns[-1]].sum()
        assert mugi.tolist() == pytest.approx([1.0] * 4, rel=1e-12)


def test_fig15_bars_hold_the_whole_carbon():
    table = read_table(default_tables()["carbon"])
    table = table[(table.preset == "as-published") & (table.noc_rows == 1)]
    table = table[table.batch_size == 8]
    for accounting in PRESETS:
        bars = fig15.shares(table, "as-published", accounting)
        total = table[(table.event == "total") & (table.accounting == accounting)]
        for (model, design, variant, height), bar in bars.groupby(fig15.KEYS[1:5]):
            run = total[(total.model == model) & (total.design == design)]
            run = run[(run.variant == variant) & (run.array_height == height)]
            assert bar.carbon_kgco2e.sum() == pytest.approx(run.carbon_kgco2e.item(), rel=1e-12)
