"""The packaged signals are those of the Verilog, and of a product done by hand."""

import numpy as np
import pandas as pd

from mugi.rtl.waves import WAVES
from tests.rtl import waves


def test_the_packaged_signals_are_those_of_the_simulation(tmp_path):
    pd.testing.assert_frame_equal(
        pd.read_csv(WAVES), waves.traced(tmp_path), check_dtype=False, rtol=0
    )


def test_they_are_a_product():
    table = pd.read_csv(WAVES)
    taken = table[table["taken"] == 1]
    columns = np.tile(np.arange(8), len(waves.WEIGHTS))
    assert taken["taken_column"].tolist() == columns.tolist()
    products = np.outer(waves.WEIGHTS, waves.INPUTS)
    assert taken["product"].tolist() == products.ravel().tolist()
    assert taken["partial_sum"].tolist() == products.cumsum(axis=0).ravel().tolist()
    waiting = table["full"].map(lambda slots: bin(slots).count("1"))
    assert waiting.max() == 6  # after a weight of 7 one of 1
