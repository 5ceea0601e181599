"""Approximations that the tests of accuracy run."""

from mugi.methods import Approximation, parse_operations

NATIVE = Approximation()
EXACT = parse_operations("softmax=exact;activation=exact")
COARSE = parse_operations("softmax=vlp:lut=3,max_exp=0,mantissa=1")
SLIDING = parse_operations("softmax=vlp:lut=12,max_exp=3,group=8;activation=vlp:lut=10,max_exp=1")
