"""The colour of each design, the same in every figure."""

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
