"""Results are those of the golden files; see golden.py to regenerate them."""

from tests.hardware.golden import differences


def test_golden():
    assert differences() == []
