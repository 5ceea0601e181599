"""What an approximation is compared with."""

from mugi.approximations import NATIVE, Approximation, Method, parse

EXACT = "exact"


def exact_of(approximation: Approximation) -> Approximation:
    """Return the control: exact in BF16 where `approximation` replaces a nonlinear operation."""
    replaced = approximation._asdict().items()
    return Approximation(**{name: parse(EXACT) for name, m in replaced if isinstance(m, Method)})


def references_of(approximation: Approximation) -> dict[str, Approximation]:
    """Return the references by name: `native`, the untouched model, and `exact` where it differs.

    Weights and KV cache are those of the model in both.
    """
    exact = exact_of(approximation)
    native = {NATIVE: Approximation()}
    return native if exact == Approximation() else native | {EXACT: exact}
