"""Colours of designs and of kinds of methods, and that everybody can tell them apart."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from figures import fig07, fig10, fig13, paper
from mugi.colours import (
    DESIGN_COLOURS,
    HATCHES,
    MARKERS,
    OTHER_COLOURS,
    OTHER_HATCH,
    colour_of,
    hatch_of,
)

# What is seen without one kind of cone, in linear RGB: Machado, Oliveira, Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009,
# severity 1.0
SIGHT = {
    "all cones": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# linear sRGB to XYZ (IEC 61966-2-1), and the white that it has
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
)
# CIE76; about 2 can just be seen side by side, 10 at a glance: bars are small and stand apart
DISTANCE = 25
TOGETHER = {
    "designs": list(DESIGN_COLOURS.values()),
    "operations": list(paper.EVENT_COLOURS.values()),
    "components of a node": [colour for _, colour in fig13.NODE.values()],
    "components of a network": [colour for _, colour in fig13.NOC.values()],
    "searches": list(fig07.SEARCHES.values()),
    "mappings": fig10.COLOURS,
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str) -> np.ndarray:
    """Return the CIELAB coordinates of what is seen of a colour."""
    seen = XYZ @ np.clip(SIGHT[sight] @ linear(colour), 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(seen > 216 / 24389, np.cbrt(seen), (24389 / 27 * seen + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one: str, other: str, sight: str) -> float:
    return float(np.linalg.norm(lab(one, sight) - lab(other, sight)))


def test_the_simulation_is_that_of_the_paper():
    """Distances of an earlier palette, computed elsewhere, and what follows from the definition."""
    assert distance("#D55E00", "#8A6D00", "protan") == pytest.approx(2.6, abs=0.1)
    assert distance("#B0487F", "#5B6770", "deutan") == pytest.approx(6.8, abs=0.1)
    assert distance("#007A5A", "#B0487F", "deutan") == pytest.approx(12.8, abs=0.1)
    for sight in SIGHT:
        assert lab("white", sight) == pytest.approx([100, 0, 0], abs=0.1)  # greys stay grey


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", TOGETHER)
def test_colours_of_one_figure_are_told_apart(name, sight):
    near = {
        pair: round(distance(*pair, sight), 1)
        for pair in combinations(TOGETHER[name], 2)
        if distance(*pair, sight) < DISTANCE
    }
    assert not near


@pytest.mark.parametrize("name", DESIGN_COLOURS)
def test_lines_and_points_of_designs_stand_out_on_white(name):
    luminance = (XYZ @ linear(DESIGN_COLOURS[name]))[1]
    assert 1.05 / (luminance + 0.05) >= 3  # WCAG 2.1, 1.4.11: graphical objects


def test_a_second_sign_tells_apart_what_shares_a_colour_or_is_printed_in_grey():
    assert len(set(MARKERS.values())) == len(MARKERS) == len(DESIGN_COLOURS)
    hatches = {*HATCHES.values(), OTHER_HATCH, ""}
    assert len(hatches) == len(HATCHES) + 2
    assert hatch_of("figna", "systolic") != hatch_of("mac", "systolic") == ""
    assert hatch_of("mac", "my/own.yaml") == OTHER_HATCH
    assert hatch_of("figna", "my/own.yaml") == HATCHES["figna"]


def test_a_variant_has_its_own_colour_before_its_designs():
    assert colour_of("taylor", "systolic") == DESIGN_COLOURS["taylor"]
    assert colour_of("mac", "systolic") == DESIGN_COLOURS["systolic"]
    assert colour_of("vlp") == DESIGN_COLOURS["mugi"]  # a kind of method


def test_what_a_user_adds_has_the_same_colour_everywhere():
    assert colour_of("mac", "mine.yaml") == colour_of("figna", "mine.yaml")
    assert colour_of("a new method") in OTHER_COLOURS
