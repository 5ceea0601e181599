"""Methods of other packages: found by name, refused in one line, part of the key of cells."""

from importlib.metadata import EntryPoint

import pytest

from mugi.accuracy.cells import definitions
from mugi.errors import InputError
from mugi.methods import own, parse

ONE = 0x3F80
"""BF16 code of 1."""
MODULE = """
from typing import Literal
from mugi.methods.method import Method, table_of

class Flat(Method):
    name: Literal["flat"] = "flat"

    def stack(self, function):
        return table_of(function, lambda x: 0 * x)
"""


@pytest.fixture
def announced(monkeypatch, tmp_path):
    """Announce an entry point `flat` with a value; its module is MODULE."""
    (tmp_path / "flat_method.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(own, "USED", {})
    monkeypatch.setattr("mugi.methods.registry.USED", own.USED)

    def announce(value: str) -> None:
        entry = EntryPoint("flat", value, own.GROUP)
        monkeypatch.setattr(own, "entry_points", lambda group: [entry])
        own.own_methods.cache_clear()

    yield announce
    own.own_methods.cache_clear()


def test_it_is_found_by_name_and_names_cells(announced):
    announced("flat_method:Flat")
    before = definitions("windows")
    assert "own_methods" not in before["definitions"]
    assert parse("flat", "exp").stack("exp").tables[0, ONE] == 0
    assert set(definitions("windows")["definitions"]["own_methods"]) == {"flat"}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("flat_method:Round", "flat = flat_method:Round: module 'flat_method' has no attribute"),
        ("no_such_module:Flat", "No module named 'no_such_module'"),
        ("math:pi", "must be a class of mugi.methods.Method"),
    ],
)
def test_one_that_cannot_be_loaded_is_one_line(announced, value, line):
    announced(value)
    with pytest.raises(InputError, match=r"entry point mugi\.methods: flat") as caught:
        parse("flat", "exp")
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_slip_of_the_pen_stays_an_unknown_method(announced):
    announced("flat_method:Flat")
    with pytest.raises(InputError, match=r"unknown method 'flt'.*did you mean 'flat'"):
        parse("flt", "exp")
