"""Measurements in parts, as several jobs make them at once in one folder of cells."""

import shutil
from pathlib import Path

import pytest

from mugi.cli import main
from mugi.llm import load as loading
from tests.accuracy.approximations import COARSE
from tests.accuracy.command import accuracy

ASKED = ["--approx", "native", "--approx", str(COARSE), "--tasks", "mugi_mmlu_dev=2"]
SIZES = ["--cut", "joined", "--window", "64", "--stride", "32", "--windows", "3"]
SIZES += ["--task-window", "64"]


def part(checkpoint: Path, shard: str, cells: Path) -> None:
    command = ["accuracy", str(checkpoint), *SIZES, *ASKED, "--cells", str(cells)]
    assert main([*command, "--shard", shard]) == 0


@pytest.mark.parametrize("count", [2, 3])  # by approximations, as 2 is no more than 3; by windows
def test_parts_make_the_bytes_of_the_whole(checkpoint, tmp_path, monkeypatch, count):
    documents = [tmp_path / "documents.csv", tmp_path / "alone_documents.csv"]
    table, alone, cells = tmp_path / "table.csv", tmp_path / "alone.csv", tmp_path / "cells"
    assert accuracy(checkpoint, alone, *ASKED, "--documents", str(documents[1])) == 0
    for number in range(count, 0, -1):
        part(checkpoint, f"{number}/{count}", cells)

    def refused(*args):
        raise AssertionError("the model is not needed")

    monkeypatch.setattr(loading, "load", refused)
    part(checkpoint, f"1/{count}", cells)  # nothing is left to do
    kept = ["--cells", str(cells), "--documents", str(documents[0])]
    assert accuracy(checkpoint, table, *ASKED, *kept) == 0
    assert table.read_bytes() == alone.read_bytes()
    assert documents[0].read_bytes() == documents[1].read_bytes()


def test_a_part_that_is_missing_is_computed(checkpoint, tmp_path):
    """As is one of another splitting, and one whose file was cut."""
    alone, cells = tmp_path / "alone.csv", tmp_path / "cells"
    assert accuracy(checkpoint, alone, *ASKED) == 0
    part(checkpoint, "2/3", cells)
    part(checkpoint, "1/2", cells)
    spoilt = sorted(cells.glob("*/*.json"))
    shutil.copy(spoilt[0], tmp_path / "kept")
    spoilt[0].write_text((tmp_path / "kept").read_text()[:-40])
    assert accuracy(checkpoint, tmp_path / "table.csv", *ASKED, "--cells", str(cells)) == 0
    assert (tmp_path / "table.csv").read_bytes() == alone.read_bytes()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--shard", "4/3", "--cells", "c"], "--shard 4/3: must be K/N, K from 1 to N"),
        (["--shard", "1/3"], "a shard needs a folder for cells"),
        (["--shard", "1/3", "-o", "t.csv"], "give -o FILE"),
        ([], "give -o FILE"),
    ],
)
def test_what_a_part_takes(checkpoint, capsys, options, line):
    assert main(["accuracy", str(checkpoint), *SIZES, *options]) == 2
    assert line in capsys.readouterr().err
