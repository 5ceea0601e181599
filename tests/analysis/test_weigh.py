"""Errors by input."""

import pytest

from mugi.analysis.search import surface
from mugi.analysis.weigh import by_input
from mugi.methods import parse
from tests.analysis.inputs import ACTIVATION, SOFTMAX, activation_inputs, softmax_inputs


def test_bins_of_inputs_add_up_to_the_weighted_error():
    for inputs, text in [(softmax_inputs(), SOFTMAX[1]), (activation_inputs(), ACTIVATION[3])]:
        table = by_input([inputs], parse(text))
        whole = surface([inputs], [parse(text)], ["weighted_absolute_error"], False, 1)
        assert table["share_of_inputs"].sum() == pytest.approx(1)
        assert table["error_contribution"].sum() == pytest.approx(whole["value"].item())
        assert (table["input_low"] <= table["input_high"]).all()
