"""Groups, their extremes and the window that they share, one group at a time."""

import functools
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.bf16 import CODES
from mugi.errors import InputError
from mugi.methods import parse
from mugi.methods.functions import exact_table as table
from mugi.methods.tables import TableStack, look_up, pick_alone, pick_positions
from tests.bf16_oracle import INF

MINUS_ZERO, MINUS_INF = 0x8000, 0xFF80


def extremes_by_hand(stack: TableStack, codes, valid) -> list[list[int]]:
    """Extreme magnitude code of every group, (groups, columns), one group at a time."""
    found = []
    for number, group in enumerate(groups_by_hand(stack, len(codes))):
        found.append([])
        for column in range(codes.shape[1]):
            extremes = []
            for row in group:
                magnitude = int(codes[row, column]) % 0x8000
                if valid[row, column] and 0 < magnitude < INF:
                    extremes.append(magnitude)
                elif stack.zeros == "count":
                    extremes.append(0x3F80)  # 1.0
            extreme = (max if stack.extreme == "max" else min)(extremes, default=0)
            if stack.grouping == "front" and number == 0 and len(codes) % stack.group:
                extreme = 0x7F7F if stack.extreme == "max" else 1
            found[-1].append(extreme)
    return found


def groups_by_hand(stack: TableStack, rows: int) -> list[range | list[int]]:
    """Rows of every group."""
    if stack.grouping == "strided":  # padded at the end, shaped (group, apart), first axis reduced
        apart = math.ceil(rows / stack.group)
        return [[row for row in range(rows) if row % apart == start] for start in range(apart)]
    short = rows % stack.group
    first = range(short) if stack.grouping == "front" and short else range(0)
    starts = range(len(first), rows, stack.group)
    return [*([first] if first else []), *(range(rows)[at : at + stack.group] for at in starts)]


def picked_by_hand(stack: TableStack, codes, valid) -> list[list[int]]:
    """Window positions of a (rows, columns) array, group after group."""
    extremes = extremes_by_hand(stack, codes, valid)
    groups = groups_by_hand(stack, len(codes))
    result = [[None] * codes.shape[1] for _ in codes]
    registers = {}
    for number, column in itertools.product(range(len(groups)), range(codes.shape[1])):
        extreme = extremes[number][column]
        if stack.adaption:
            along, leak = stack.adaption.along, stack.adaption.leak
            sequence = number if along == "columns" else column
            need = int(stack.adaption.needed[extreme]) * leak
            registers[sequence] = max(registers.get(sequence, 0) - 1, need)
            position = stack.positions[math.ceil(registers[sequence] / leak)][extreme]
        else:
            position = stack.positions[extreme]
        for row in groups[number]:
            result[row][column] = int(position)
    return result


@st.composite
def inputs(draw):
    rows, columns = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    near_one = st.integers(0x3B00, 0x4200) | st.integers(0xBB00, 0xC200)
    code = near_one | st.sampled_from([0, MINUS_ZERO]) | st.integers(0, 0xFFFF)
    codes = draw(st.lists(code, min_size=rows * columns, max_size=rows * columns))
    seen = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    shape = (rows, columns)
    return np.array(codes, dtype=np.uint16).reshape(shape), np.array(seen).reshape(shape)


@functools.cache
def sliding_stack(text: str, function: str) -> TableStack:
    return parse(f"vlp:lut=12,window=3,{text}").stack(function)


@settings(max_examples=150, deadline=None)
@given(
    inputs(),
    st.sampled_from(
        [
            "max_exp=2",
            "min_exp=-9",
            "min_exp=-9,build=published",
            "max_exp=2,adapt=6,leak=2",
            "max_exp=2,adapt=16,leak=1024",
        ]
    ),
    st.sampled_from(["exp", "silu"]),
    st.integers(1, 6),
    st.sampled_from(["rows", "strided", "front"]),
    st.sampled_from(["skip", "count"]),
)
def test_groups_share_the_window_of_their_extreme(given_inputs, text, function, group, how, zeros):
    codes, valid = given_inputs
    stack = replace(sliding_stack(text, function), group=group, grouping=how, zeros=zeros)
    expected = picked_by_hand(stack, codes, valid)
    assert pick_positions(stack, codes, valid).tolist() == expected
    outputs = [
        [stack.tables[position, code] for position, code in zip(*row, strict=True)]
        for row in zip(expected, codes, strict=True)
    ]
    np.testing.assert_array_equal(look_up(stack, codes, valid), outputs)


@pytest.mark.parametrize("text", ["max_exp=2", "min_exp=-9", "max_exp=2,adapt=6"])
@pytest.mark.parametrize("function", ["exp", "silu"])
def test_an_input_alone_has_a_group_of_its_own(text, function):
    stack = replace(sliding_stack(text, function), group=1)
    alone = pick_alone(stack, CODES)
    for code in range(0, 1 << 16, 97):
        one = CODES[code : code + 1, None]
        assert alone[code] == pick_positions(stack, one, np.ones((1, 1), dtype=bool))


def test_strided_softmax_and_activations_group_as_published():
    method = parse("vlp:lut=12,max_exp=3,grouping=strided")
    assert method.stack("exp").grouping == "strided"
    assert method.stack("silu").grouping == "front"


def test_an_exact_method_needs_no_groups():
    codes = CODES.reshape(256, 256)
    np.testing.assert_array_equal(look_up(parse("exact").stack("exp"), codes), table("exp")[codes])


@pytest.mark.parametrize(
    "codes, valid, message",
    [
        (np.zeros((3, 2)), None, r"codes: float64 of shape \(3, 2\); allowed: uint16"),
        (CODES, None, r"codes: uint16 of shape \(65536,\); .* \(rows, columns\)"),
        (CODES[:0, None], None, "at least one row"),
        (CODES[:6].reshape(3, 2), np.ones((3, 1), bool), r"valid: bool of shape \(3, 1\); .*3, 2"),
        (CODES[:6].reshape(3, 2), np.ones((3, 2)), r"valid: float64 of shape \(3, 2\)"),
    ],
)
def test_look_up_refuses(codes, valid, message):
    with pytest.raises(InputError, match=message):
        look_up(parse("exact").stack("exp"), codes, valid)
