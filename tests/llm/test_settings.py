"""What names a model and how it runs: defaults, and mistakes before anything is loaded."""

import subprocess
import sys

import pytest
import torch

from mugi.errors import InputError
from mugi.llm.settings import ModelSettings, device_kind


def test_defaults(tmp_path):
    settings = ModelSettings(str(tmp_path / "smollm2_135m"))
    assert (settings.name, settings.dtype, settings.attention) == (
        "smollm2_135m",
        "float32",
        "sdpa",
    )
    assert (settings.device, settings.threads, settings.is_local) == ("cpu", 1, False)
    assert ModelSettings("org/model").name == "model"


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"threads": 0}, "threads 0: must be at least 1"),
        ({"dtype": "bfloat"}, "unknown dtype 'bfloat' (did you mean 'bfloat16'?)"),
        ({"attention": "flash"}, "unknown attention 'flash'; one of: sdpa, eager"),
        ({"device": "tpu"}, "device tpu: must be cpu, cuda, cuda:N or auto (did you mean 'cpu'?)"),
        (
            {"source": "smolm2"},
            "no model 'smolm2' (did you mean 'smollm2'?); one of: a checkpoint",
        ),
    ],
)
def test_a_mistake_is_one_line(changes, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smollm2").mkdir()
    with pytest.raises(InputError) as error:
        ModelSettings(**{"source": "smollm2"} | changes).check()
    (mistake,) = error.value.mistakes
    assert str(mistake).startswith(line)


@pytest.mark.parametrize(
    "gpus, device, line",
    [
        (0, "auto", "device 'auto': PyTorch finds no GPU here; allowed: cpu"),
        (2, "cuda:2", "device 'cuda:2': not here; allowed: cpu, cuda:0 to cuda:1"),
    ],
)
def test_a_gpu_that_is_not_there(gpus, device, line, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(InputError) as error:
        ModelSettings(str(tmp_path), device=device).check()
    assert str(error.value) == line


def test_gpus_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {str(device)[-1]}"[:5])
    assert device_kind("cpu") == "cpu"
    assert device_kind("cuda:1") == "GPU 1"
    assert device_kind("auto") == "GPU 0, GPU 1, GPU 2"


def test_checking_imports_no_torch(tmp_path):
    code = (
        "import sys; from mugi.llm.checkpoint import model_digest; "
        "from mugi.llm.settings import ModelSettings; "
        f"ModelSettings({str(tmp_path)!r}).check(); model_digest({str(tmp_path)!r}); "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
