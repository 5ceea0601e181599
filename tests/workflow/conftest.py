"""The project's copy, made once for the tests of a module."""

from pathlib import Path

import pytest

from tests.workflow.project import copy_of_project


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return copy_of_project(tmp_path_factory.mktemp("copy"))
