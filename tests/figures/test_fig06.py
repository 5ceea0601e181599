"""Fig. 6: where a method stands, which cell is marked, and the published numbers as they are."""

import re
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from figures import fig06, fig06_published, marks, table_accuracy
from mugi.errors import InputError
from mugi.files import write_table

PUBLISHED = Path(str(files("mugi") / "data" / "published_accuracy.csv"))
# softmax, activation -> token perplexity, KL to exact
RUNS = {
    ("native", "native"): (20.0, 0.0),
    ("exact", "native"): (20.5, 0.0),
    ("native", "exact"): (20.25, 0.0),
    ("vlp:lut=8,max_exp=2", "native"): (19.0, 0.5),
    ("vlp:lut=8,max_exp=3", "native"): (20.6, 0.002),
    ("vlp:lut=9,min_exp=-3", "native"): (123456.0, 9.0),
    ("pwl:segments=22,range=16", "native"): (20.4, 0.003),
    ("native", "vlp:lut=12,max_exp=3"): (20.3, 0.001),
    ("native", "pwl:segments=20,range=5"): (21.0, 0.2),
}
KEYS = ["softmax", "activation"]


def accuracy_table(runs: dict, model="tiny", **more) -> pd.DataFrame:
    """A table as `mugi accuracy` writes it."""
    rows = []
    for (softmax, activation), (perplexity, kl) in runs.items():
        run = {"model": model, "softmax": softmax, "activation": activation, "task": "prose"}
        run |= {"woq": "native", "kvq": "native"} | more
        run |= {"tokens": 99, "documents": 3, "window_tokens": 100}
        rows += [
            run | {"metric": metric, "reference": reference, "value": value}
            | {"ci_low": value - 0.5, "ci_high": value + 0.5}
            for metric, reference, value in [
                ("token_perplexity", "", perplexity),
                ("token_perplexity_difference", "exact", perplexity - 20.5),
                ("kl_divergence_nats", "exact", kl),
                ("kl_divergence_nats", "native", kl + 0.001),
                ("top1_agreement", "exact", 1 - kl / 10),
                ("top1_agreement", "native", 1 - kl / 9),
            ]
        ]  # fmt: skip
    return pd.DataFrame(rows)


def drawn(tmp_path: Path, table: pd.DataFrame) -> pd.DataFrame:
    write_table(table, tmp_path / "sweep.csv")
    fig06.make(tmp_path / "sweep.csv", tmp_path / "fig06")
    assert (tmp_path / "fig06.png").stat().st_size > 5000
    assert (tmp_path / "fig06.pdf").stat().st_size > 5000
    return pd.read_csv(tmp_path / "fig06.csv", keep_default_na=False)


def test_the_closest_cell_is_marked_and_the_lowest_beside_it(tmp_path):
    cells = drawn(tmp_path, accuracy_table(RUNS))
    assert len(cells) == 6  # native and exact are controls
    marked = {
        column: set(map(tuple, cells.loc[cells[column], KEYS].to_numpy()))
        for column in ["closest_to_exact", "lowest_loss"]
    }
    same = {
        ("pwl:segments=22,range=16", "native"),
        ("native", "vlp:lut=12,max_exp=3"),
        ("native", "pwl:segments=20,range=5"),
    }
    assert marked["closest_to_exact"] == same | {("vlp:lut=8,max_exp=3", "native")}
    assert marked["lowest_loss"] == same | {("vlp:lut=8,max_exp=2", "native")}
    cell = cells[cells["softmax"] == "vlp:lut=9,min_exp=-3"].iloc[0]
    assert (cell["operation"], cell["method"], cell["build"]) == ("softmax", "vlp", "min")
    assert (cell["row"], cell["column"]) == (9, -3)
    assert cell["token_perplexity"] == 123456
    assert cell["kl_to_exact_ci_low_nats"] == 8.5


def test_each_model_has_its_own_best(tmp_path):
    other = {run: (value, kl) for run, (value, kl) in RUNS.items() if "pwl" not in "".join(run)}
    other["vlp:lut=8,max_exp=2", "native"] = (19.0, 1e-4)
    tables = [accuracy_table(RUNS), accuracy_table(other, model="other")]
    cells = drawn(tmp_path, pd.concat(tables))
    best = cells[cells["closest_to_exact"] & (cells["operation"] == "softmax")]
    assert best.groupby("model")["softmax"].first().to_dict() == {
        "tiny": "vlp:lut=8,max_exp=3",
        "other": "vlp:lut=8,max_exp=2",
    }


def test_sweeps_that_cannot_be_drawn(tmp_path):
    controls = {run: value for run, value in RUNS.items() if set(run) <= {"native", "exact"}}
    with pytest.raises(InputError, match="no run replaces softmax or activation alone"):
        drawn(tmp_path, accuracy_table(controls))
    table = accuracy_table(RUNS)
    with pytest.raises(InputError, match="no rows of kl_to_exact_nats"):
        drawn(tmp_path, table[table["metric"] != "kl_divergence_nats"])
    with pytest.raises(InputError, match="missing column 'reference'"):
        drawn(tmp_path, table.drop(columns="reference"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.75, "5.75"), (22.456, "22.46"), (999.4, "999.4"), (12345.6, "12.3k"), (4.7e5, "470k"),
     (2e6, "2M"), (1e12, ">99M"), (float("inf"), "inf")],
)  # fmt: skip
def test_texts_fit_into_a_cell(value, text):
    assert marks.short(value) == text


def test_the_published_cells_are_those_of_the_table():
    cells = fig06_published.cells_of(PUBLISHED)
    source = pd.read_csv(PUBLISHED, keep_default_na=False, dtype=str)
    source = source[source["series"] == "fig06"]
    keys = ["model", "softmax", "activation"]
    merged = cells.merge(source, on=keys, validate="one_to_one", suffixes=("", "_source"))
    assert len(merged) == len(source) == len(cells) == 875
    assert (merged["printed_value"] == merged["value"]).all()
    # rows say what was run: SwinV2 tiny has 21 segments where the paper's label says 22 or 20
    swin = cells[(cells["model"] == "swinv2_tiny") & (cells["method"] == "pwl")]
    softmax = swin[swin["operation"] == "softmax"]
    assert set(softmax["row"]) == {20, 21, 22, 24, 25}
    assert set(softmax.loc[softmax["row"] == 21, "printed_label"]) == {"22"}
    masked = cells[(cells["printed_value"] == "") & (cells["stored_value"] != "")]
    assert len(masked) > 40
    whisper = cells[(cells["model"] == "whisper_tiny") & (cells["method"] == "vlp")]
    lowest = whisper[(whisper["operation"] == "softmax") & whisper["lowest_loss"]]
    closest = whisper[(whisper["operation"] == "softmax") & whisper["closest_to_exact"]]
    assert set(lowest["column"]) == {1}  # perplexity 11.1, half of exact
    assert set(closest["column"]) == {-1}


def test_the_end_to_end_table(tmp_path):
    quantised = {("vlp:lut=8,max_exp=3", "vlp:lut=12,max_exp=3"): (31.0, 0.25)}
    table = pd.concat(
        [accuracy_table(RUNS), accuracy_table(quantised, woq="int4:group=64", kvq="int4:group=64")]
    )
    write_table(table, tmp_path / "accuracy.csv")
    table_accuracy.make([tmp_path / "accuracy.csv", PUBLISHED], tmp_path / "table_accuracy")
    text = re.sub(" +", " ", (tmp_path / "table_accuracy.md").read_text())
    assert "**tiny: 99 tokens in 3 documents of prose**" in text
    row = next(line for line in text.splitlines() if "int4" in line)
    assert row.startswith("| vlp:lut=8,max_exp=3 | vlp:lut=12,max_exp=3 | int4:group=64 | int4")
    assert "| 31.00 | +10.50 [+10.00, +11.00] | 0.2500 [-0.2500, 0.7500] |" in row
    assert "| Llama 2 7B | 5.75 | 6.21 (+8.0%) | 5.68 (-1.2%) | 5.78 (+0.5%) |" in text
    assert r"\toprule" in (tmp_path / "table_accuracy.tex").read_text()
    kept = pd.read_csv(tmp_path / "table_accuracy.csv")
    assert kept["source"].value_counts()["paper Fig. 6, table"] == 28


def test_other_methods_and_settings_have_panels_of_their_own(tmp_path):
    more = {
        ("vlp:lut=8,max_exp=3,group=32", "native"): (20.0, 0.1),  # the same place, another group
        ("native", "partial"): (22.0, 0.3),  # no parameters
    }
    cells = drawn(tmp_path, accuracy_table(RUNS | more)).set_index(["softmax", "activation"])
    assert len(cells) == 6 + 2
    assert cells.loc[("vlp:lut=8,max_exp=3,group=32", "native"), "settings"] == "group=32"
    assert cells.loc[("native", "partial"), "method"] == "partial"
