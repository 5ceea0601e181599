"""Models of today: what they multiply, what they keep, and that steps and phases add up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi.hardware import decode, evaluate
from mugi.hardware.model import Model, load_model
from mugi.hardware.workload import GROUPS, distinct_experts

MODELS = {
    path.stem: str(path) for path in sorted((Path(__file__).parent / "data/models").iterdir())
}
DECODERS = [name for name in MODELS if name != "image"]
RUN = {"array_height": 64, "batch_size": 3, "preset": "corrected"}
CHIPS = [
    {"design": "mugi"},
    {"design": "carat", "noc_rows": 2, "noc_cols": 3},
    {"design": "systolic", "array_height": 13, "variant": "figna"},
    {"design": "tensor", "array_height": 8, "preset": "as-published"},
]
STEPPED = {"assumption.decode_steps": "sequence", "assumption.lm_head_decode": "every_step"}


def run(name: str, **changes) -> pd.Series:
    """Return the results of one run of a model on Mugi(64)."""
    return evaluate(pd.DataFrame([{"design": "mugi", "model": MODELS[name]} | RUN | changes])).iloc[
        0
    ]


def attended(seen: list[int], heads: int, head: int) -> int:
    """Return multiply-accumulates of heads whose queries see so many keys each."""
    return heads * head * sum(seen)


def by_hand(name: str, prompt: int, length: int) -> int:
    """Return the multiply-accumulates of one sequence, layer by layer and token by token."""
    m: Model = load_model(MODELS[name])
    steps, macs = length - prompt, 0
    up = 3 if m.gated else 2

    def ffn(tokens: int, width: int, dim: int, matrices: int) -> int:
        return tokens * matrices * dim * width

    for stage in m.encoder:
        n, d, window = stage.tokens, stage.dim, stage.window or stage.tokens
        macs += n * d * stage.merged_dim
        macs += stage.layers * (n * 4 * d * d + 2 * n * window * d + ffn(n, stage.ffn_dim, d, 2))
    if not m.layers:
        return macs + m.encoder[-1].dim * m.vocabulary
    dense = m.experts.dense_layers if m.experts else m.layers
    macs += dense * ffn(length, m.ffn_dim, m.dim, up)
    if m.experts:
        e, routed = m.experts, m.layers - dense
        macs += routed * length * m.dim * e.number
        macs += routed * ffn(length, e.active * e.dim + e.shared * e.dim, m.dim, up)
    windows = [w.tokens for w in m.windows for _ in range(w.layers)]
    for window in windows + [length] * (m.layers - len(windows)):
        early = [min(prompt, window)] * prompt
        late = [min(s, window) for s in range(prompt + 1, length + 1)]
        if m.latent:
            q, kv, rope = m.latent.query_rank, m.latent.kv_rank, m.latent.rope_dim
            nope = m.key_dim - rope
            macs += length * (m.dim * q + q * m.heads * m.key_dim + m.dim * (kv + rope))
            macs += length * m.heads * (nope + m.values_dim) * kv
            macs += attended(early, m.heads, m.key_dim + m.values_dim)
            macs += attended(late, m.heads, 2 * kv + rope)
        else:
            macs += length * m.dim * m.heads * m.key_dim
            macs += length * m.dim * m.kv_heads * (m.key_dim + m.values_dim)
            macs += attended(early + late, m.heads, m.key_dim + m.values_dim)
        macs += length * m.dim * m.heads * m.values_dim
        if m.cross_attention:
            n, d = m.encoder[-1].tokens, m.encoder[-1].dim
            macs += 2 * length * m.dim * m.heads * m.key_dim
            macs += 2 * n * d * m.heads * m.key_dim
            macs += attended([n] * length, m.heads, 2 * m.key_dim)
    return macs + (prompt + steps) * m.dim * m.vocabulary


@pytest.mark.parametrize("name", MODELS)
def test_multiply_accumulates_are_those_counted_by_hand(name):
    for prompt, length in [(1, 1), (7, 40), (64, 700)]:
        sizes = {} if name == "image" else {"prompt_len": prompt, "seq_len": length}
        result = run(name, **sizes)
        assert result["macs"] == pytest.approx(3 * by_hand(name, prompt, length), rel=1e-12)
        parts = [result[f"macs_{g}"] for g in GROUPS if f"macs_{g}" in result]
        assert sum(parts) == pytest.approx(result["macs"], rel=1e-12)


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip["design"])
@pytest.mark.parametrize("name", DECODERS)
def test_steps_of_decode_add_up(name, chip):
    """A run of many tokens is its prefill and single steps, each behind a longer prompt."""
    chip = chip | STEPPED | {"model": MODELS[name]}
    whole = evaluate(pd.DataFrame([RUN | chip | {"prompt_len": 19, "seq_len": 45}])).iloc[0]
    steps = [RUN | chip | {"prompt_len": s - 1, "seq_len": s} for s in range(20, 46)]
    single = evaluate(pd.DataFrame(steps))
    assert whole["runtime_s"] - whole["time_to_first_token_s"] == pytest.approx(
        single["time_per_output_token_s"].sum(), rel=1e-9
    )
    assert whole["time_per_output_token_s"] == pytest.approx(
        single["time_per_output_token_s"].mean(), rel=1e-9
    )
    assert whole["energy_per_output_token_j"] == pytest.approx(
        single["energy_per_output_token_j"].mean(), rel=1e-9
    )


@pytest.mark.parametrize("name", DECODERS)
def test_literal_and_compiled_sums_are_the_same_bytes(name, monkeypatch):
    runs = pd.DataFrame(
        [
            RUN | chip | {"model": MODELS[name], "prompt_len": prompt, "seq_len": length}
            for chip in CHIPS
            for prompt, length in [(1, 300), (255, 256), (256, 256), (200, 270), (300, 400)]
        ]
    )
    tables = []
    for few in (0, 10**9):
        monkeypatch.setattr(decode, "FEW", few)
        tables.append(evaluate(runs))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize(
    "flip",
    [
        {},
        {"assumption.dram_time": "whole_run", "assumption.dram_bandwidth_gb_s": 0.01},
        {"assumption.nonlinear_overlap": "overlapped", "design": "systolic", "array_height": 8},
        {"assumption.energy_scope": "with_dram_background"},
    ],
)
def test_phases_are_a_partition(flip):
    for name in DECODERS:
        result = run(name, prompt_len=33, output_len=50, **flip)
        decode_s, decode_j = (
            result[key] * scale
            for key, scale in [("time_per_output_token_s", 50), ("energy_per_output_token_j", 150)]
        )
        assert result["time_to_first_token_s"] + decode_s == pytest.approx(result["runtime_s"])
        assert result["prefill_energy_j"] + decode_j == pytest.approx(result["total_energy_j"])
        alone = run(name, prompt_len=33, output_len=0, **flip)
        if "assumption.dram_time" not in flip:  # phases of a run wait for its DRAM together
            assert result["time_to_first_token_s"] == pytest.approx(alone["runtime_s"])
        assert alone["time_per_output_token_s"] == alone["energy_per_output_token_j"] == 0


def test_a_window_that_is_never_left_is_none(tmp_path):
    """Time stops growing where the window is full, and a wide one changes nothing."""
    sizes = {"prompt_len": 10, "seq_len": 290}
    plain = Path(MODELS["windows"]).read_text().replace("tokens: 23", "tokens: 5000")
    wide = tmp_path / "wide.yaml"
    wide.write_text(plain.replace("tokens: 300", "tokens: 5000"))
    full = tmp_path / "full.yaml"
    full.write_text(plain[: plain.index("windows")])
    runs = pd.DataFrame(
        [{"design": "mugi"} | RUN | sizes | {"model": str(m)} for m in (wide, full)]
    )
    results = evaluate(runs)
    for column in ("cycles", "macs", "total_energy_j", "dram_bytes", "kv_cache_bytes"):
        assert results[column][0] == pytest.approx(results[column][1], rel=1e-12)
    narrow = run("windows", **sizes)
    assert narrow["cycles"] < results["cycles"][1]
    assert narrow["kv_cache_bytes"] == 3 * 2 * (14 + 14) * (2 * 23 + 3 * 290) / 2


def test_latents_are_what_is_kept():
    result = run("latent", seq_len=200)
    assert result["kv_cache_bytes"] == 3 * 5 * (34 + 6) * 200 / 2


def test_experts_that_a_batch_meets():
    """Of one token exactly those it picks; of many as many as even draws meet on average."""
    number, active = 12, 3
    rng = np.random.default_rng(0)
    for tokens in (1, 2, 5, 40):
        met = [
            len(set(rng.permuted(np.tile(np.arange(number), (tokens, 1)), axis=1)[:, :active].flat))
            for _ in range(4000)
        ]
        expected = distinct_experts(*map(np.array, (number, active, tokens)))
        assert expected == pytest.approx(np.mean(met), abs=4 * np.std(met) / 60 + 1e-12)
    assert distinct_experts(np.array([7.0]), np.array([3.0]), np.array([1.0]))[0] == 3


def test_all_weights_move_where_all_experts_are_met(tmp_path):
    """A batch that meets every expert moves all of them, one token those it picks."""
    sizes = {"prompt_len": 1, "output_len": 400}
    small, large = run("latent", batch_size=1, **sizes), run("latent", batch_size=64, **sizes)
    assert large["dram_bytes"] < 64 * small["dram_bytes"]
    dense = tmp_path / "dense.yaml"
    text = Path(MODELS["latent"]).read_text()
    dense.write_text(text.replace("active: 3, dim: 38", "active: 12, dim: 38"))
    everything = run("latent", model=str(dense), batch_size=1, **sizes)
    assert small["dram_bytes"] < everything["dram_bytes"]
    assert small["array_utilization"] < large["array_utilization"] <= 1


LENGTHS = [
    ({"seq_len": 50}, "seq_len must be a whole number of at least 64, not '50'"),
    ({"prompt_len": 70}, "column 'seq_len' is missing"),
    ({"seq_len": 50, "prompt_len": 70}, "seq_len must be a whole number of at least 70, not '50'"),
    ({"seq_len": 50, "output_len": 60}, "seq_len must be more than output_len 60, not '50'"),
    (
        {"seq_len": 50, "prompt_len": 20, "output_len": 20},
        "seq_len 50 is not prompt_len 20 and output_len 20",
    ),
    ({"output_len": -1}, "output_len must be a whole number of at least 0, not '-1'"),
]


@pytest.mark.parametrize(("lengths", "what"), LENGTHS)
def test_lengths_that_contradict(lengths, what):
    with pytest.raises(ValueError, match=r"seq_len|output_len") as error:
        run("windows", **lengths)
    assert str(error.value).removeprefix("line 2: ") == what


def test_two_lengths_give_the_third():
    given = [{"output_len": 9}, {"seq_len": 73}, {"prompt_len": 64, "output_len": 9}]
    given += [{"seq_len": 73, "output_len": 9}, {"seq_len": 73, "prompt_len": 64}]
    for lengths in given:
        result = run("windows", **lengths)
        assert [result[k] for k in ("seq_len", "prompt_len", "output_len")] == [73, 64, 9]


def test_what_only_encodes():
    result = run("image")
    assert [result[k] for k in ("seq_len", "prompt_len", "output_len")] == [144, 144, 0]
    assert result["kv_cache_bytes"] == 0 and result["layers"] == 5
    with pytest.raises(ValueError, match="encodes 144 positions and generates nothing"):
        run("image", seq_len=200)


@pytest.mark.parametrize(("name", "kv_heads"), [("latent", 2), ("image", 1)])
def test_heads_that_a_run_cannot_change(name, kv_heads):
    sizes = {} if name == "image" else {"seq_len": 128}
    with pytest.raises(ValueError, match="kv_heads of this model are"):
        run(name, kv_heads=kv_heads, **sizes)


def test_chunks_are_costed_while_there_is_one(tmp_path):
    path = tmp_path / "chunks.yaml"
    text = Path(MODELS["windows"]).read_text()
    path.write_text(text.replace("tokens: 300", "tokens: 300, chunked: true"))
    assert (
        run("windows", seq_len=300)["cycles"]
        == run("windows", model=str(path), seq_len=300)["cycles"]
    )
    with pytest.raises(ValueError, match="within chunks of 300 positions"):
        run("windows", model=str(path), seq_len=301)
