"""Every column of every table that a run writes is described on the page of outputs.

Those of the tiny run are looked at in tests/workflow/test_run.py.
"""

import pytest

from mugi.files import read_table
from tests.docs.outputs import sections, undescribed
from tests.docs.pages import ROOT

needs_a_run = pytest.mark.skipif(
    not (ROOT / "results" / "docs").is_dir(), reason="needs the tables of a run"
)


@needs_a_run
def test_intervals_of_the_default_run_are_as_narrow_as_promised():
    """Of VLP, PWL and Taylor on prose, without INT4: the sizes in config.yaml are chosen by it."""
    table = read_table(ROOT / "results" / "accuracy" / "accuracy.csv")
    table = table[(table["task"] == "prose") & (table["reference"] == "exact")]
    table = table[(table["woq"] == "native") & (table["kvq"] == "native")]
    table = table[table["softmax"].str.startswith(("vlp", "pwl", "taylor"))]
    limits = {"log_loss_nats_difference": 0.0075, "kl_divergence_nats": 0.0015}
    for metric, limit in limits.items():
        rows = table[table["metric"] == metric]
        assert len(rows) >= 3
        assert (rows["ci_high"].astype(float) - rows["ci_low"].astype(float)).max() <= limit


@needs_a_run
def test_columns_of_the_default_run():
    assert undescribed(ROOT / "results") == []


def test_the_page_has_tables_and_shared_columns():
    described, shared = sections()
    assert {"hardware/hardware.csv", "accuracy/accuracy.csv"} <= set(described)
    assert "preset" in shared


def test_a_column_that_is_not_described_is_found(tmp_path):
    (tmp_path / "carbon").mkdir()
    (tmp_path / "mine.csv").write_text("whatever\n")
    (tmp_path / "carbon" / "carbon.csv").write_text("design,carbon_kgco2e,secret\n")
    assert undescribed(tmp_path) == ["carbon/carbon.csv: secret"]
