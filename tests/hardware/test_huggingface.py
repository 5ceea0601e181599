"""config.json of Hugging Face as a model: what is read, what is refused, and how it is found."""

import dataclasses
import json
import re
import subprocess
import sys
import time

import pytest
import yaml

from mugi.cli import main
from mugi.commands.models import as_yaml
from mugi.errors import InputError
from mugi.hardware import evaluate_hardware
from mugi.hardware.families import known
from mugi.hardware.model import Experts, Latent, Window, load_model, translation
from tests.docs.pages import ROOT

LLAMA = {
    "model_type": "llama", "vocab_size": 131, "hidden_size": 36, "num_hidden_layers": 6,
    "num_attention_heads": 6, "num_key_value_heads": 3, "intermediate_size": 53,
}  # fmt: skip
PASTED = {key: value for key, value in LLAMA.items() if key != "model_type"}
SEVEN = {"num_experts_per_tok": 3, "moe_intermediate_size": 22}
PUBLIC = yaml.safe_load((ROOT / "docs/examples/public_models.yaml").read_text())


@pytest.fixture
def config(tmp_path):
    """A function that writes a config.json with keys changed, and returns its path."""

    def write(changes: dict, base: dict = LLAMA, name: str = "config.json") -> str:
        content = {key: value for key, value in (base | changes).items() if value != "left out"}
        text = json.dumps(content, indent=1) if name.endswith("json") else yaml.safe_dump(content)
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_defaults_are_those_of_the_configuration_classes():
    mapping = pytest.importorskip("transformers").CONFIG_MAPPING
    for model_type, family in known().families.items():
        kind = mapping[model_type]
        assert kind.__name__ == family.config
        fields = {f.name: f.default for f in dataclasses.fields(kind)}
        for key, default in family.defaults.model_dump(exclude_unset=True).items():
            name = key if key in fields else family.names.get(key, key)
            if name in fields:
                value = list(fields[name]) if isinstance(fields[name], tuple) else fields[name]
                assert value == default, (model_type, key)
            else:  # the classes take it beside their fields
                assert default is None or key in ("sliding_window_pattern", "moe_layer_freq")
    for model_type, composite in known().composites.items():
        assert mapping[model_type].tie_word_embeddings == composite.tied
    refused = [name for refusal in known().refused for name in refusal.types]
    assert not set(refused) & set(known().families)


def test_names_and_files_do_not_matter(config, tmp_path):
    model = load_model(config({"_name_or_path": "meta-llama/Llama-2-7b-hf"}))
    assert (model.dim, model.layers, model.kv_heads, model.key_dim) == (36, 6, 3, 6)
    assert load_model(str(tmp_path)) == model
    assert load_model(config({}, name="mine.json")).parameters == model.parameters
    assert load_model(config({}, PASTED, "names.yaml")).parameters == model.parameters
    assert "no model_type" in translation(str(tmp_path / "names.yaml")).notes[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"model_type": "mistral", "sliding_window": 7}, [Window(layers=6, tokens=7)]),
        ({"model_type": "mistral", "sliding_window": None}, []),
        ({"model_type": "qwen2", "sliding_window": 7}, []),
        (
            {"model_type": "qwen2", "sliding_window": 7, "use_sliding_window": True}
            | {"max_window_layers": 4},
            [Window(layers=2, tokens=7)],
        ),
        ({"model_type": "gemma2", "sliding_window": 7}, [Window(layers=3, tokens=7)]),
        ({"model_type": "gemma3_text", "sliding_window": 7}, [Window(layers=5, tokens=7)]),
        (
            {"model_type": "gemma3_text", "sliding_window": 7, "sliding_window_pattern": 3},
            [Window(layers=4, tokens=7)],
        ),
        (
            {"model_type": "gemma3_text", "sliding_window": 7}
            | {"layer_types": ["sliding_attention"] + ["full_attention"] * 5},
            [Window(layers=1, tokens=7)],
        ),
        (
            {"model_type": "llama4_text", "attention_chunk_size": 7},
            [Window(layers=5, tokens=7, chunked=True)],
        ),
        (
            {"model_type": "gpt_neo", "num_layers": 6, "num_heads": 6, "window_size": 7}
            | {"attention_types": [[["global", "local", "local"], 2]]},
            [Window(layers=4, tokens=7)],
        ),
    ],
)
def test_windows(config, changes, expected):
    assert load_model(config(changes)).windows == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_type": "mixtral", "num_local_experts": 7}, Experts(number=7, active=2, dim=53)),
        (
            SEVEN | {"model_type": "qwen2_moe", "num_experts": 7, "mlp_only_layers": [5]}
            | {"shared_expert_intermediate_size": 31, "decoder_sparse_step": 2},
            Experts(number=7, active=3, dim=22, shared=1, shared_dim=31, dense_layers=4),
        ),
        (
            SEVEN | {"model_type": "deepseek_v3", "n_routed_experts": 7, "n_shared_experts": 2}
            | {"first_k_dense_replace": 1, "moe_layer_freq": 2},
            Experts(number=7, active=3, dim=22, shared=2, dense_layers=4),
        ),
        (
            {"model_type": "llama4_text", "num_local_experts": 7, "intermediate_size_mlp": 41}
            | {"interleave_moe_layer_step": 2},
            Experts(number=7, active=1, dim=53, shared=1, shared_dim=53, dense_layers=3),
        ),
        (SEVEN | {"model_type": "qwen3_moe", "mlp_only_layers": [0, 1, 2, 3, 4, 5]}, None),
    ],
)  # fmt: skip
def test_experts(config, changes, expected):
    assert load_model(config(changes)).experts == expected


def test_latent(config):
    model = load_model(
        config(
            {"model_type": "deepseek_v2", "n_routed_experts": None, "kv_lora_rank": 18}
            | {"q_lora_rank": None, "qk_nope_head_dim": 12, "qk_rope_head_dim": 4, "v_head_dim": 14}
        )
    )
    assert model.latent == Latent(kv_rank=18, rope_dim=4)
    assert (model.key_dim, model.values_dim, model.kv_heads, model.experts) == (16, 14, 6, None)


MISTAKES = [
    ({"model_type": "qwen9"}, "config.json:2: model_type: unknown model_type 'qwen9' (did you"),
    ({"model_type": "mamba2"}, "mamba2 has layers of a state space, which is not modelled; near"),
    ({"model_type": "qwen3_next"}, "layers of linear attention, which is not modelled"),
    ({"model_type": "bert"}, "an encoder of text"),
    ({"model_type": 7}, "model_type: must be a name, not 7"),
    ({"num_hidden_layers": 10**9}, "num_hidden_layers: must be less than or equal to 10000"),
    ({"num_hiden_layers": 7, "num_hidden_layers": "left out"}, "did you mean 'num_hidden_layers'?"),
    ({"hidden_size": "36"}, "config.json:4: hidden_size: must be a valid integer (got '36')"),
    ({"hidden_size": 36.0}, "hidden_size: must be a valid integer"),
    ({"hidden_size": None}, "hidden_size: must not be null"),
    ({"num_attention_heads": 0}, "num_attention_heads: must be greater than or equal to 1"),
    ({"num_attention_heads": -4}, "num_attention_heads: must be greater than or equal to 1"),
    (
        {"num_attention_heads": 5, "num_key_value_heads": 5},
        "hidden_size: 36 does not divide by 5 heads",
    ),
    ({"num_key_value_heads": 4}, "num_key_value_heads: 4 does not divide the 6 heads"),
    ({"num_local_experts": 8}, "num_local_experts: speaks of experts, which llama does not have"),
    ({"n_experts": 8}, "n_experts: speaks of experts"),
    ({"block_configs": [{}]}, "block_configs: speaks of layers of several kinds"),
    ({"kv_lora_rank": 18}, "kv_lora_rank: speaks of latent attention"),
    ({"mamba_d_state": 16}, "speaks of a state space"),
    ({"layer_types": ["linear_attention"] * 6}, "speaks of layers of several kinds"),
    (
        {"model_type": "qwen3", "layer_types": ["linear_attention"] * 2 + ["full_attention"] * 4},
        "layer_types: 2 of 6 are linear_attention; only layers of attention are modelled",
    ),
    ({"model_type": "qwen3", "layer_types": ["full_attention"]}, "has 1 entries for 6 layers"),
    (
        {"model_type": "gemma2", "sliding_window": None}
        | {"layer_types": ["sliding_attention"] * 6},
        "sliding_window: layers have a window, but no size is given",
    ),
    ({"model_type": "granitemoehybrid"}, "without it all layers are of a state space"),
    (
        {"model_type": "granitemoehybrid", "layer_types": ["mamba"] * 5 + ["attention"]},
        "layer_types: 5 of 6 are mamba; only layers of attention are modelled",
    ),
    ({"model_type": "deepseek_v2", "n_routed_experts": 7}, "num_experts_per_tok: missing"),
    ({"model_type": "mixtral", "num_experts_per_tok": 9}, "num_experts_per_tok: 9 of 8 experts"),
    ({"model_type": "opt", "word_embed_proj_dim": 12}, "embeddings of another width"),
    ({"model_type": "gpt_neox", "head_dim": 7}, "head_dim: 7 is not 6, hidden_size / num_att"),
    ({"model_type": "gpt2", "n_embd": 48}, "n_embd: differs from hidden_size, which means"),
    ({"model_type": "swinv2", "window_size": 5}, "window_size: 5 does not divide the 56x56 patch"),
    ({"model_type": "vit", "image_size": 8}, "image_size: 8 is less than a patch, 16"),
    ({"model_type": "swinv2", "mlp_ratio": float("inf")}, "mlp_ratio: must be less than or equal"),
    ({"dim": 36, "layers": 6}, "is a key of config.json, and dim one of a model's YA"),
    ({"model_type": "left out", "num_experts": 8}, "a file without model_type does not have"),
    ({"model_type": "left out", "vocab_size": "left out"}, "taken, vocab_size must be said"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), MISTAKES)
def test_mistakes(config, changes, expected, capsys):
    path = config(changes)
    assert main(["models", "import", path]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and expected in lines[0] and path in lines[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"hidden_size": 1,\n "vocab_size": 3,\n "hidden_size": 2}', ":3: key 'hidden_size' is"),
        ('{"model_type": "llama"', ":1: not JSON: "),
        ("[1]", "must hold keys and values"),
        ("", ":1: not JSON: "),
        ("{}", "no config.json of Hugging Face: it has neither model_type nor"),
        ('{"dim": 4096, "n_layers": 32}', "no config.json of Hugging Face"),
        ('{"n_layer": 2}', "must be said"),
    ],
)  # fmt: skip
def test_files_that_are_none(tmp_path, text, expected):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(expected)):
        load_model(str(path))


def test_json_of_any_form(tmp_path):
    """Tabs, halves of characters, infinity, a byte order mark: what JSON files have."""
    text = json.dumps(LLAMA | {"note": "😀/", "limit": [0.0, float("inf")]}, indent="\t")
    path = tmp_path / "config.json"
    path.write_text("\ufeff" + text.replace("/", "\\/"))
    assert load_model(str(path)).dim == 36


def test_what_only_other_families_read_is_told(config):
    changes = {"sliding_window": 8, "n_layer": 5, "moe_intermediate_size": None, "use_cache": True}
    [note] = [n for n in translation(config(changes)).notes if n.startswith("not read")]
    assert note == "not read, for no size of llama follows from it: sliding_window = 8, n_layer = 5"


def test_notes_quote_no_commands_of_terminals(config, tmp_path, capsys):
    path, output = config({"word_embed_proj_dim": "\x1b[31m\x07"}), tmp_path / "model.yaml"
    assert main(["models", "import", path, "-o", str(output)]) == 0
    assert "word_embed_proj_dim = \\x1b[31m\\x07" in output.read_text()
    assert load_model(str(output)).dim == 36
    capsys.readouterr()
    assert main(["models", "import", config({"word_embed_proj_dim": "\ud800"})]) == 2
    assert "half of a character" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "key", "dense"),
    [
        ({"model_type": "qwen3_moe"}, "mlp_only_layers", 0),
        ({"model_type": "llama4_text", "num_local_experts": 7}, "moe_layers", 10_000),
    ],
)
def test_long_lists_of_layers_take_no_time(config, changes, key, dense):
    changes |= {"num_hidden_layers": 10_000, key: list(range(20_000, 80_000))}
    path, began = config(changes), time.process_time()
    experts = load_model(path).experts
    assert (experts.dense_layers if experts else 10_000) == dense
    assert time.process_time() - began < 5  # one after the other it would be twice that


def test_two_kinds_of_keys(config):
    with pytest.raises(InputError, match=r"hidden_size: is a key of config\.json, and dim one of"):
        load_model(config({"dim": 36}, PASTED, "mixed.yaml"))


def test_text_config(config):
    text = {key: value for key, value in LLAMA.items() if key != "model_type"}
    path = config({"model_type": "gemma3", "text_config": text, "vision_config": {}}, {})
    model = load_model(path)
    assert (model.dim, model.layers, model.key_dim, model.tied_output) == (36, 6, 256, True)
    assert "the model of vision_config" in translation(path).notes[-1]
    untied = config({"model_type": "gemma3", "text_config": text, "tie_word_embeddings": False}, {})
    assert not load_model(untied).tied_output
    bad = config({"model_type": "gemma3", "text_config": text | {"hidden_size": 0}}, {})
    with pytest.raises(InputError, match=r"config\.json:\d+: hidden_size: must be greater"):
        load_model(bad)


def test_a_family_by_its_architecture(config):
    path = config(
        {"model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"], "n_routed_experts": 7}
        | {"num_experts_per_tok": 3}
    )
    assert load_model(path).latent.kv_rank == 512
    assert "kimi_k2 is read as deepseek_v3" in translation(path).notes[0]


def test_what_stood_in_is_noted(config):
    notes = translation(config({"num_key_value_heads": "left out"})).notes
    assert "as in LlamaConfig: " in notes[0]
    assert "num_key_value_heads = num_attention_heads" in notes[0]
    notes = translation(config({"model_type": "gpt_oss", "num_nextn_predict_layers": 1})).notes
    assert "attention sinks" in notes[-1] and "router" in notes[-1]


def test_cached_hub_id(config, tmp_path, monkeypatch):
    commit = "0" * 40
    cache = tmp_path / "hub" / "models--org--some-model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / "config.json").write_text(json.dumps(LLAMA))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert load_model("org/some-model").dim == 36
    with pytest.raises(InputError, match=r"no hub id with a config\.json in the local cache"):
        load_model("org/other-model")


@pytest.mark.parametrize("name", ["", " ", "..", "~nobody/x", "a b/c", "/no/such", "a//b"])
def test_odd_names(name):
    with pytest.raises(InputError):
        load_model(name)


@pytest.mark.parametrize("entry", PUBLIC, ids=lambda entry: entry["name"])
def test_import_gives_the_same_model(config, entry, tmp_path, capsys):
    path, copy = config(entry["config"], {}), str(tmp_path / "copy.yaml")
    assert main(["models", "import", path, "-o", copy]) == 0
    assert load_model(copy) == load_model(path)
    assert "B parameters" in capsys.readouterr().out
    if package := entry.get("package"):
        packaged = load_model(package)
        assert packaged.model_copy(update={"source": ""}) == load_model(path).model_copy(
            update={"source": ""}
        )


def test_notes_are_comments():
    text = as_yaml({"source": "a: b # c", "dim": 3}, ("two\nlines", "one"))
    assert text.startswith("# two lines\n# one\n")
    assert yaml.safe_load(text) == {"source": "a: b # c", "dim": 3}


def test_command(config, tmp_path, capsys):
    assert main(["models"]) == 0
    assert "deepseek_v3" in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["model"]: row["active_b"] for row in rows}["mixtral_8x7b"] == pytest.approx(
        12.88, 1e-3
    )
    for wrong in (
        ["import"], ["import", "llama_2_7b"], ["import", config({}), "-o", "x.json"],
        ["import", config({}), "--json"], ["-o", "x.yaml"],
    ):  # fmt: skip
        assert main(["models", *wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_everything_takes_it(config, tmp_path, capsys):
    run = {"design": "mugi", "array_height": 64, "batch_size": 2, "seq_len": 128}
    path = config({})
    from_json = evaluate_hardware(grids=[run | {"model": [path]}])
    assert main(["models", "import", path, "-o", str(tmp_path / "m.yaml")]) == 0
    from_yaml = evaluate_hardware(grids=[run | {"model": [str(tmp_path / "m.yaml")]}])
    assert from_json["cycles"].tolist() == from_yaml["cycles"].tolist()
    grid = tmp_path / "grid.yaml"
    grid.write_text(yaml.safe_dump([run | {"model": str(tmp_path)}]))
    assert main(["evaluate", "--grid", str(grid), "-o", str(tmp_path / "out.csv")]) == 0
    capsys.readouterr()
    options = [f"--{key.replace('_', '-')}={value}" for key, value in run.items()]
    assert main(["evaluate", f"--model={path}", *options]) == 0
    told = capsys.readouterr().err
    assert "config.json, not in the file" in told and "config.json, left out: " in told


def test_no_torch(config):
    code = "import sys; from mugi.hardware.model import load_model; load_model(sys.argv[1]); "
    code += "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code, config({})],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == "[]\n"
