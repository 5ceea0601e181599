"""How long to fuzz: few inputs in the fast tests, MUGI_FUZZ_SECONDS each in CI, many when slow."""

import os

import pytest

from tests.fuzz.harness import Parser, fuzz

VARIABLE = "MUGI_FUZZ_SECONDS"
THOROUGH = 100_000, 300.0  # inputs, seconds


@pytest.fixture(params=["quick", pytest.param("thorough", marks=pytest.mark.slow)])
def fuzzed(request, tmp_path, monkeypatch, record_property):
    """A function that fuzzes a parser in a folder of its own, and has the count told at the end."""
    monkeypatch.chdir(tmp_path)

    def run(parser: Parser) -> None:
        seconds = float(os.environ.get(VARIABLE, 0))
        effort = (parser.quick, 60.0) if not seconds else (THOROUGH[0], seconds)
        tally = fuzz(parser, tmp_path, *(THOROUGH if request.param == "thorough" else effort))
        record_property("fuzzed", f"{parser.name}: {tally}")

    return run
