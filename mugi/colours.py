"""The colour of each design and of each kind of method, the same in every figure."""

from zlib import crc32

# Okabe and Ito's colour-blind-safe set (jfly.uni-koeln.de/color), the yellows darkened until text
# in them can be read on white
DESIGN_COLOURS = {
    "mugi": "#D55E00",
    "carat": "#0072B2",
    "systolic": "#007A5A",
    "simd": "#B0487F",
    "tensor": "#000000",
    "taylor": "#8A6D00",
    "pwl": "#5B6770",
}
# kind of method -> the design whose colour it has
KIND_COLOURS = {
    "vlp": "mugi",
    "adaptive_vlp": "carat",
    "pwl": "pwl",
    "taylor": "taylor",
    "partial": "simd",
    "exact": "tensor",
}
OTHER_COLOURS = ("#56B4E9", "#E69F00", "#7F3C8D", "#8C8C8C")


def colour_of(*names: str) -> str:
    """Return the colour of the first name that has one; of none of them, one of the others.

    Names are those of a variant, a design or a kind of method. What a user adds keeps its colour
    in every figure, because it follows from the last of the names.
    """
    for name in names:
        name = KIND_COLOURS.get(name, name)
        if name in DESIGN_COLOURS:
            return DESIGN_COLOURS[name]
    return OTHER_COLOURS[crc32(names[-1].encode()) % len(OTHER_COLOURS)]
