"""Random methods."""

from hypothesis import strategies as st

from mugi.methods.exact import Exact
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP


@st.composite
def vlp_methods(draw, largest_lut=32, widest_mantissa=7) -> VLP:
    lut = draw(st.integers(1, largest_lut))
    window = draw(st.none() | st.integers(1, lut))
    anchor = draw(st.sampled_from(["max_exp", "min_exp"]))
    if anchor == "max_exp":
        own = {"adapt": draw(st.sampled_from([0, 0, 1, 3])), "leak": draw(st.integers(1, 5))}
    else:
        own = {"build": draw(st.sampled_from(["repaired", "published"]))}
    return VLP(
        lut=lut,
        window=window,
        **{anchor: draw(st.integers(-40, 40))},
        **own,
        mantissa=draw(st.integers(1, widest_mantissa)),
        group=draw(st.integers(1, 1000)),
        grouping=draw(st.sampled_from(["rows", "strided"])),
        zeros=draw(st.sampled_from(["skip", "count"])),
        overflow=draw(st.sampled_from(["flush", "saturate"])),
        underflow=draw(st.sampled_from(["clamp", "keep", "zero"])),
        normalize=draw(st.sampled_from(["divide", "reciprocal"])),
    )


exact_methods = st.builds(Exact, normalize=st.sampled_from(["divide", "reciprocal"]))
pwl_methods = st.builds(
    PWL,
    segments=st.integers(1, 256),
    range=st.floats(0, 128, exclude_min=True),
    coefficients=st.sampled_from(["bf16", "fp32"]),
)
taylor_methods = st.builds(Taylor, degree=st.integers(1, 20), center=st.floats(-64, 8))
softmax_methods = vlp_methods() | exact_methods | pwl_methods | taylor_methods
activation_methods = vlp_methods() | exact_methods | pwl_methods | st.builds(Partial)
