"""Colours of designs and of kinds of methods."""

from mugi.colours import DESIGN_COLOURS, OTHER_COLOURS, colour_of


def test_a_variant_has_its_own_colour_before_its_designs():
    assert colour_of("taylor", "systolic") == DESIGN_COLOURS["taylor"]
    assert colour_of("mac", "systolic") == DESIGN_COLOURS["systolic"]
    assert colour_of("vlp") == DESIGN_COLOURS["mugi"]  # a kind of method


def test_what_a_user_adds_has_the_same_colour_everywhere():
    assert colour_of("mac", "mine.yaml") == colour_of("figna", "mine.yaml")
    assert colour_of("a new method") in OTHER_COLOURS
