"""Assumptions: each flip changes what it should and nothing else; presets in the cost model."""

import itertools

import numpy as np
import pandas as pd
import pytest

from mugi.assumptions import REGISTRY, acting_in, preset
from mugi.hardware import evaluate

DESIGNS = [
    ("mugi", "vlp", 128), ("carat", "", 256), ("systolic", "figna", 16), ("systolic", "pwl", 16),
    ("simd", "mac", 64), ("tensor", "", 8),
]  # fmt: skip
COLUMNS = {
    "time": ["cycles"],
    "energy": ["dynamic_energy_nj"],
    "dram": ["dram_energy_nj"],
    "area": ["area_mm2"],
    "leakage": ["leakage_mw"],
    "tokens": ["tokens"],
    "total": ["total_energy_j"],
}
VLP, MACS, NOC = {"mugi", "carat"}, {"systolic", "simd", "tensor"}, "noc"
# assumption -> (what changes beside the total energy, designs it changes or None for all)
EFFECTS = {
    "decode_steps": ("time energy dram", None),
    "lm_head_decode": ("time energy dram", None),
    "lm_head_prefill": ("time energy dram", None),
    "mha_70b_kv_heads": ("time energy dram", None),
    "dram_time": ("time", None),
    "dram_bandwidth_gb_s": ("time", None),
    "nonlinear_dram_traffic": ("dram", None),
    "noc_tiling": ("time", None),
    "noc_link_bits": ("time", None),
    "ws_timing": ("time", {"systolic", "simd"}),
    "ws_load_rows": ("time", {"systolic", "simd"}),
    "pipeline_fill": ("time", None),
    "sram_ports": ("time", None),
    "softmax_passes": ("time energy", None),
    "precise_cycles": ("time energy", {"carat", "systolic", "simd", "tensor"}),
    "pwl_interval": ("time", {"systolic"}),
    "nonlinear_overlap": ("time", {"carat", "systolic", "simd", "tensor"}),
    "silu_passes": ("time energy", {"mugi"}),
    "prefill_tile": ("time energy dram", None),
    "partial_sum_reads": ("energy", None),
    "dequant_group": ("time energy", None),
    "dram_words": ("dram", None),
    "lut_copies": ("energy", {"mugi"}),
    "lut_value_bits": ("energy dram", {"mugi"}),
    "noc_activity": ("energy", None),
    "figna_activity": ("energy", {"systolic"}),
    "figna_multiplier": ("energy area leakage", {"systolic"}),
    "figna_sharing": ("energy area leakage", {"systolic"}),
    "figna_pe": ("energy area leakage", {"systolic"}),
    "row_storage": ("energy area leakage", {"mugi"}),
    "pe_fifo_activity": ("energy time", VLP),
    "ws_weight_loads": ("energy time", MACS),
    "weight_register_activity": ("energy", MACS),
    "temporal_converter_activity": ("energy", VLP),
    "vector_register_activity": ("energy", {"systolic"}),
    "pwl_activity": ("energy", {"systolic"}),
    "activity_slips": ("energy", {"mugi"}),
    "idle_activity": ("energy time", None),
    "router_bits": ("energy", None),
    "router_energy": ("energy", None),
    "noc_hops": ("energy", None),
    "energy_scope": ("", None),
    "dram_energy": ("dram", None),
    "max_tree_width": ("energy area leakage", {"mugi"}),
    "input_unit": ("energy area leakage", {"mugi"}),
    "sram_capacity": ("area leakage energy time dram", {"simd", "tensor"}),
    "fifo_depth_energy": ("energy", None),
    "logic_area": ("area", None),
    "tokens_counted": ("tokens", None),
}
NEEDS = {
    "dram_bandwidth_gb_s": {"dram_time": "per_op"},
    "ws_load_rows": {"ws_timing": "double_buffered"},
    "figna_sharing": {"figna_activity": "every_pe"},
    "ws_timing": {"ws_load_rows": "sram_width"},
}
EVALUATED = acting_in("evaluate")
FLIPS = [(name, value) for name in EVALUATED for value in REGISTRY[name].choices[1:]]


def runs(**assumed) -> pd.DataFrame:
    """Return one run a design and node count, with assumptions flipped."""
    rows = [
        {"design": d, "variant": v, "array_height": h, "noc_rows": n, "noc_cols": n,
         "model": "llama_2_70b", "batch_size": 1 if n == 1 else 8, "seq_len": 700,
         "preset": "as-published"}
        for (d, v, h), n in itertools.product(DESIGNS, [1, 8])
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**{f"assumption.{k}": v for k, v in assumed.items()})


@pytest.fixture(scope="module")
def published():
    return evaluate(runs())


def test_every_assumption_has_an_expected_effect():
    assert set(EFFECTS) == set(EVALUATED)


@pytest.mark.parametrize(("name", "value"), FLIPS, ids=lambda v: str(v))
def test_a_flip_changes_what_it_should(published, name, value):
    needed = NEEDS.get(name, {})
    base = evaluate(runs(**needed)) if needed else published
    flipped = evaluate(runs(**needed, **{name: value}))
    effects, designs = EFFECTS[name]
    changes = {
        family: (flipped[columns].to_numpy() != base[columns].to_numpy()).any(axis=1)
        for family, columns in COLUMNS.items()
    }
    for family, changed in changes.items():
        if family not in effects.split() and family != "total":
            assert not changed.any(), f"{name} = {value} changes {family}"
    if effects:
        assert np.any([changes[family] for family in effects.split()]), f"{name} does nothing"
    if designs:
        touched = set(base["design"][np.any(list(changes.values()), axis=0)])
        assert touched <= designs


def test_presets_agree_where_no_assumption_applies():
    table = runs().query("design in ['systolic', 'carat'] and variant != 'figna'")
    table = table.reset_index(drop=True)
    published, corrected = (evaluate(table.assign(preset=p)) for p in ("as-published", "corrected"))
    for column in ("area_mm2", "leakage_mw", "tokens"):
        assert (published[column] == corrected[column]).all(), column


def test_presets_equal_their_values_spelt_out():
    for name in ("as-published", "corrected"):
        spelt = {f"assumption.{key}": value for key, value in preset(name).items()}
        other = {"as-published": "corrected", "corrected": "as-published"}[name]
        pd.testing.assert_frame_equal(
            evaluate(runs().assign(preset=name)).drop(columns="preset"),
            evaluate(runs().assign(preset=other, **spelt)).drop(columns=["preset", *spelt]),
        )
