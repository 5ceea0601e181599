"""Designs, technologies, models and grids in YAML: read, checked, and evaluated on a small run."""

import math
from pathlib import Path

import pandas as pd
import yaml
from hypothesis import strategies as st

from mugi.commands.evaluate import read_grids
from mugi.hardware import evaluate, expand, library
from mugi.hardware.design import load_design, variants
from mugi.hardware.events import GEMM_SYMBOLS, NONLINEAR_SYMBOLS
from mugi.hardware.model import load_model
from mugi.hardware.technology import technology
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import TEXTS, with_odd, written, yaml_of, yaml_texts
from tests.hardware.test_bad_input import RUN

FOLDER = Path(library.__file__).parent
MODEL = {"dim": 64, "layers": 2, "heads": 4, "kv_heads": 2, "ffn_dim": 96, "vocabulary": 100}
SMALL = RUN | {"array_height": 8, "seq_len": 66, "batch_size": 1}
MOST_ROWS = 300  # of what is evaluated here


def packaged(kind: str) -> list[dict]:
    """Return the packaged files of a kind."""
    paths = sorted((FOLDER / library.FOLDERS[kind]).glob("*.yaml"))
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]


def evaluated(folder: Path, **changes) -> None:
    """Evaluate a run on a small model."""
    small = written(yaml_of(MODEL), folder / "small.yaml")
    evaluate(pd.DataFrame([SMALL | {"model": small} | changes]))


def asked(**changes) -> list[str]:
    """Return the command that evaluates the small run."""
    run = SMALL | changes
    return ["evaluate", *(f"--{key.replace('_', '-')}={value}" for key, value in run.items())]


def keys_of(value: object) -> set[str]:
    """Return all keys of a document that are text, at any depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = {key for key in value if isinstance(key, str)} if isinstance(value, dict) else set()
    return own.union(*map(keys_of, inner))


# --- designs ------------------------------------------------------------------------------------

MINE = {
    "extends": ["mac_array"],
    "array_width": "array_height",
    "parameters": {
        "H": "array_height",
        "W": "array_width",
        "fifo_depth": 8,
        "weight_shifts": "pes",
        "i_width": 128,
        "w_width": 128,
        "o_width": 128,
    },
    "checks": {"H % 8 == 0": "H must be a multiple of 8"},
    "components": {"extra": {"class": "register", "width": "H", "instances": "pes", "tag": "pe"}},
    "gemm": {
        "symbols": {"half": "B/2"},
        "events": {"more": {"count": "half*m", "cycles": 0, "use": {"extra": 1}}},
    },
    "variants": {"plain": {}, "wide": {"parameters": {"i_width": 256}}},
    "default_variant": "plain",
}
DESIGN_WORDS = sorted(
    keys_of([MINE, *packaged("design")])
    | {*GEMM_SYMBOLS, *NONLINEAR_SYMBOLS, *library.names("design")}
)
HOSTILE_DESIGNS = [
    MINE | changes
    for changes in (
        {"default_variant": ["plain"]},
        {"default_variant": {}},
        {"default_variant": 1},
        {"variants": None},
        {"variants": []},
        {"variants": {"plain": None, 1: {}}},
        {"variants": {"plain": {"components": None, "gemm": None}}},
        {"components": None},
        {"components": []},
        {"components": {1: {"class": "fifo"}}},
        {"parameters": None},
        {"parameters": [1]},
        {"parameters": MINE["parameters"] | {1: 2}},
        {"gemm": None},
        {"gemm": []},
        {"gemm": {"events": None}},
        {"gemm": {"symbols": None}},
        {"gemm": {"events": {"more": None}}},
        {"gemm": {"events": {1: {"count": 1}}}},
        {"checks": None},
        {"checks": {"'a'": "b"}},
        {"checks": {"H == H": None}},
        {"checks": {"1/0": "b"}},
        {"checks": {"True": "b"}},
        {"checks": {True: "b"}},
        {"checks": {"1e308*10": "b"}},
        {"array_width": "'a'"},
        {"array_width": True},
        {"array_width": float("nan")},
        {"array_width": float("inf")},
        {"array_width": None},
        {"array_width": "10**400"},
        {"array_width": 10**400},
        {"array_width": "'%s' % array_height"},
        {"extends": None},
        {"extends": []},
        {"extends": "mac_array"},
        {"extends": [["mac_array"]]},
        {"extends": [None]},
        {"abstract": "yes"},
        {"dataflow": None},
        {"summary": None},
        {"variants": {}, "default_variant": "plain"},
        {"vector_unit": None},
        *({"parameters": MINE["parameters"] | {"fifo_depth": text}} for text in TEXTS),
        *(
            {"components": {"extra": MINE["components"]["extra"] | {"class": text}}}
            for text in TEXTS
        ),
    )
]


def use_design(text: str, folder: Path) -> None:
    path = written(text, folder / "design.yaml")
    evaluated(folder, design=path)
    for variant in variants(path):
        load_design(path, variant)


DESIGNS = Parser(
    "designs",
    st.one_of(
        yaml_texts([MINE, MINE, MINE, *packaged("design")], DESIGN_WORDS),
        st.sampled_from(HOSTILE_DESIGNS).map(yaml_of),
    ),
    use_design,
    good=tuple(
        yaml_of(document) for document in (MINE, *packaged("design")) if "abstract" not in document
    ),
    seeds=(yaml_of(MINE | {"default_variant": {}}), yaml_of(MINE | {"array_width": "True"})),
    command=lambda text, folder: asked(design=written(text, folder / "design.yaml")),
    quick=6,
)


def test_designs(fuzzed):
    fuzzed(DESIGNS)


# --- technologies -------------------------------------------------------------------------------

KNOWN = packaged("technology")
TECHNOLOGY = next(one for one in KNOWN if "extends" not in one)
FASTER = {
    "extends": "45nm",
    "node_nm": 28,
    "frequency_mhz": 800,
    "sram": "fit",
    "scaling": {"area": 0.5, "leakage": 0.5, "energy": 0.5},
    "scaling_source": "a paper",
    "logic": {"adderbf16": {"area_mm2": 0.1, "leakage_mw": 0, "dynamic_mw": 1, "per": {}}},
}


def use_technology(text: str, folder: Path) -> None:
    path = written(text, folder / "technology.yaml")
    technology(path)
    evaluated(folder, technology=path)


TECHNOLOGIES = Parser(
    "technologies",
    yaml_texts([FASTER, *KNOWN], sorted(keys_of(TECHNOLOGY))) | with_odd(FASTER, TECHNOLOGY),
    use_technology,
    good=tuple(map(yaml_of, [FASTER, *KNOWN])),
    command=lambda text, folder: asked(technology=written(text, folder / "technology.yaml")),
    quick=6,
)


def test_technologies(fuzzed):
    fuzzed(TECHNOLOGIES)


# --- models -------------------------------------------------------------------------------------

ENCODER = {
    "vocabulary": 10,
    "encoder": [{"layers": 2, "dim": 64, "heads": 4, "ffn_dim": 128, "tokens": 50}],
}
BOTH = MODEL | ENCODER | {"cross_attention": True}
MODELS_YAML = [MODEL, ENCODER, BOTH, *packaged("model")]


def use_model(text: str, folder: Path) -> None:
    path = written(text, folder / "model.yaml")
    model = load_model(path)
    evaluate(pd.DataFrame([SMALL | {"model": path, "seq_len": 66 if model.layers else None}]))


MODELS = Parser(
    "models",
    yaml_texts(MODELS_YAML, sorted(keys_of(MODELS_YAML) | {"shared", "shared_dim", "chunked"}))
    | with_odd(BOTH, (*BOTH, "windows", "latent", "experts")),
    use_model,
    good=tuple(map(yaml_of, MODELS_YAML)),
    command=lambda text, folder: asked(model=written(text, folder / "model.yaml")),
    quick=6,
)


def test_models(fuzzed):
    fuzzed(MODELS)


# --- grids --------------------------------------------------------------------------------------

GRIDS_YAML = [
    [SMALL, SMALL | {"variant": ["lut", "vlp"], "batch_size": [1, 2]}],
    [SMALL | {"assumption.dram_time": ["none", "per_op"], "preset": "corrected", "noc_rows": 2}],
    [{k: v for k, v in SMALL.items() if k != "seq_len"} | {"prompt_len": 4, "output_len": [0, 2]}],
]
GRID_WORDS = sorted(keys_of(GRIDS_YAML) | {"technology", "kv_heads", "array_width", "per_op"})


def use_grids(text: str, folder: Path) -> None:
    grids = read_grids(written(text, folder / "grids.yaml"))
    lengths = [math.prod(len(v) for v in g.values() if isinstance(v, list)) for g in grids]
    if sum(lengths) <= MOST_ROWS:
        evaluate(expand(grids))


GRIDS = Parser(
    "grids",
    yaml_texts(GRIDS_YAML, GRID_WORDS)
    | with_odd(
        SMALL, (*SMALL, 1, None, True, "assumption.", "assumption.dram_time"), lambda one: [one]
    ),
    use_grids,
    good=tuple(map(yaml_of, GRIDS_YAML)),
    command=lambda text, folder: ["evaluate", "--grid", written(text, folder / "grids.yaml")],
    quick=6,
)


def test_grids(fuzzed):
    fuzzed(GRIDS)
