"""Loading checkpoints: precision, attention, place and threads; what fails is one line."""

import json

import pytest
import torch
import transformers
from transformers import AutoConfig

from mugi.errors import InputError
from mugi.llm import stored
from mugi.llm.load import LOADERS, commit, load
from mugi.llm.settings import ModelSettings
from tests.llm.tiny_models import built

IDS = torch.arange(6)[None]


@torch.inference_mode()
def test_the_default_is_float32_with_sdpa_on_one_thread(checkpoint, tiny_llama):
    torch.set_num_threads(2)
    model, tokenizer = load(ModelSettings(str(checkpoint)))
    assert torch.get_num_threads() == 1
    assert (model.dtype, model.config._attn_implementation) == (torch.float32, "sdpa")
    assert not model.training
    assert {type(m) for m in model.modules() if "Linear" in type(m).__name__} == {torch.nn.Linear}
    torch.testing.assert_close(model(IDS).logits, tiny_llama(IDS).logits, rtol=1e-4, atol=1e-4)
    assert tokenizer("ab", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_settings_stay_options(checkpoint, one_thread, dtype):
    model, _ = load(ModelSettings(str(checkpoint), dtype=dtype, attention="eager"))
    assert (str(model.dtype), model.config._attn_implementation) == (f"torch.{dtype}", "eager")


def test_a_model_without_sdpa_is_loaded_with_its_own_attention(tmp_path, one_thread):
    built("Swinv2").save_pretrained(tmp_path)
    transformers.BitImageProcessorPil().save_pretrained(tmp_path)
    model, _ = load(ModelSettings(str(tmp_path)), ["image"])
    assert model.config._attn_implementation == "eager"


def test_a_kind_that_is_not_asked_for_is_one_line(checkpoint):
    with pytest.raises(InputError, match="is of kind text: it is evaluated on text"):
        load(ModelSettings(str(checkpoint)), ["speech"])


def test_auto_lets_accelerate_place_the_layers(checkpoint, monkeypatch):
    asked = {}

    def from_pretrained(source, **arguments):
        asked.update(arguments)
        raise OSError("far enough")

    monkeypatch.setattr(LOADERS["text"][0], "from_pretrained", from_pretrained)
    for device, placed in [("auto", "auto"), ("cuda:1", {"": "cuda:1"}), ("cpu", None)]:
        with pytest.raises(InputError, match="far enough"):
            load(ModelSettings(str(checkpoint), device=device))
        assert asked["device_map"] == placed


# --- what cannot be loaded ------------------------------------------------------------------------


def test_a_damaged_file_is_one_line(checkpoint):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError) as error:
        load(ModelSettings(str(checkpoint)))
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"cannot load model '{checkpoint}': ") and "HF_HUB_OFFLINE" not in line


def test_a_tokenizer_that_is_none_is_one_line(checkpoint):
    """The package tokenizers raises a plain Exception."""
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": [["b", "c"]]}
    text = json.dumps({"version": "1.0", "added_tokens": [], "model": model})
    (checkpoint / "tokenizer.json").write_text(text)
    with pytest.raises(InputError, match=r"cannot load model '.*': Token `b` out of vocabulary"):
        load(ModelSettings(str(checkpoint)))


def test_pickled_weights_that_are_empty_are_one_line(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").touch()
    with pytest.raises(InputError, match="a damaged file: EOFError"):
        load(ModelSettings(str(checkpoint)))


@pytest.mark.parametrize(
    "raised, token, line",
    [
        (OSError("a gated repo.\n401 Client Error"), "", "HF_TOKEN is not set: ask for access on"),
        (OSError("a gated repo.\n403 Client Error"), "hf_secret", "HF_TOKEN has no access: ask"),
        (OSError("we couldn't connect"), "", "no connection to the hub, and it is not downloaded"),
        (ValueError("no such\nthing"), "", "cannot load model 'org/model': no such"),
        (ZeroDivisionError("modulo"), "", "cannot load model 'org/model': modulo"),
        (ValueError(""), "", "cannot load model 'org/model': ValueError"),
        (torch.OutOfMemoryError(), "", "does not fit into the GPU's memory; try --dtype float16"),
    ],
)
def test_what_the_hub_says_is_one_line(raised, token, line, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def refuse(*args, **kwargs):
        raise raised

    monkeypatch.setattr(AutoConfig, "from_pretrained", refuse)
    for asked in (lambda: commit("org/model"), lambda: load(ModelSettings("org/model"))):
        with pytest.raises(InputError) as error:
            asked()
        assert line in str(error.value)
        assert "\n" not in str(error.value) and "hf_secret" not in str(error.value)


@pytest.mark.parametrize(
    "place", ["load._place", "load.kind_of", "stored.prepared", "complete.check_weights"]
)
def test_a_bug_of_ours_is_no_model_that_cannot_be_loaded(place, checkpoint, monkeypatch):
    def planted(*arguments):
        raise TypeError("planted")

    monkeypatch.setattr(f"mugi.llm.{place}", planted)
    with pytest.raises(TypeError, match="planted"):
        load(ModelSettings(str(checkpoint)))


def test_a_bug_in_a_line_of_ours_beside_a_library_is_no_model_either(checkpoint, monkeypatch):
    monkeypatch.setattr(stored, "getattr", None, raising=False)  # of `stored.dequantised`
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        load(ModelSettings(str(checkpoint)))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_checkpoint_never_runs(checkpoint, monkeypatch, file):
    """Nor is anybody asked at the terminal."""
    (checkpoint / "own.py").write_text("raise SystemExit('it ran')")
    path = checkpoint / file
    own = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M", "AutoTokenizer": ["own.T", None]}
    changes = {"auto_map": own, "model_type": "my_new_model", "tokenizer_class": "MyTokenizer"}
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    monkeypatch.setattr("builtins.input", lambda *text: pytest.fail("asks at the terminal"))
    with pytest.raises(InputError) as error:
        load(ModelSettings(str(checkpoint)))
    assert "it brings Python code of its own, which would run with all your" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    if file == "config.json":
        with pytest.raises(InputError, match="refused, and no option allows it"):
            commit(str(checkpoint))


def test_code_that_transformers_has_is_its_own(checkpoint, caplog):
    path = checkpoint / "config.json"
    changes = {"auto_map": {"AutoModelForCausalLM": "own.M"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    load(ModelSettings(str(checkpoint)))
    assert "its own Python code is not run, but llama of transformers" in caplog.text


def test_pickled_code_is_refused(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(InputError, match="pickled Python that would run code: refused; allowed:"):
        load(ModelSettings(str(checkpoint)))


def test_offline_is_said(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match=r"cannot load model 'org/not-here': \(HF_HUB_OFFLINE is"):
        load(ModelSettings("org/not-here"))
