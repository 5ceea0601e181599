"""What an approximation is compared with."""

from mugi.methods import EXACT, NATIVE, Approximation, Method, parse


def exact_of(approximation: Approximation) -> Approximation:
    """Return the control: exact in BF16 where `approximation` replaces a nonlinear operation, with
    the same weights and KV cache."""
    methods = approximation._asdict().items()
    return Approximation(**{n: parse(EXACT) if isinstance(m, Method) else m for n, m in methods})


def references_of(approximation: Approximation) -> dict[str, Approximation]:
    """Return the references by name: `native`, the untouched model, and `exact`, see `exact_of`,
    where a nonlinear operation is replaced."""
    references = {NATIVE: Approximation()}
    if any(isinstance(method, Method) for method in approximation):
        references[EXACT] = exact_of(approximation)
    return references
