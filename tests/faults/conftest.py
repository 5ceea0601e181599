"""The project's copy, and one finished run in it that others are compared with."""

from pathlib import Path

import pytest

from tests.faults.project import PATIENCE_S, start
from tests.workflow.project import copy_of_project


@pytest.fixture(scope="package")
def project(tmp_path_factory) -> Path:
    return copy_of_project(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="package")
def undisturbed(project, tmp_path_factory) -> Path:
    """The folder of a run on two cores to which nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    log = folder / "said.log"
    assert start(project, folder, "--cores", "2", log=log).wait(PATIENCE_S) == 0, log.read_text()
    return folder
