"""Models shared by tests: a tiny random Llama built here, and the embedded one (slow).

With several workers (`make test`) each has one thread, and they share the embedded model.
"""

import os
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("TRITON_INTERPRET", "1")  # read once, when torch's CUDA build imports triton
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
hypothesis.settings.register_profile("busy", deadline=None)  # other workers take time
hypothesis.settings.load_profile("busy")


def pytest_terminal_summary(terminalreporter):
    """Print what the fuzzers tried (tests/fuzz), of all workers."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    properties = (pair for report in reports for pair in report.user_properties)
    lines = sorted(value for name, value in properties if name == "fuzzed")
    if lines:
        terminalreporter.section("fuzzed")
        terminalreporter.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def one_thread():
    """Torch on one thread: small models are many times slower on more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny_llama(one_thread):
    """A random Llama of 3 layers with grouped-query attention, large enough weights to matter."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
        bos_token_id=256,
        eos_token_id=256,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def byte_tokenizer():
    """One token a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary | {"<end>": 256}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", bos_token="<end>")


@pytest.fixture
def checkpoint(tiny_llama, byte_tokenizer, tmp_path) -> Path:
    """Folder of the tiny Llama with a tokenizer of bytes."""
    folder = tmp_path / "tiny"
    tiny_llama.save_pretrained(folder)
    byte_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory) -> Path:
    """Checkpoint folder of the embedded model: that of the default run, or one made here."""
    made = Path(__file__).parent.parent / "results" / "models" / "smollm2_135m"
    if (made / "model.safetensors").exists():
        return made
    from mugi.cli import main

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of the folders of all workers
    folder = shared / "smollm2_135m"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            assert main(["prepare", "smollm2_135m", "-o", str(folder)]) == 0
    return folder
