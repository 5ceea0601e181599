"""Where the profiled inputs lie: known counts, and broken profiles."""

import numpy as np
import pandas as pd
import pytest

from mugi.accuracy.concentration import PROFILE_COLUMNS, concentration, drawn_layers
from mugi.bf16 import to_bf16
from mugi.cli import main


def counted(values: dict[float, int], **keys) -> pd.DataFrame:
    """Return a profile of one layer with the given values and counts."""
    row = {"model": "m", "operation": "softmax", "function": "exp", "recipe": "lut"}
    row |= {"layer": 0, "layers": 4, "seq_len": 16} | keys
    codes = to_bf16(np.array(list(values)))
    return pd.DataFrame({**row, "code": codes, "count": list(values.values())})[PROFILE_COLUMNS]


def test_concentration_of_known_counts():
    values = {-np.inf: 50, 0.0: 10, -(2.0**-4): 5, -0.125: 20, -16.0: 60, -40.0: 5}
    found = concentration(counted(values)).set_index("layer").loc["all"]
    assert found["inputs"] == 100
    assert found["masked_percent"] == pytest.approx(100 / 3)
    assert found["zero_percent"] == 10
    assert found["window_low_exponent"] == -3 and found["window_percent"] == pytest.approx(800 / 9)
    assert found["within_minus_3_to_4_percent"] == pytest.approx(800 / 9)
    assert found["at_least_minus_3_percent"] == pytest.approx(850 / 9)
    assert found["at_most_4_percent"] == pytest.approx(850 / 9)
    assert found["median"] == -16
    assert found["mean"] == pytest.approx((-5 / 16 - 2.5 - 960 - 200) / 100)


def test_layers_are_put_together():
    layers = [counted({-(2.0**n): 1}, layer=n) for n in range(4)]
    found = concentration(pd.concat(layers)).set_index("layer")
    assert drawn_layers(4) == [0, 1, 3] and drawn_layers(32) == [0, 15, 31]
    assert found.loc[[0, 1, 2, 3, "all", "drawn", "deep"], "inputs"].tolist() == [1] * 4 + [4, 3, 2]
    assert found.loc["deep", "mean"] == -6


def test_only_masked_inputs_have_no_place():
    found = concentration(counted({-np.inf: 3})).iloc[0]
    assert found["inputs"] == 0 and found["masked_percent"] == 100
    assert pd.isna(found["median"])


def test_a_broken_profile_is_one_line(tmp_path, capsys):
    path, output = tmp_path / "p.parquet", ["-o", str(tmp_path / "c.csv")]
    counted({-1.0: 1}).rename(columns={"count": "counts"}).to_parquet(path)
    assert main(["concentration", str(path), *output]) == 2
    assert "missing column 'count' (did you mean 'counts'?)" in capsys.readouterr().err
    counted({-1.0: 1}, layer=0.5).to_parquet(path)
    assert main(["concentration", str(path), *output]) == 2
    assert "p.parquet: layer, which `mugi profile` makes: must be whole" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:100])
    assert main(["concentration", str(path), *output]) == 2
    assert main(["concentration", str(tmp_path / "none.parquet"), *output]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("which `mugi profile` makes: " in line for line in lines)
