"""Blocks of README and docs: filled in from tables, and what may differ between two runs."""

import os
import re
import shutil

import pandas as pd
import pytest

from docs import update
from docs.blocks import accuracy as of_accuracy
from docs.blocks import claims as of_claims
from docs.blocks import times
from docs.holds import measured
from mugi.claims import RESULT_COLUMNS
from mugi.compare import REFERENCES
from mugi.files import write_table
from mugi.judge.stand import said
from tests.docs.pages import DOCS, ROOT

VLP = "vlp:lut=10,max_exp=3"
APPROXIMATIONS = [
    ("native", "native", "native", "native"),
    ("exact", "exact", "native", "native"),
    (VLP, VLP, "native", "native"),
    ("native", "native", "int4:group=64", "int4:group=64"),
    (VLP, VLP, "int4:group=64", "int4:group=64"),
]


def accuracy(shift: float = 0.0) -> pd.DataFrame:
    """A table of accuracy whose differences are moved by `shift`."""
    rows = []
    for methods in APPROXIMATIONS:
        replaced = methods[0] != "native"
        references = ["native", *(["exact"] if replaced else [])]
        values = [("token_perplexity", "", "perplexity", 20.0)]
        for reference in references:
            values += [
                ("log_loss_nats_difference", reference, "nats", 0.004 + shift),
                ("kl_divergence_nats", reference, "nats", 0.0050),
                ("top1_agreement", reference, "share of tokens", 0.97),
            ]
        for metric, reference, unit, value in values:
            rows.append(
                {"model": "smollm2_135m"}
                | dict(zip(of_accuracy.METHODS, methods, strict=True))
                | {"task": "prose", "metric": metric, "unit": unit, "reference": reference}
                | {"value": value, "ci_low": value - 0.003, "ci_high": value + 0.003}
                | {"documents": 12, "tokens": 3060, "window_tokens": 256, "dtype": "float32"}
            )
    return pd.DataFrame(rows)


def costs(shift: float = 0.0) -> pd.DataFrame:
    """A table of `mugi judge accuracy`, whose added log-loss is moved by `shift`."""
    rows = [
        ("prose", VLP, "exact", "added_log_loss_nats", 0.004 + shift, 0.003),
        ("prose", VLP, "native", "added_log_loss_nats", 0.005, 0.003),
        ("pydoc", VLP, "exact", "added_log_loss_nats", 0.5, 0.003),
        ("prose", VLP, "exact", "kl_divergence_nats", 0.0050, 0.003),
        ("prose", "kvq=int4:group=64", "native", "added_log_loss_nats", 0.3, 0.1),
    ]
    names = ["corpus", "approximation", "reference", "metric", "value", "half"]
    table = pd.DataFrame(rows, columns=names)
    low, high = table["value"] - table["half"], table["value"] + table["half"]
    return table.drop(columns="half").assign(
        model="smollm2_135m",
        dtype="float32",
        low=low,
        high=high,
        sequences=table["corpus"].map({"prose": 17, "pydoc": 2}),
        what_it_says=[said(*ends) for ends in zip(low, high, strict=True)],
    )


def claims(verdict: str = "holds") -> pd.DataFrame:
    names = [*RESULT_COLUMNS, *of_claims.CLAIMS]
    blank = dict.fromkeys(names, "")
    rows = [
        {"id": "A", "location": "Abstract", "statement": "faster", "printed": "2.07"}
        | {"computed": 2.0654321, "corrected": 1.9, "comparison": "qualitative"}
        | {"correction": verdict, "target": "hardware"},
        {"id": "B", "statement": "closer", "printed": "<1", "computed": 1.2185}
        | {"comparison": "differs", "correction": "reverses", "target": "fit"}
        | {"reason": "inputs | of a model"},
        {"id": "C", "statement": "Llama", "printed": "5.0", "reason": "weights"}
        | {"comparison": "not reproducible here", "correction": "no verdict"}
        | {"target": "table_accuracy"},
    ]
    return pd.DataFrame([blank | row for row in rows])


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results with what the blocks read, and the blocks of the rule."""
    monkeypatch.setattr(times.sys, "prefix", str(tmp_path))  # whose size is told
    folder = tmp_path / "results"
    write_table(accuracy(), folder / "accuracy" / "accuracy.csv")
    errors = {"array_error": 0.006, "torch_error": 0.002, "int4_error": [0.04, 0.23]}
    write_table(pd.DataFrame(errors), folder / "accuracy" / "datapath.csv")
    write_table(claims(), folder / "claims" / "claims.csv")
    write_table(costs(), folder / "judge" / "accuracy.csv")
    told = {"conclusion": "one", "section": "Abstract", "sentence": "so", "claims": "A"}
    told |= {"verdict": "holds", "in_words": "Holds."}
    told |= dict.fromkeys(["printed", "computed", "corrected"], "1")
    write_table(pd.DataFrame([told]), folder / "claims" / "conclusions.csv")
    for rule, seconds, end in [("tune", 60, 1000.0), ("fig16", 30, 1010.0)]:
        path = folder / "benchmarks" / f"{rule}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\tmax_rss\n{seconds}\t1024\n")
        os.utime(path, (end, end))
    for name in update.PICTURES:
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "figures" / f"{name}.png").write_bytes(name.encode())
    write(folder)
    return folder


def write(results) -> None:
    for block in update.BLOCKS:
        if block.made_by == "rule":
            update.write_text(results / "docs" / f"{block.name}.md", block.text(results))


@pytest.fixture
def pages(tmp_path, results):
    """A copy of the pages with all blocks filled in from `results`."""
    root = tmp_path / "checkout"
    shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("_build", "images"))
    (root / "docs" / "images").mkdir()
    shutil.copy(ROOT / "README.md", root / "README.md")
    update.update(results, root, check=False)
    return root


def test_blocks_are_filled_in_and_hold(results, pages):
    readme = (pages / "README.md").read_text("utf-8")
    assert "KL divergence of 0.0050 [0.0020, 0.0080] nats" in readme
    assert "| holds | 1 |" in readme
    # two jobs one inside the other, with both their memories
    assert "runs 2 jobs in 1 min, with at most 2.0 GiB" in readme
    assert (pages / "docs" / "images" / "fig06.png").read_bytes() == b"fig06"
    assert "1 holds" in (pages / of_claims.CHART).read_text("utf-8")
    assert update.update(results, pages, check=True) == []


def test_a_verdict_that_changes_is_noticed(results, pages):
    write_table(claims("shrinks"), results / "claims" / "claims.csv")
    write(results)
    wrong = update.update(results, pages, check=True)
    readme = ["README.md: verdicts", "README.md: headline"]
    assert wrong == [*readme, "docs/reference/claims.md: claims"]


@pytest.mark.parametrize(("shift", "holds"), [(0.0029, True), (-0.0029, True), (0.0031, False)])
def test_measured_numbers_may_move_inside_their_interval(results, pages, shift, holds):
    write_table(accuracy(shift), results / "accuracy" / "accuracy.csv")
    write(results)
    wrong = [name for name in update.update(results, pages, check=True) if "accuracy" in name]
    assert (wrong == []) == holds


def test_a_method_that_changes_is_noticed(results, pages):
    table = accuracy().replace(VLP, "vlp:lut=11,max_exp=3")
    write_table(table, results / "accuracy" / "accuracy.csv")
    write(results)
    assert "docs/explained/accuracy.md: accuracy" in update.update(results, pages, check=True)


@pytest.mark.parametrize(("shift", "words"), [(-0.004, "not told from 0"), (0.1, "told from 0")])
def test_the_words_follow_the_interval_as_the_stand_does(results, shift, words):
    write_table(accuracy(shift), results / "accuracy" / "accuracy.csv")
    assert f"nats ({words}, which another" in of_accuracy.summary(results)


def test_what_was_not_measured_is_said(results):
    """Smaller runs lack some approximations, others the text."""
    some = accuracy()[lambda table: table["woq"] == "native"]
    write_table(some, results / "accuracy" / "accuracy.csv")
    assert "INT4" not in of_accuracy.summary(results)
    assert of_accuracy.quantisation(results).startswith("Not measured")
    write_table(some.assign(task="c4"), results / "accuracy" / "accuracy.csv")
    for block in [of_accuracy.accuracy, of_accuracy.summary, of_accuracy.quantisation]:
        assert set(block(results).split("\n\n")) == {"Not measured in this run.", ""}


def test_what_is_told_from_0_may_change_inside_the_interval(results, pages):
    text = of_accuracy.stand(results)
    assert f"| {VLP} | exact | +0.0040 [+0.0010, +0.0070] | 0.0050" in text
    assert "| kvq=int4:group=64 | native | +0.3000" in text
    assert "pydoc" not in text and "| native | +0.0050" not in text
    page = "docs/explained/accuracy.md: stand"
    for shift, holds in [(-0.0025, True), (0.0035, False)]:
        write_table(costs(shift), results / "judge" / "accuracy.csv")
        write(results)
        assert ("not told from 0" in of_accuracy.stand(results)) == (shift < 0)
        assert (page not in update.update(results, pages, check=True)) == holds


def test_claims_of_models_stand_apart(results):
    exact, models = of_claims.ledger(results, True), of_claims.ledger(results, False)
    assert "| A " in exact and "| C " in exact and "| B " in models
    assert r"inputs \| of a model" in models


@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        ("KL 1.0 [0.5, 1.5]", "KL 1.4 [0.9, 1.9]", True),
        ("KL 1.0 [0.5, 1.5]", "KL 1.6 [1.1, 2.1]", False),
        ("off by 0.61 to 1.30 %", "off by 0.60 to 1.31 %", True),
        ("off by 0.61 %", "off by 0.71 %", False),
        ("lut=10: 1.0 [0.5, 1.5]", "lut=11: 1.0 [0.5, 1.5]", False),
        ("one 1.0 [0.5, 1.5]", "one 1.0 [0.5, 1.5] two 1.0 [0.5, 1.5]", False),
    ],
)
def test_what_counts_as_the_same_measurement(old, new, holds):
    assert measured(old, new) == holds


def test_every_block_of_a_page_is_known():
    """No page has a marker that nothing fills in; those of the code hold in the checkout."""
    for page in {block.page for block in update.BLOCKS}:
        text = (ROOT / page).read_text("utf-8")
        assert text.count("<!-- end -->") == sum(block.page == page for block in update.BLOCKS)
    for block in update.BLOCKS:
        if block.made_by == "code":
            _, old = update.replaced((ROOT / block.page).read_text("utf-8"), block.name, "")
            assert old == block.text(None).strip(), f"make update-docs: {block.page}"


def test_the_rule_writes_the_blocks_of_the_tables():
    rule = (ROOT / "workflow" / "rules" / "docs.smk").read_text("utf-8")
    (listed,) = re.findall(r"block=\[(.*?)\n {12}\],", rule, re.DOTALL)
    names = re.findall(r'"(\w+)"', listed)
    assert set(names) == {block.name for block in update.BLOCKS if block.made_by == "rule"}


def test_the_tables_of_mugi_compare_are_written_and_checked_too(tmp_path, monkeypatch):
    """Those of a finished smoke run: written, equal to themselves, told when one has changed."""
    monkeypatch.setattr("mugi.compare.REFERENCES", tmp_path / "reference")
    run = tmp_path / "results-smoke" / "results"
    shutil.copytree(REFERENCES / "smoke", run)
    table3 = run / "tables" / "table3.csv"
    nothing = tmp_path / "results"
    assert update.references(nothing, tmp_path, check=False) == []
    assert update.references(nothing, tmp_path, check=True) == []
    changed = pd.read_csv(table3)
    write_table(changed.assign(area_mm2=2 * changed["area_mm2"]), table3)
    wrong = update.references(nothing, tmp_path, check=True)
    assert wrong == ["mugi/reference/smoke/tables/table3.csv"]
