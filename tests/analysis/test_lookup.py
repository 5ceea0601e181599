"""Lookup tables of VLP."""

import numpy as np
import pytest

from mugi.analysis.lookup import entries
from mugi.bf16 import from_bf16, to_bf16
from mugi.cli import main
from mugi.methods import FUNCTIONS, parse
from mugi.methods.tables import look_up


@pytest.mark.parametrize("text", ["vlp:lut=12,max_exp=3", "vlp:lut=9,min_exp=-3,mantissa=4"])
@pytest.mark.parametrize("function", ["exp", "silu"])
def test_a_lookup_table_holds_the_exact_values_of_its_arguments(function, text):
    method, inputs = parse(text), np.array([-0.02, -0.3, -1.7, -5.2])
    table = entries(method, function, inputs)
    low, high = method.lut_window
    signs = 1 if function == "exp" else 2
    assert len(table) == signs * (high - low + 1) << method.mantissa
    exact = to_bf16(FUNCTIONS[function](table["argument"].to_numpy()))
    assert (table["value_code"] == [f"0x{code:04X}" for code in exact]).all()
    window = table.loc[table["in_sliding_window"], "exponent"].unique()
    assert len(window) == method.sliding_window
    answers = from_bf16(look_up(method.stack(function), to_bf16(inputs)[:, None])[:, 0])
    for entry in table[table["read_by"] != ""].itertuples():
        for read in map(float, entry.read_by.split()):
            assert entry.in_sliding_window
            assert answers[inputs == read] == entry.value


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["exp", "pwl:segments=4,range=4", "--input=-1"], "has no lookup table"),
        (["exp", "vlp:lut=8,max_exp=1,adapt=2", "--input=-1"], "must be a fixed one"),
        (["exp", "vlp:lut=8,max_exp=1", "--input=1"], "takes 0 or less"),
        (["exp", "vlp:lut=8,max_exp=1", "--input=nan"], "finite"),
    ],
)
def test_bad_lookups_are_told_in_one_line(arguments, expected, tmp_path, capsys):
    assert main(["lookup", *arguments, "-o", str(tmp_path / "lut.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
