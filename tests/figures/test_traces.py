"""Figs. 2 and 10 from tables of `mugi trace`."""

import pandas as pd
import pytest

from figures import fig02, fig10
from mugi.cli import main
from mugi.errors import InputError


def run_trace(tmp_path, operation: str) -> None:
    assert main(["trace", operation, "-o", str(tmp_path / f"{operation}.csv")]) == 0


@pytest.mark.parametrize("script, operation", [(fig02, "gemm"), (fig10, "exp")])
def test_figures_are_drawn_from_the_trace_twice_the_same(tmp_path, script, operation):
    run_trace(tmp_path, operation)
    table = tmp_path / f"{operation}.csv"
    for name in ["one", "two"]:
        script.make(table, tmp_path / name)
    for suffix in ["csv", "pdf", "png"]:
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ["one", "two"])
        assert one == two
    drawn, whole = pd.read_csv(tmp_path / "one.csv"), pd.read_csv(table)
    assert len(drawn.merge(whole)) == len(drawn)
    assert (drawn.unit == "spike").any()


@pytest.mark.parametrize("script, other", [(fig02, "exp"), (fig10, "gemm")])
def test_figures_refuse_another_table(tmp_path, script, other):
    run_trace(tmp_path, other)
    with pytest.raises(InputError, match="operation"):
        script.make(tmp_path / f"{other}.csv", tmp_path / "figure")
    pd.DataFrame({"cycle": [1]}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match="missing column 'unit'"):
        script.make(tmp_path / "bad.csv", tmp_path / "figure")
    assert not list(tmp_path.glob("figure*"))
