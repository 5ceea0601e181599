"""Colour, marker and hatch of each design and each kind of method, the same in every figure."""

from zlib import crc32

# Any two are told apart by eyes that lack one kind of cone, which tests/test_colours.py simulates.
# A second sign goes with each colour, for print in grey and for points on one another.
DESIGN_COLOURS = {
    "mugi": "#DB7817",
    "carat": "#1D35A9",
    "systolic": "#359C6D",
    "simd": "#75005E",
    "tensor": "#000000",
    "taylor": "#544100",
    "pwl": "#9290B9",
}
MARKERS = dict(zip(DESIGN_COLOURS, "oDs^XPv", strict=True))
# variant -> hatch of its bars; every other design of the paper has none
HATCHES = {"figna": "//////", "pwl": "......", "taylor": "xxxxxx"}
# kind of method -> the design whose colour it has
KIND_COLOURS = {
    "vlp": "mugi",
    "adaptive_vlp": "carat",
    "pwl": "pwl",
    "taylor": "taylor",
    "partial": "simd",
    "exact": "tensor",
}
# of designs and methods that are not in the paper, with a hatch of their own
OTHER_COLOURS = ("#56B4E9", "#E6C800", "#8C2D04", "#8C8C8C")
OTHER_HATCH = "\\\\\\\\\\\\"


def colour_of(*names: str) -> str:
    """Return the colour of the first name that has one; of none of them, one of the others.

    Names are those of a variant, a design or a kind of method. What a user adds keeps its colour
    in every figure, because it follows from the last of the names.
    """
    known = _known(*names)
    if known:
        return DESIGN_COLOURS[known]
    return OTHER_COLOURS[crc32(names[-1].encode()) % len(OTHER_COLOURS)]


def hatch_of(variant: str, design: str) -> str:
    """Return the hatch of the bars of a chip, which tells variants of a design apart."""
    return HATCHES.get(variant, "" if _known(variant, design) else OTHER_HATCH)


def _known(*names: str) -> str | None:
    """Return the first design that has a colour, by its name or a kind's that shares it."""
    kinds = (KIND_COLOURS.get(name, name) for name in names)
    return next((name for name in kinds if name in DESIGN_COLOURS), None)
