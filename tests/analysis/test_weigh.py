"""Errors by input."""

import pandas as pd
import pytest

from mugi.analysis.search import surface
from mugi.analysis.weigh import by_input
from mugi.cli import main
from mugi.methods import parse
from tests.analysis.inputs import ACTIVATION, SOFTMAX, activation_inputs, softmax_inputs


def test_bins_of_inputs_add_up_to_the_weighted_error():
    for inputs, text in [(softmax_inputs(), SOFTMAX[1]), (activation_inputs(), ACTIVATION[3])]:
        table = by_input([inputs], parse(text))
        whole = surface([inputs], [parse(text)], ["weighted_absolute_error"], False, 1)
        assert table["share_of_inputs"].sum() == pytest.approx(1)
        assert table["error_contribution"].sum() == pytest.approx(whole["value"].item())
        assert (table["input_low"] <= table["input_high"]).all()


def test_methods_of_a_sweep_are_weighed_beside_the_configured(tmp_path):
    sweep = tmp_path / "sweep.csv"
    sweep.write_text(
        "model,softmax,activation,metric,value,reference\n"
        'm,"vlp:lut=8,max_exp=2",native,kl_divergence_nats,0.1,exact\n'
        'm,"taylor:degree=5,center=-4",native,kl_divergence_nats,0.2,exact\n'
    )
    draw = ["--draw", "exp=normal:mean=0,std=3", "--softmax", "vlp:lut=8,max_exp=2..3"]
    output = tmp_path / "weighed.csv"
    assert main(["weigh", *draw, "--sweep", str(sweep), "-o", str(output)]) == 0
    table = pd.read_csv(output)
    assert dict(zip(table["method"], table["chosen_by"], strict=True)) == {
        "vlp:lut=8,max_exp=2": "configured and Fig. 6",
        "vlp:lut=8,max_exp=3": "configured",
        "taylor:degree=5,center=-4": "Fig. 6",
    }
    assert table.groupby("method")["share_of_inputs"].sum().to_numpy() == pytest.approx(1)


def test_nothing_to_weigh(tmp_path, capsys):
    draw = ["--draw", "exp=normal:mean=0,std=3", "--activation", "partial"]
    assert main(["weigh", *draw, "-o", str(tmp_path / "weighed.csv")]) == 2
    assert "no methods for these inputs" in capsys.readouterr().err
