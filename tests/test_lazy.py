"""A module that is imported late is the module itself, however it is imported beside."""

import subprocess
import sys

import pytest

from mugi.lazy import Lazy


def python(*lines: str) -> subprocess.CompletedProcess:
    """Run lines of Python in a process of their own."""
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)


def test_the_cost_model_is_imported_without_torch():
    done = python(
        "import sys, mugi.hardware",
        "print(sorted({'torch'} & set(sys.modules)))",
    )
    assert done.stdout == "[]\n", done.stderr


def test_pandas_is_the_users_own():
    done = python(
        "import mugi.hardware",
        "from pandas.errors import ParserError",
        "import io, pandas as pd",
        "try: pd.read_csv(io.StringIO('a,b\\n1,2,3,4\\n5,6,7,8,9'))",
        "except ParserError: print('caught')",
        "print(pd.core.frame.DataFrame is pd.DataFrame)",
    )
    assert done.stdout == "caught\nTrue\n", done.stderr


def test_a_module_that_is_not_there_is_told_at_its_first_use():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        Lazy("no_such_module").anything  # noqa: B018
