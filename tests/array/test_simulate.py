"""`mugi simulate`."""

import pandas as pd
import pytest

from mugi.array import simulate
from mugi.array.converter import Array
from mugi.cli import main


def test_simulated_operations_give_the_bits_and_the_cycles_expected(tmp_path):
    path = tmp_path / "simulated.csv"
    assert main(["simulate", "--array-height=64", "--windows=12", "-o", str(path)]) == 0
    rows = pd.read_csv(path)
    assert (rows.different_outputs == 0).all()
    charged = rows[rows.charged_cycles.notna()]
    assert len(charged) == len(rows) - 1  # no design has 7 mantissa bits on the rows
    assert (charged.cycles == charged.charged_cycles + charged.fill_cycles).all()
    sweeps = rows.operation.map({"gemm": 1, "exp": 1, "silu": 2, "gelu": 2})
    assert (rows.cycles_per_window == 2.0**rows.mantissa_bits * sweeps).all()
    assert (rows.spikes_per_input == 8).all()


def test_a_wrong_bit_would_be_counted(monkeypatch):
    monkeypatch.setattr(simulate, "look_up", lambda stack, codes: codes)
    row = simulate.simulated_nonlinear(Array(8), simulate.CASES[0], 2)
    assert row["different_outputs"] == 16
    monkeypatch.setattr(simulate, "plain_product", lambda inputs, weights: 0)
    assert simulate.simulated_gemm(Array(8), 2)["different_outputs"] > 32


@pytest.mark.parametrize(
    "option, message",
    [("--windows=1", "windows is 1; allowed"), ("--array-height=12", "height is 12; allowed")],
)
def test_simulate_refuses(tmp_path, capsys, option, message):
    assert main(["simulate", option, "-o", str(tmp_path / "simulated.csv")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
