"""Mistakes in what the array is given."""

import numpy as np
import pytest

from mugi.array.converter import Array
from mugi.array.gemm import gemm
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, nonlinear
from mugi.array.simulate import simulated
from mugi.array.softmax import softmax
from mugi.bf16 import to_bf16
from mugi.errors import InputError
from mugi.methods import parse

INPUTS = np.zeros((4, 3), dtype=np.uint16)
GROUP_8 = "vlp:lut=8,max_exp=3,group=8"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Array(12), "height is 12; allowed: multiples of 8"),
        (lambda: Array(0), "height is 0; allowed"),
        (lambda: Array(8 * 10**9), "height is 8000000000; allowed: multiples of 8 up to 65,536"),
        (lambda: simulated(Array(256), 10**15), "windows is 1000.*; allowed: 2 to 78,125"),
        (lambda: Array(8, 9), "width is 9; allowed: 1 to 8"),
        (lambda: run_exp("vlp:lut=16,window=9,max_exp=3,group=8"), "sliding window is 9.*1 to 8"),
        (lambda: run_exp("vlp:lut=4,window=9,max_exp=3"), "window=9 is wider than the LUT"),
        (lambda: run_exp("vlp:lut=8,min_exp=3,group=8,build=published"), "build is published"),
        (lambda: run_exp("vlp:lut=8,max_exp=3,group=32"), "group is 32; allowed.*: 8"),
        (lambda: run_exp("vlp:lut=8,max_exp=3,group=8,grouping=strided"), "grouping is strided"),
        (lambda: run_exp(codes=np.zeros((3, 2))), "inputs: float64 of shape"),
        (lambda: run_exp(codes=INPUTS[:0]), r"inputs: uint16 of shape \(0, 3\)"),
        (lambda: run_exp(signs=()), r"signs are \(\); allowed: \(False, True\) or \(True,\)"),
        (
            lambda: nonlinear(Array(8), parse(GROUP_8), "exp", INPUTS, INPUTS[:1] == 0),
            r"valid: shape \(1, 3\); allowed: \(4, 3\)",
        ),
        (lambda: run_exp(function="tanh"), "unknown function 'tanh'"),
        (lambda: run_exp(codes=INPUTS, signs=NEGATIVE), "inputs: of both signs; allowed: negative"),
        (lambda: gemm(Array(8), INPUTS, np.full((3, 2), -8)), "weights: -8 at k=0, n=0; .* -7 to"),
        (lambda: gemm(Array(8), INPUTS, np.full((3, 2), 0.5)), "weights: float64; allowed: INT4"),
        (lambda: gemm(Array(8), INPUTS, np.zeros((4, 2), int)), r"weights: shape \(4, 2\)"),
        (lambda: gemm(Array(8), INPUTS[0], np.zeros((3, 2), int)), r"inputs: uint16 of shape"),
        (lambda: run_softmax([[0.0, np.nan]]), "scores: nan at row 0, key 1; allowed: at most 0"),
        (lambda: run_softmax([[0.0, -1], [0, 2]]), "scores: 2.0 at row 1, key 1"),
        (lambda: run_softmax([[0.0]], "fp64"), "accumulator is 'fp64'; allowed: bf16, fp32"),
        (lambda: run_softmax([0.0]), r"scores: uint16 of shape \(1,\)"),
    ],
)
def test_mistakes_name_parameter_value_and_what_is_allowed(call, message):
    with pytest.raises(InputError, match=message):
        call()


def run_exp(text=GROUP_8, function="exp", codes=INPUTS, signs=BOTH_SIGNS):
    return nonlinear(Array(8), parse(text), function, codes, signs=signs)


def run_softmax(scores, *accumulator):
    method = parse(GROUP_8)
    return softmax(Array(8), method, to_bf16(np.array(scores)), *accumulator)
