"""Methods by their text, and mistakes in it."""

import pytest
from hypothesis import given

from mugi.errors import InputError
from mugi.methods import NATIVE, Approximation, parse, parse_operations
from tests.methods.strategies import activation_methods, softmax_methods


@given(softmax_methods | activation_methods)
def test_a_method_is_read_back_from_its_text(method):
    assert parse(str(method)) == method


def test_text_names_only_what_differs_from_the_default():
    assert str(parse(" vlp: max_exp=3 , lut=8, group=256, zeros=skip")) == "vlp:lut=8,max_exp=3"
    assert str(parse("exact")) == "exact"
    assert str(parse("pwl:segments=22,range=16.0")) == "pwl:segments=22,range=16"
    assert str(parse_operations("activation=exact")) == "activation=exact"
    assert parse_operations(f" {NATIVE} ") == Approximation()


@pytest.mark.parametrize(
    "text, parts",
    [
        ("vpl:lut=8", ["unknown method 'vpl'", "did you mean 'vlp'?", "exact, vlp,"]),
        ("vlp:lut=8,maxexp=3", ["parameter 'maxexp'", "did you mean 'max_exp'?", "mantissa"]),
        ("exact:lut=8", ["unknown parameter 'lut'", "one of: normalize"]),
        ("vlp:lut=8,max_exp=3,name=exact", ["unknown parameter 'name'"]),
        ("vlp:lut=8,max_exp", ["'max_exp' is not parameter=value"]),
        ("vlp:lut=8,max_exp=", ["'max_exp=' is not parameter=value"]),
        ("vlp:lut=8,lut=9,max_exp=3", ["parameter lut is given twice"]),
        ("vlp:lut=40,max_exp=3", ["lut: must be less than or equal to 32 (got '40')"]),
        ("vlp:lut=0,max_exp=3", ["lut: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=99", ["max_exp: must be less than or equal to 40 (got '99')"]),
        ("vlp:lut=8,max_exp=3,mantissa=8", ["mantissa: must be less than or equal to 7"]),
        ("vlp:lut=8,max_exp=3,group=0", ["group: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=x", ["max_exp: must be a valid integer", "(got 'x')"]),
        (
            "vlp:lut=8,max_exp=3,overflow=wrap",
            ["overflow: 'wrap' is not allowed; one of: flush, saturate"],
        ),
        (
            "vlp:lut=8,max_exp=3,window=9",
            ["window=9 is wider than the LUT (lut=8); allowed: 1 to 8"],
        ),
        ("vlp:lut=8", ["give either max_exp or min_exp"]),
        ("vlp:lut=8,max_exp=3,build=published", ["build=published needs min_exp"]),
        (
            "vlp:lut=8,min_exp=3,build=broken",
            ["build: 'broken' is not allowed; one of: repaired, published"],
        ),
        ("vlp:lut=8,min_exp=3,adapt=4", ["adapt=4 needs max_exp"]),
        ("vlp:lut=8,max_exp=3,adapt=17", ["adapt: must be less than or equal to 16 (got '17')"]),
        ("vlp:lut=8,max_exp=3,leak=0", ["leak: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=3,min_exp=0", ["give either max_exp or min_exp"]),
        ("vlp:max_exp=3", ["lut: missing"]),
    ],
)
def test_a_wrong_method_gets_one_line(text, parts):
    with pytest.raises(InputError) as error:
        parse(text)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_parameter_has_no_value_to_tell():
    with pytest.raises(InputError, match=r"'vlp:max_exp=3': lut: missing$"):
        parse("vlp:max_exp=3")
