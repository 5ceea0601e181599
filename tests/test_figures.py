"""Figures and tables of the hardware: the paper's numbers, what is drawn is written, bad input.

Golden values are those of the published program, as printed in the project's specification of the
figures ("Reproduced numbers") and of the hardware model (section 9).
"""

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

from mugi import assumptions, needs
from mugi.carbon import account_carbon
from mugi.config import FIGURES, check
from mugi.errors import InputError
from mugi.files import Document, read_table, read_yaml, write_table
from mugi.hardware import breakdown, evaluate, expand

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "figures"))

import fig11  # noqa: E402
import fig12  # noqa: E402
import fig13  # noqa: E402
import fig14  # noqa: E402
import fig15  # noqa: E402
import fig16  # noqa: E402
import fig17  # noqa: E402
import roofline  # noqa: E402
import style  # noqa: E402
import table1  # noqa: E402
import table2  # noqa: E402
import table3  # noqa: E402
import work  # noqa: E402

PRESETS = ["as-published", "corrected"]
# script -> the tables it reads
SCRIPTS = {
    **dict.fromkeys([fig11, fig12, fig14, fig16, fig17, roofline], "hardware"),
    fig13: "breakdown",
    fig15: "carbon",
    **dict.fromkeys([table1, table2, table3], "hardware"),
}
# figures of bars alone -> where their heights are in the CSV, and which rows are not drawn
STACKED = {fig15: "carbon_per_mugi_256", fig16: "latency_per_mugi_256"}


@cache
def default_tables() -> dict[str, Path]:
    """Return the tables of the default configuration by name, evaluated once."""
    folder = Path(mkdtemp(prefix="mugi-tables-"))
    grids = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["hardware"]
    runs = evaluate(expand(grids))
    of_one_length = [grid for grid in grids if not isinstance(grid["seq_len"], list)]
    tables = {
        "hardware": runs,
        "breakdown": breakdown(expand(of_one_length)),
        "carbon": account_carbon(hardware=runs[runs["seq_len"] == 4096]),
    }
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    return {name: folder / f"{name}.csv" for name in tables}


@cache
def hardware() -> pd.DataFrame:
    return read_table(default_tables()["hardware"])


def draw(script, folder: Path, tables: dict[str, Path] | None = None) -> Path:
    """Run `script` on its tables; return its output without suffix."""
    tables = tables or default_tables()
    first = tables[SCRIPTS[script]]
    script.make([first, tables["hardware"]] if script is fig13 else first, folder / script.__name__)
    return folder / script.__name__


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
        [run] = style.pick(hardware(), [keys]).itertuples()
        groups = found.set_index("group")
        assert groups.area_mm2["total"] == pytest.approx(run.area_array_mm2, rel=1e-12)
        parts = groups.drop(index="total")[fig13.MEASURES].sum()
        assert parts.tolist() == pytest.approx(groups.loc["total", fig13.MEASURES].tolist())


def test_fig13_networks_are_the_whole_chip(sums):
    totals = sums[(sums.level == "noc") & (sums.group == "total")]
    for row in totals.itertuples():
        keys = {"preset": row.preset, "design": row.design, "variant": row.variant}
        keys |= {"array_height": row.array_height, "noc_rows": 4, "model": fig13.MODEL}
        [run] = style.pick(hardware(), [keys]).itertuples()
        power = run.leakage_mw + run.dynamic_energy_nj * 1e-6 / run.runtime_s
        assert [row.area_mm2, row.power_mw] == pytest.approx([run.area_mm2, power], rel=1e-12)


def test_work_is_what_the_model_computes():
    """A dense layer of w weights takes 2w operations a token; attention is a sum over steps."""
    keys = {"model": "llama_2_7b", "kv_heads": 32, "batch_size": 2, "seq_len": 128}
    runs = pd.DataFrame([keys | {"preset": preset} for preset in PRESETS])
    gops = work.operations(runs) * 1e9
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
        if preset == "corrected":
            assert table.throughput_over_bound.between(0.2, 1).all()
            per_model = table.groupby("model").intensity_op_per_byte
            assert (per_model.max() / per_model.min()).max() < 1.002


def test_table1_has_the_sizes_of_llama_2(tmp_path):
    table = pd.read_csv(f"{draw(table1, tmp_path)}.csv").set_index("model")
    assert list(table.index) == list(style.MODELS)
    assert table.kv_heads.tolist() == list(style.MODELS.values())
    # parameters on the models' cards, less the embedding: 6.74, 13.02 and 68.98 billion
    embedding = table.hidden_size * table.vocabulary / 1e9
    total = (table.weights_billion + embedding)[["llama_2_7b", "llama_2_13b", "llama_2_70b_GQA"]]
    assert total.tolist() == [near(text) for text in ["6.74", "13.02", "68.98"]]
    assert "| 7B | 32 | 4096 |" in (tmp_path / "table1.md").read_text(encoding="utf-8")


def test_table2_has_the_settings_of_the_paper(tmp_path):
    table = pd.read_csv(f"{draw(table2, tmp_path)}.csv", keep_default_na=False)
    rows = table.set_index(["preset", "design", "variant", "array_height"]).sort_index()
    assert rows.loc[("as-published", "systolic", "mac", 16), "nonlinear_cycles"] == 45
    assert rows.loc[("corrected", "systolic", "mac", 16), "nonlinear_cycles"] == 44
    assert rows.loc[("as-published", "simd", "mac", 64), "wsram_kib"] == 512
    assert rows.loc[("corrected", "simd", "mac", 64), "wsram_kib"] == 1024
    assert rows.loc[("as-published", "tensor", "", 8), ["array", "macs_per_cycle"]].tolist() == [
        *["8×16×16", 2048]
    ]
    assert rows.loc[("corrected", "mugi", "vlp", 256), "macs_per_cycle"] == 256
    text = (tmp_path / "table2.md").read_text(encoding="utf-8")
    assert "| SA Taylor | 16×16 | 256 | 1 | 16 | 10 | 64 | 64 | 64 |" in text
    assert r"8$\times$16$\times$16" in (tmp_path / "table2.tex").read_text(encoding="utf-8")


def test_table3_has_the_papers_rows_and_honest_units(tmp_path):
    table = pd.read_csv(f"{draw(table3, tmp_path)}.csv")
    assert table.preset.value_counts().tolist() == [20, 20]
    published = table[:20]
    assert published.name.iloc[[0, 8, 12, 13, 19]].tolist() == [
        *["Mugi (128)", "SA (64)", "Tensor (8)", "Mugi (256)", "Tensor (8)"]
    ]
    text = (tmp_path / "table3.md").read_text(encoding="utf-8")
    assert "Energy eff. [tokens/s/µJ as printed, truly /MJ]" in text
    assert "Energy eff. [tokens/J]" in text.partition("corrected")[2]
    assert "tokens/s/µJ" in text.splitlines()[-1]
    assert "| SN | Mugi (256) | 1.39 | 3.10 | 142.82 | 3.37 |" in text
    assert "SN & Mugi (256) & 1.39 & 3.10 &" in (tmp_path / "table3.tex").read_text()


def test_work_follows_the_assumptions_of_each_run():
    keys = {"model": "llama_2_7b", "kv_heads": 32, "batch_size": 2, "seq_len": 128}
    runs = pd.DataFrame([keys | {"preset": preset} for preset in [*PRESETS, "as-published"]])
    runs["assumption.decode_steps"] = ["", "", "sequence"]
    runs["assumption.lm_head_decode"] = ["", "", "every_step"]
    gops = work.operations(runs)
    assert gops.loc[2].tolist() == gops.loc[1].tolist() != gops.loc[0].tolist()
    runs["assumption.lm_head_prefill"] = ["", "last_position", ""]
    assert work.operations(runs)["output"][1] == gops["output"][1] * (64 + 1) / (64 + 64)


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


def test_double_counting_can_be_had_of_both_presets(sums):
    """SA-F(16) has its accumulators twice; counted once, the groups are the array."""
    totals = sums[(sums.level == "node") & (sums.group == "total") & (sums.chip == "SA-F (16)")]
    areas = totals.set_index(["preset", "accounting"]).area_mm2
    for name in PRESETS:
        assert areas[name, "as-published"] > 1.1 * areas[name, "corrected"]


def test_flips_of_only_some_rows_are_refused(tmp_path):
    runs = flipped(fig12_baseline="")
    runs.loc[runs.index[0], "assumption.fig12_baseline"] = "sa16_same_model"
    said = "assumption.fig12_baseline: one value is needed for all rows of as-published, not sa16"
    with pytest.raises(InputError, match=said):
        work.rules(runs, "as-published")
    with pytest.raises(InputError, match="did you mean 'sa16_7b'"):
        work.rules(flipped(fig12_baseline="sa16_7"), "as-published")


READING = {
    "fig11": lambda runs, presets: fig11.metrics(runs, presets),
    "fig12": lambda runs, presets: fig12.metrics(runs, presets),
    "fig13": lambda runs, presets: fig13.components(breakdown_table(), runs, presets),
    "fig14": lambda runs, presets: fig14.metrics(runs, presets),
    "fig15": lambda runs, presets: fig15.shares(
        account_carbon(hardware=runs), presets[0], "corrected"
    ),
    "fig16": lambda runs, presets: fig16.latency(runs, presets[-1]),
    "fig17": lambda runs, presets: fig17.metrics(runs, presets),
    "roofline": lambda runs, presets: roofline.roofline(runs, presets[-1]),
    "table3": lambda runs, presets: [table3.table3(runs, preset) for preset in presets],
}


@cache
def breakdown_table() -> pd.DataFrame:
    return read_table(default_tables()["breakdown"])


@pytest.mark.parametrize("name", READING)
def test_a_figure_needs_the_runs_it_says_and_no_other(name):
    """Drawn from just the runs in figure_runs.yaml; without any one of them it is refused."""
    wanted = needs.needed(name, hardware())
    runs = hardware().merge(wanted, on=needs.KEYS)
    assert len(runs) == len(wanted) > 0
    READING[name](runs, PRESETS)
    preset = PRESETS[0] if name == "fig15" else PRESETS[-1]
    used = runs.index[runs.preset == preset]
    for row in used[:: max(1, len(used) // 3)]:
        with pytest.raises(InputError, match="exactly one is needed"):
            READING[name](runs.drop(index=row), PRESETS)


def test_needs_name_every_figure_of_the_hardware():
    assert set(READING) == set(read_yaml(needs.NEEDS).content) <= set(FIGURES)


def test_a_narrowed_configuration_is_told_which_runs_its_figures_lack():
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    narrowed = settings | {"hardware": settings["hardware"][:5]}
    with pytest.raises(InputError) as error:
        check(Document("config", narrowed, {}))
    lines = str(error.value).splitlines()
    figures = ["fig11", "fig13", "fig14", "fig17", "roofline", "table3"]
    assert [line.split()[1] for line in lines] == figures
    assert "not at all: design=mugi, variant=vlp, array_height=128, noc_rows=4" in lines[1]
    check(Document("config", narrowed | {"figures": ["fig12", "fig15", "fig16", "table1"]}, {}))
    of_7b = [grid | {"model": "llama_2_7b"} for grid in settings["hardware"][:5]]
    check(Document("config", narrowed | {"hardware": of_7b, "figures": ["fig15", "fig16"]}, {}))
    flipped_too = {"assumption.dram_time": ["none", "per_op"]}
    twice = [grid | flipped_too for grid in narrowed["hardware"]]
    with pytest.raises(InputError, match=r"fig12 needs this run once, .* has 2 times: design=mugi"):
        check(Document("config", narrowed | {"hardware": twice, "figures": ["fig12"]}, {}))


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, dict]:
    """Draw everything; return the folder and the heights of all rectangles by script."""
    folder, heights, drawn = tmp_path_factory.mktemp("first"), {}, []
    with pytest.MonkeyPatch.context() as patch:
        close = plt.close
        patch.setattr(plt, "close", drawn.append)
        for script in SCRIPTS:
            draw(script, folder)
            if drawn:
                heights[script] = tops(drawn[0])
                close(drawn.pop())
    return folder, heights


def tops(figure) -> list[float]:
    return sorted(patch.get_height() for axis in figure.axes for patch in axis.patches)


@pytest.mark.parametrize("script", STACKED)
def test_csv_is_what_is_drawn(script, first):
    folder, heights = first
    written = pd.read_csv(folder / f"{script.__name__}.csv")
    assert heights[script] == pytest.approx(sorted(written[STACKED[script]]), rel=1e-12)


@pytest.mark.parametrize("script", [fig11, fig12, fig17])
def test_every_bar_is_in_the_csv(script, first):
    folder, heights = first
    written = pd.read_csv(folder / f"{script.__name__}.csv").filter(like="_ratio")
    known = set(written.to_numpy().ravel().round(9))
    drawn = {round(height, 9) for height in heights[script] if height == height}
    assert drawn
    assert drawn <= known


def test_every_file_is_there_and_every_column_has_a_unit_or_is_plain(first):
    folder, _ = first
    kinds = {True: ["csv", "md", "tex"], False: ["csv", "pdf", "png"]}
    names = [s.__name__ for s in SCRIPTS]
    files = [f"{name}.{kind}" for name in names for kind in kinds[name.startswith("table")]]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    for path in folder.glob("*.csv"):
        assert b"\r" not in path.read_bytes()
        assert not pd.read_csv(path).columns.str.contains("energy$|power$|runtime$|area$").any()


@pytest.mark.parametrize("script", [fig13, roofline, table2])
def test_figures_are_the_same_bytes_twice(script, first, tmp_path):
    draw(script, tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (first[0] / path.name).read_bytes(), path.name


def test_one_preset_is_enough(tmp_path):
    """The corrected panels are left out, and nothing else changes."""
    tables = {}
    for name, path in default_tables().items():
        table = read_table(path)
        table = table[table["preset"] == "as-published"]
        write_table(table, tmp_path / f"{name}.csv")
        tables[name] = tmp_path / f"{name}.csv"
    for script in [fig13, table3]:
        written = pd.read_csv(f"{draw(script, tmp_path / 'out', tables)}.csv")
        assert set(written["preset"]) == {"as-published"}


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


def test_script_is_a_command_and_names_missing_rows(tmp_path):
    runs = hardware()
    write_table(runs[runs.variant != "taylor"], tmp_path / "few.csv")
    command = [sys.executable, str(ROOT / "figures" / "fig16.py"), str(tmp_path / "few.csv"), "-o"]
    done = subprocess.run(
        [*command, str(tmp_path / "out" / "fig16")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "fig16: " in done.stderr
    assert "variant=taylor" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_many_missing_rows_are_ten_lines(tmp_path):
    runs = hardware()
    write_table(runs[runs.seq_len == 4096], tmp_path / "few.csv")
    with pytest.raises(InputError) as error:
        fig14.make(tmp_path / "few.csv", tmp_path / "out")
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert "and 2150 more like these" in lines[-1]


def test_rows_that_are_there_twice_are_named():
    keys = {"design": "mugi", "variant": "vlp", "array_height": 256, "seq_len": 4096}
    with pytest.raises(InputError, match=r"rows with design=mugi, .*; exactly one"):
        style.pick(hardware(), [keys])


NUMBER = {fig15: "carbon_kgco2e", table1: None, table2: "leakage_mw", table3: "area_mm2"}
NUMBER |= {fig14: "tokens_per_j", roofline: "dram_bytes", fig13: "leakage_mw"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_missing_columns_and_presets_are_input_errors(script, tmp_path):
    tables = dict(default_tables())
    kind = SCRIPTS[script]
    runs = read_table(tables[kind])
    tables[kind] = tmp_path / f"{kind}.csv"

    def refused(table: pd.DataFrame, said: str) -> None:
        write_table(table, tables[kind])
        with pytest.raises(InputError, match=said):
            draw(script, tmp_path, tables)

    refused(runs.drop(columns="model"), "missing column 'model'")
    number = NUMBER.get(script, "runtime_silu_s")
    if number:
        refused(runs.assign(**{number: "big"}), f"line 2, {number}: 'big' is not a number")
    if script not in [table1, fig13]:
        refused(runs.assign(preset="mine"), "preset")
    tables[kind] = tmp_path / "none" / f"{kind}.csv"
    with pytest.raises(InputError, match="No such file"):
        draw(script, tmp_path, tables)
    assert [path.name for path in tmp_path.iterdir()] == [f"{kind}.csv"]
