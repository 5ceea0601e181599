"""`mugi approximate`."""

import numpy as np
import pandas as pd
import pytest

from mugi.bf16 import from_bf16, to_bf16
from mugi.cli import main
from mugi.methods.functions import exact_table


def test_error_table(tmp_path):
    output = tmp_path / "exp.csv"
    arguments = ["approximate", "exp", "-2", "0", "--method", "exact", "--method"]
    vlp = "vlp:lut=12,max_exp=3"
    assert main([*arguments, vlp, "--smallest", "0", "-o", str(output)]) == 0
    rows = pd.read_csv(output)
    every_code = 0x4000 + 2  # from -2 to -0, and +0
    assert rows["method"].value_counts().to_dict() == {"exact": every_code, vlp: every_code}
    exact = rows[rows["method"] == "exact"]
    assert exact["relative_error_percent"].abs().max() <= 100 * 2**-8
    np.testing.assert_allclose(exact["exact"], np.exp(exact["x"]), rtol=1e-12)
    # -1.0 and -1.125 are in the LUT and need no rounding
    rows = rows[rows["method"] != "exact"].set_index("x")
    for x in (-1.0, -1.125):
        assert rows.loc[x, "approximate"] == from_bf16(exact_table("exp")[to_bf16(x)])
    error = 100 * (rows["approximate"] - rows["exact"]) / rows["exact"]
    np.testing.assert_allclose(rows["relative_error_percent"], error, atol=1e-9)


@pytest.mark.parametrize("low, high", [("1", "0"), ("0", "0"), ("nan", "1"), ("1e-30", "2e-30")])
def test_a_wrong_range_writes_nothing(low, high, tmp_path, capsys):
    output = tmp_path / "exp.csv"
    assert main(["approximate", "exp", low, high, "--method", "exact", "-o", str(output)]) == 2
    assert f"range {low} to {high}" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("smallest", ["nan", "-1"])
def test_a_wrong_smallest_writes_nothing(smallest, tmp_path, capsys):
    output = tmp_path / "exp.csv"
    arguments = ["--method", "exact", f"--smallest={smallest}", "-o", str(output)]
    assert main(["approximate", "exp", "-1", "0", *arguments]) == 2
    assert f"smallest is {smallest}; allowed: 0 or more" in capsys.readouterr().err
    assert not output.exists()


def test_without_methods_nothing_is_written(tmp_path, capsys):
    output = tmp_path / "exp.csv"
    assert main(["approximate", "exp", "-1", "0", "-o", str(output)]) == 2
    assert "no methods" in capsys.readouterr().err
    assert not output.exists()
