"""What all methods share: infinities and NaN."""

import numpy as np
import pytest

from mugi.bf16 import CODES, from_bf16
from mugi.methods.functions import FUNCTIONS, exact_table
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.taylor import Taylor
from tests.methods.repository import FINITE, of_kind


@pytest.mark.parametrize("function", FUNCTIONS)
def test_infinities_and_nan_are_those_of_the_function(function):
    special = CODES[~FINITE]
    for kind in (PWL, Taylor, Partial):
        for method in of_kind(kind, function) if function in kind.functions else []:
            (table,) = method.stack(function).tables
            assert (table[special] == exact_table(function)[special]).all(), str(method)
            assert not np.isnan(from_bf16(table[FINITE])).any(), str(method)
