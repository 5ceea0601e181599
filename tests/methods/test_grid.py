"""Grids of methods."""

from mugi.methods.grid import expand


def test_grids_are_crossed_in_order_and_repeats_dropped():
    texts = ["vlp:lut=8|9,max_exp=-1..1", "vlp:lut=8,max_exp=0", "exact"]
    assert [str(method) for method in expand(texts, "softmax")] == [
        *[f"vlp:lut={lut},max_exp={top}" for lut in (8, 9) for top in (-1, 0, 1)],
        "exact",
    ]
