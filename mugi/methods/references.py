"""What an approximation is compared with."""

from mugi.methods import EXACT, NATIVE, Approximation, Method, Quantiser, parse

QUANTISED = "quantised"
"""The model's own functions, with the weights and KV cache of the approximation."""


def exact_of(approximation: Approximation) -> Approximation:
    """Return the control: exact in BF16 where `approximation` replaces a nonlinear operation, with
    the same weights and KV cache."""
    methods = approximation._asdict().items()
    return Approximation(**{n: parse(EXACT) if isinstance(m, Method) else m for n, m in methods})


def references_of(approximation: Approximation) -> dict[str, Approximation]:
    """Return the references by name: `native`, the untouched model; where a nonlinear operation is
    replaced `exact`, see `exact_of`; where weights or cache are quantised as well `quantised`, the
    model's own functions with these, from which `exact` differs by nothing but rounding to BF16."""
    references = {NATIVE: Approximation()}
    methods = approximation._asdict().items()
    if any(isinstance(method, Method) for method in approximation):
        references[EXACT] = exact_of(approximation)
        quantisers = {name: m for name, m in methods if isinstance(m, Quantiser)}
        if quantisers:
            references[QUANTISED] = Approximation(**quantisers)
    return references
