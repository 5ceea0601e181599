"""Sweeps in YAML: read, checked, evaluated where they are small."""

from pathlib import Path

from hypothesis import strategies as st

from mugi.explore import check_plot, explore_sweep, load_sweep
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import with_odd, written, yaml_of, yaml_texts
from tests.fuzz.test_hardware import MOST_ROWS, SMALL, keys_of

SWEEP = {
    "runs": [SMALL | {"batch_size": {"from": 1, "to": 8, "factor": 2}, "array_height": [8, 16]}],
    "maximize": ["tokens_per_s", "tokens_per_j"],
    "minimize": "area_mm2",
    "per": "batch_size",
    "keep": "front",
}
STEPS = {
    "runs": [
        SMALL | {"batch_size": {"from": 1, "to": 3, "step": 1}, "assumption.dram_time": "none"}
    ],
    "minimize": ["power_w"],
}
WORDS = sorted(keys_of([SWEEP, STEPS]) | {"technology", "preset", "seq_len", "all", "nodes"})


def _ranged(one: dict) -> dict:
    """Return a sweep over a range."""
    return STEPS | {"runs": [SMALL | {"batch_size": one}]}


def used(text: str, folder: Path) -> None:
    sweep = load_sweep(written(text, folder / "sweep.yaml"))
    check_plot(sweep)
    if len(sweep.runs) <= MOST_ROWS:
        explore_sweep(sweep=sweep)


PARSER = Parser(
    "sweeps",
    st.one_of(
        yaml_texts([SWEEP, SWEEP, STEPS], WORDS),
        with_odd(SWEEP, SWEEP),
        with_odd({"from": 1, "to": 8, "step": 1}, ("from", "to", "step", "factor", 1), _ranged),
    ),
    used,
    good=(yaml_of(SWEEP),),
    command=lambda text, folder: [
        *["explore", written(text, folder / "sweep.yaml"), "-o", str(folder / "table.csv")],
        *["--plot", str(folder / "plot")],
    ],
    quick=6,
)


def test_sweeps(fuzzed):
    fuzzed(PARSER)
