"""`mugi fit`: the same bytes twice, and mistakes in its arguments."""

import pandas as pd
import pytest

from mugi.analysis.search import KL
from mugi.cli import main
from tests.analysis.inputs import SOFTMAX, write


def test_the_same_command_gives_the_same_bytes(tmp_path):
    source = write(tmp_path)
    for name in ("one.csv", "two.csv"):
        grids = ["--softmax", "vlp:lut=8|12,max_exp=1..3", "--softmax", SOFTMAX[4], "--each-layer"]
        assert (
            main(["fit", *source, *grids, "--shift=1", "--shift=0", "-o", str(tmp_path / name)])
            == 0
        )
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    table = pd.read_csv(tmp_path / "one.csv")
    assert sorted(set(table["layer"])) == ["0", "1", "all"]
    assert sorted(set(table["shift_log2"])) == [0, 1]


DRAW = ["--draw", "exp=normal:mean=0,std=3"]
SILU = ["--draw", "silu=normal:mean=0,std=3"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([*DRAW, "--softmax", "vpl:lut=8,max_exp=1..2"], "did you mean 'vlp'?"),
        ([*DRAW, "--softmax", "vlp:lut=8,max_exp=3..1"], "3..1 must go from lower to higher"),
        ([*DRAW, "--softmax", "vlp:lut=4,window=8,max_exp=1"], "wider than the LUT"),
        ([*DRAW, "--softmax", "vlp:lut=8,max_exp=1..9999999"], "too many methods"),
        ([*SILU, "--activation", "exact", "--error", KL], f"error {KL}: only softmax has it"),
        ([*DRAW, "--softmax", "partial"], "partial cannot compute exp"),
        ([*DRAW, "--activation", "partial"], "no methods for these inputs"),
        ([*DRAW, "--softmax", "exact", "--rows", "0"], "rows is 0; allowed: 1 or more"),
        ([*DRAW, "--softmax", "exact", "--shift=40"], "shift 40..40; allowed: -16 to 16"),
        ([*DRAW, "--softmax", "exact", "--seed=-1"], "seed is -1"),
        (["--softmax", "exact"], "no inputs"),
        ([*DRAW, "--profile", "x", "--softmax", "exact"], "not both"),
        (["--draw", "exq=normal:mean=0,std=1"], "did you mean 'exp'?"),
        (["--draw", "exp=norm:mean=0,std=1"], "did you mean 'normal'?"),
        (["--draw", "exp=normal:mean=0,sdt=1"], "did you mean 'std'?"),
        (["--draw", "exp=normal:mean=0"], "std: missing"),
        (["--draw", "exp=normal:mean=0,std=1,std=2"], "parameter std is given twice"),
        (["--draw", "exp=normal:mean=0,std=-1"], "std: must be greater than or equal to 0"),
        (["--draw", "exp=normal:mean=nan,std=1"], "mean: must be a finite number (got 'nan')"),
        (["--draw", "silu=uniform:low=1,high=1"], "low must be less than high"),
    ],
)
def test_bad_arguments_are_told_in_one_line(arguments, expected, tmp_path, capsys):
    output = tmp_path / "fit.csv"
    assert main(["fit", *arguments, "-o", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not output.exists()
