"""Claims in other universes: equal to those of tables made one by one, and statistics of draws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi import assumptions
from mugi.config import read
from mugi.hardware import evaluate, expand
from mugi.hardware.runs import filled
from mugi.judge import multiverse
from mugi.judge.universes import ACTING, DRAWN, needed, tables, values
from mugi.ledger import LEDGER, load_ledger
from mugi.quantities import compute

ROOT = Path(__file__).parents[2]
CLAIMS = load_ledger(LEDGER)
SOME = [*multiverse.HEADLINES, "GEMM-3", "LLM-7"]


@pytest.fixture(scope="module")
def runs():
    """The configurations of the default run."""
    table = filled(expand(read(ROOT / "config.yaml").content["hardware"]))
    return table[table["preset"] == "corrected"].drop(columns="preset")


def test_universes_are_the_presets_and_single_flips(runs):
    """Computed together, and one by one from a table with columns of assumptions."""
    claims = {
        name: CLAIMS[name] for name in SOME if name in CLAIMS and name not in ("ABS-5", "ABS-6")
    }
    flips = [
        {},
        {"ws_load_rows": "sram_width"},
        {"energy_scope": "with_dram", "dram_energy": "hbm2"},
    ]
    universes = [assumptions.resolve("corrected", flip) for flip in flips]
    few = needed(claims.values(), runs)
    together = tables(few, universes)
    for place, flip in enumerate(flips):
        columns = {f"assumption.{name}": value for name, value in flip.items()}
        alone = evaluate(few.assign(preset="corrected", **columns))
        for claim in claims.values():
            column = claim.corrected_column or claim.column
            one = claim.model_copy(update={"column": column})
            expected, _ = compute(one, alone.assign(preset="as-published"))
            assert values(claim, together, universes)[place] == pytest.approx(expected, rel=1e-12)


def test_heads_of_the_variant_follow_their_assumption(runs):
    """Runs say 64 KV heads of Llama 2 70B; that is the value of mha_70b_kv_heads, no more."""
    one = runs[runs["model"].isin(["llama_2_70b", "llama_2_7b"]) & (runs["design"] == "mugi")]
    one = one[(one["batch_size"] == 8) & (one["seq_len"] == 4096)].head(8)
    universes = [assumptions.resolve("corrected", {"mha_70b_kv_heads": n}) for n in (64, 8)]
    table = tables(one, universes)["hardware"]
    heads = table.groupby(["universe", "model"])["kv_heads"].unique()
    assert [heads[place, "llama_2_70b"].tolist() for place in (0, 1)] == [[64], [8]]
    assert [heads[place, "llama_2_7b"].tolist() for place in (0, 1)] == [[32], [32]]


def test_only_what_moves_is_listed(runs):
    names = ["ws_load_rows", "carbon_intensity", "energy_efficiency"]
    claims = {name: CLAIMS[name] for name in ("ABS-3", "ABS-4")}
    table = multiverse.one_at_a_time(claims, runs, names)
    assert set(table["assumption"]) == {"ws_load_rows", "energy_efficiency"}
    assert (table["computed"] != table["base_value"]).all()
    throughput = table[(table["claim"] == "ABS-3") & (table["base"] == "corrected")]
    assert throughput["value"].tolist() == ["sram_width"]
    assert throughput["computed"].item() == pytest.approx(1.10, abs=0.005)
    assert throughput["base_value"].item() == pytest.approx(2.06, abs=0.005)
    assert not len(table[(table["claim"] == "ABS-3") & (table["base"] == "as-published")])


def test_draws_are_even_over_named_values():
    draws = multiverse.drawn(4000)
    assert list(draws) == DRAWN and "energy_efficiency" in DRAWN
    more = multiverse.drawn(4000, synthesised=True)
    assert set(more) == set(ACTING)
    pd.testing.assert_frame_equal(more[DRAWN], draws)  # a pair of curves
    for name in ACTING:
        counts = more[name].value_counts()
        choices = assumptions.REGISTRY[name].choices
        expected = 4000 / len(choices)
        assert len(counts) == len(choices)
        assert abs(counts - expected).max() < 5 * np.sqrt(expected)
    pd.testing.assert_frame_equal(more[DRAWN].head(10), multiverse.drawn(4000).head(10))


def test_a_curve_and_its_summary(runs):
    claims = {name: CLAIMS[name] for name in multiverse.HEADLINES}
    table = multiverse.curve(claims, runs, multiverse.drawn(30, seed=3))
    assert table["preset"].tolist() == ["as-published", "corrected", *[""] * 30]
    lines = multiverse.summary(claims, table).set_index("claim")
    assert lines.loc["ABS-3", "as_published"] == pytest.approx(2.066, abs=0.0005)
    assert lines.loc["ABS-3", "corrected"] == pytest.approx(2.064, abs=0.0005)
    assert lines.loc["ABS-3", "least"] >= 1.039
    draws = table["ABS-5"][2:]
    assert lines.loc["ABS-5", "share_above_1"] == (draws >= 1.005).mean()
    near = (abs(draws / 1.45 - 1) <= 0.05).mean()
    assert lines.loc["ABS-5", "share_within_5_percent"] == near


def test_indices_find_what_a_value_is_made_of():
    """A value of one switch, of two, and of two that act only together."""
    rng, count = np.random.default_rng(0), 3000
    picks = {name: rng.integers(2, size=count) for name in ("one", "two", "three", "four")}
    logarithm = picks["one"] + 0.5 * picks["two"] + (picks["three"] ^ picks["four"])
    table = pd.DataFrame(picks).astype(str).add_prefix("assumption.")
    table = table.assign(preset="", **{"ABS-1": np.exp(logarithm)})
    found = multiverse.indices(table).set_index("assumption")
    total = 1 + 0.25 + 1
    expected = {"one": 1 / total, "two": 0.25 / total, "three": 0, "four": 0}
    for name, share in expected.items():
        assert found.loc[name, "first_order"] == pytest.approx(share, abs=0.03)
        assert found.loc[name, "low"] <= share + 0.01 and found.loc[name, "high"] >= share - 0.01
    pair = next(name for name in ("three * four", "four * three") if name in found.index)
    assert found.loc[pair, "first_order"] == pytest.approx(1 / total, abs=0.03)
    pair = next(name for name in ("one * two", "two * one") if name in found.index)
    assert found.loc[pair, "high"] < 0.02


def test_nothing_is_explained_by_chance_alone():
    rng = np.random.default_rng(1)
    shares = [
        multiverse.explained(rng.integers(5, size=200), rng.normal(size=200)) for _ in range(400)
    ]
    assert np.mean(shares) == pytest.approx(0, abs=4 * np.std(shares) / 20)
    assert multiverse.explained(np.array([0, 0, 1, 1]), np.ones(4)) == 0
