"""Every column of every table that a run writes is described on the page of outputs.

Those of the tiny run are looked at in tests/workflow/test_run.py.
"""

import pytest

from tests.docs.outputs import sections, undescribed
from tests.docs.pages import ROOT


@pytest.mark.skipif(not (ROOT / "results").is_dir(), reason="needs the tables of a run")
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
