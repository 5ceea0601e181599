"""What the table of one switch at a time does to verdicts and words."""

import pandas as pd
import pytest

from mugi.errors import InputError
from mugi.switches import COLUMNS, NOT_TRIED, OTHER_RUNS, UNMOVED, Switches
from tests.test_verdicts import claim

ROWS = [
    ("A", "as-published", "precise_cycles", "44", 44.0, 45.0),
    ("A", "as-published", "dram_time", "whole_run", 20.0, 45.0),  # no correction
    ("A", "as-published", "silu_passes", "lut_twice", 45.1, 45.0),  # not worth a word
    ("A", "corrected", "softmax_passes", "3", 29.0, 43.0),
    ("A", "corrected", "softmax_passes", "1", 75.0, 43.0),
    ("A", "corrected", "precise_cycles", "45", 90.0, 43.0),  # wrong, not a choice
    ("A", "corrected", "ws_timing", "load_then_stream", 60.0, 43.0),  # another correction than ours
    ("A", "corrected", "pipeline_fill", "per_tile", 43.5, 43.0),  # by less than 5 %
    ("B", "corrected", "ws_load_rows", "sram_width", 0.4, 1.0),
]
TABLE = pd.DataFrame(ROWS, columns=COLUMNS)
ONE = claim("45").model_copy(update={"table": "hardware"})


def test_choices_are_those_on_top_of_all_corrected():
    choices = Switches(TABLE).choices("A", 43.0)
    assert [(str(choice), choice.computed) for choice in choices] == [
        ("softmax_passes=3", 29.0),
        ("softmax_passes=1", 75.0),
    ]
    assert Switches(TABLE).choices("C", 43.0) == []
    assert Switches(None).choices("A", 43.0) == []


def test_words_name_what_moves_a_claim_and_where_to():
    assert Switches(TABLE).words("A", ONE, 43.0) == [
        "Of single corrections most by precise_cycles (45 -> 44)",
        "Of single choices on top of all corrections: 75 with softmax_passes=1, "
        "29 with softmax_passes=3, 60 with ws_timing=load_then_stream",
    ]
    assert Switches(TABLE).span("A", 43.0) == "29 (softmax_passes=3) to 75 (softmax_passes=1)"
    assert Switches(TABLE).span("B", 1.0) == "0.4 (ws_load_rows=sram_width) to 1"
    assert Switches(TABLE).span("C", 1.0) == ""


def test_what_was_not_tried_is_said():
    absolute = claim("45", ratio=False).model_copy(update={"table": "hardware"})
    assert Switches(None).words("A", ONE, 43.0) == [NOT_TRIED]
    assert Switches(None).words("A", absolute, 43.0) == []
    assert Switches(None).words("A", claim("45"), 43.0) == []  # of a table it never has
    assert Switches(TABLE).words("C", ONE, 43.0) == [UNMOVED]


def test_a_table_of_other_runs_is_not_used():
    """Its corrected value is another than that of the tables."""
    switches = Switches(TABLE)
    assert switches.words("A", ONE, 50.0) == [OTHER_RUNS]
    assert switches.choices("A", 50.0) == []


def test_a_table_with_mistakes_is_refused():
    with pytest.raises(InputError, match="table 'switches': missing column 'base'"):
        Switches(TABLE.drop(columns="base"))
    with pytest.raises(InputError, match="table 'switches': a value is not a number"):
        Switches(TABLE.assign(computed="much"))
