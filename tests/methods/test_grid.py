"""Grids of methods."""

import pytest

from mugi.errors import InputError
from mugi.methods import parse_operations
from mugi.methods.grid import expand, expand_operations


def test_grids_are_crossed_in_order_and_repeats_dropped():
    texts = ["vlp:lut=8|9,max_exp=-1..1", "vlp:lut=8,max_exp=0", "exact"]
    assert [str(method) for method in expand(texts, "softmax")] == [
        *[f"vlp:lut={lut},max_exp={top}" for lut in (8, 9) for top in (-1, 0, 1)],
        "exact",
    ]


def test_a_grid_tells_its_first_mistake_and_each_text_its_own():
    with pytest.raises(InputError) as error:
        expand(["vlp:lut=40|41,max_exp=0", "exact", "exakt"], "softmax")
    first, second = map(str, error.value.mistakes)
    assert "'vlp:lut=40,max_exp=0': lut: must be less than or equal to 32" in first
    assert "did you mean 'exact'?" in second


def test_operations_are_crossed_the_last_fastest():
    texts = ["softmax=vlp:lut=8|9,max_exp=1;activation=exact|partial", "native", "native"]
    with pytest.raises(InputError, match=r"unknown method 'exact\|partial'"):
        expand_operations(texts)  # names of methods are no choices
    texts[0] = "softmax=vlp:lut=8|9,max_exp=1;activation=pwl:segments=4|5,range=4"
    assert expand_operations(texts) == [
        parse_operations(text)
        for text in (
            *(
                f"softmax=vlp:lut={lut},max_exp=1;activation=pwl:segments={segments},range=4"
                for lut in (8, 9)
                for segments in (4, 5)
            ),
            "native",
        )
    ]


def test_too_many_approximations_are_refused():
    many = "vlp:lut=1..32,max_exp=-40..40"
    with pytest.raises(InputError, match="too many methods"):
        expand_operations([f"softmax={many};activation={many}"])
