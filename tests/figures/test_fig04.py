"""Fig. 4 from a profile with known counts."""

import numpy as np
import pandas as pd
import pytest

from figures import fig04
from mugi.bf16 import to_bf16
from mugi.files import read_table

COLUMNS = [
    *["model", "recipe", "operation", "function", "layer", "layers", "seq_len", "code", "count"]
]


def counted(values: dict[float, int], **keys) -> pd.DataFrame:
    """Return a profile of one layer with the given values and counts."""
    row = {"model": "m", "operation": "softmax", "function": "exp", "recipe": "lut"}
    row |= {"layer": 0, "layers": 4, "seq_len": 16} | keys
    codes = to_bf16(np.array(list(values)))
    return pd.DataFrame({**row, "code": codes, "count": list(values.values())})[COLUMNS]


def test_fig04_draws_what_it_writes(tmp_path):
    inputs = {0.0: 2, -0.5: 3, -3.0: 5, -30.0: 2}
    masked = {"activation": {}, "softmax": {-np.inf: 8}}
    parts = [
        counted(inputs | masked[operation], operation=operation, recipe=recipe, seq_len=seq_len)
        for operation in ("activation", "softmax")
        for recipe in ("lut", "published")
        for seq_len in (16, 32)
    ]
    pd.concat(parts).to_parquet(tmp_path / "p.parquet")
    fig04.make([tmp_path / "p.parquet"], tmp_path / "fig04")
    bins = read_table(tmp_path / "fig04.csv")
    assert {path.suffix for path in tmp_path.glob("fig04.*")} == {".csv", ".pdf", ".png"}
    keys = ["operation", "recipe", "seq_len", "axis"]
    total = bins.groupby(keys)["percent"].sum()
    assert total["softmax", "lut", 16, "exponent"] == pytest.approx(100)  # of all but zeros
    assert total["softmax", "published", 16, "exponent"] == pytest.approx(60)  # masked among all
    exponents = (
        bins[bins["axis"] == "exponent"].set_index(["operation", "recipe", "bin_left"]).sort_index()
    )
    lut = exponents["percent"].loc["softmax", "lut"]
    assert (
        lut[-1].tolist() == [30, 30] and lut[1].tolist() == [50, 50] and lut[4].tolist() == [20] * 2
    )
    published = exponents["percent"].loc["softmax", "published"]
    assert published[-1].tolist() == [10, 10] and published[0].tolist() == [15, 15]  # frexp, zeros
    values = bins[(bins["axis"] == "value") & (bins["operation"] == "softmax")]
    assert values["bin_left"].min() == -20 and values["bin_right"].max() == pytest.approx(0)
    peak = values.loc[values["percent"].idxmax()]
    assert -3.5 <= peak["bin_left"] <= -2.5
