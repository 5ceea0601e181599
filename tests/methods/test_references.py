"""What an approximation is compared with."""

from mugi.methods import EXACT, NATIVE, Approximation, parse_operations
from mugi.methods.references import QUANTISED, exact_of, references_of


def test_the_control_is_exact_where_a_function_is_approximated_and_keeps_int4():
    text = "softmax=vlp:lut=8,max_exp=3;woq=int4:group=64"
    control = parse_operations("softmax=exact;woq=int4:group=64")
    assert exact_of(parse_operations(text)) == control
    assert references_of(parse_operations(text)) == {
        NATIVE: Approximation(),
        EXACT: control,
        QUANTISED: parse_operations("woq=int4:group=64"),
    }


def test_a_model_that_is_not_quantised_has_no_quantised_reference():
    text = "softmax=vlp:lut=8,max_exp=3;activation=partial"
    control = parse_operations("softmax=exact;activation=exact")
    assert references_of(parse_operations(text)) == {NATIVE: Approximation(), EXACT: control}


def test_without_an_approximated_function_there_is_no_control():
    for text in ("native", "kvq=int4:group=64"):
        assert references_of(parse_operations(text)) == {NATIVE: Approximation()}
