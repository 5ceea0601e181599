"""`mugi accuracy` with bad input: one line, and nothing is written."""

import pytest
import torch

from mugi.cli import main
from mugi.llm import load as models
from mugi.llm.checkpoint import write_sums
from tests.accuracy.command import accuracy


@pytest.mark.parametrize(
    "text, line",
    [
        ("softmax=vlp:lut=8..9,max_exp=3..0", "'softmax=vlp:lut=8..9,max_exp=3..0': 3..0 must go"),
        ("softmax=vlp:lut=8|9,maxexp=0..3", "unknown parameter 'maxexp' (did you mean 'max_exp'?)"),
        (
            "softmax=vlp:lut=1..900,max_exp=0;activation=vlp:lut=1..900,max_exp=0",
            "too many methods; allowed: up to 10,000",
        ),
    ],
)
def test_a_mistake_in_a_grid_is_one_line(checkpoint, tmp_path, capsys, text, line):
    assert accuracy(checkpoint, tmp_path / "accuracy.csv", "--approx", text) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said
    assert not (tmp_path / "accuracy.csv").exists()


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--approx", "softmax=vpl:lut=8"], "unknown method 'vpl' (did you mean 'vlp'?)"),
        (["--approx", "sofmax=exact"], "unknown operation 'sofmax' (did you mean 'softmax'?)"),
        (["--tasks", "mugi_mmlu=3"], "unknown task 'mugi_mmlu' (did you mean 'mugi_mmlu_dev'?)"),
        (["--tasks", "mugi_prose=0"], "--tasks mugi_prose=0: must be NAME, or NAME=DOCUMENTS"),
        (["--tasks", "mugi_prose=x"], "--tasks mugi_prose=x: must be NAME, or NAME=DOCUMENTS"),
        (["--corpus", "prosa"], "unknown text 'prosa' (did you mean 'prose'?)"),
        (["--task-folder", "no/where"], "--task-folder no/where: no such folder"),
        (["--window", "1"], "--window 1: must be at least 2 tokens"),
        (["--window", "64", "--stride", "65"], "--stride 65: must be 1 to 64"),
        (["--stride", "0"], "--stride 0: must be 1 to 256"),
        (["--stride", "128"], "--stride 128: must be 256 (the window) unless the documents are"),
        (["--kl-context", "256"], "--kl-context 256: must be at least 1 and less than 256"),
        (["--windows", "-1"], "--windows -1: must be at least 1"),
        (["--corpus", "prose=x"], "--corpus prose=x: must be NAME, or NAME=WINDOWS with at least"),
        (["--corpus", "prose=2", "--corpus", "prose"], "--corpus prose: 'prose' is there twice"),
        (["--tasks", "mugi_prose=1,mugi_prose"], "--tasks mugi_prose: 'mugi_prose' is there twice"),
        (["--documents", "documents.txt"], "'documents.txt' must end in .csv or .parquet"),
        (["--windows", "0"], "nothing to measure"),
        (["--batch-size", "0"], "--batch-size 0: must be auto or at least 1"),
        (["--num-fewshot", "-1"], "--num-fewshot -1: must be at least 0"),
        (
            ["--window", "200", "--windows", "10000", "--cut", "joined"],
            "the text has 124464",
        ),
        (["--window", "200", "--windows", "10000"], "documents of at least 200 tokens; 10000 are"),
        (["--window", "100000"], "--window 100000: the model's context is"),
        (["--device", "cuda"], "device 'cuda': PyTorch finds no GPU here; allowed: cpu"),
        (["--device", "tpu"], "--device tpu: must be cpu, cuda, cuda:N or auto"),
    ],
)
def test_wrong_arguments_write_nothing(arguments, line, checkpoint, tmp_path, capsys):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    output, results = tmp_path / "accuracy.csv", tmp_path / "lm_eval.json"
    outputs = ["-o", str(output), "--lm-eval-json", str(results)]
    assert main(["accuracy", str(checkpoint), *arguments, *outputs]) == 2
    errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith("mugi")]
    assert len(errors) == 1
    assert line in errors[0]
    assert not output.exists()
    assert not results.exists()


@pytest.mark.parametrize(
    "text, line",
    [("", "no text in it"), ("\n \n\n", "no text in it"), ("few words", "the text has 9")],
)
def test_an_empty_or_short_text_writes_nothing(text, line, checkpoint, tmp_path, capsys):
    path, output = tmp_path / "mine.txt", tmp_path / "accuracy.csv"
    path.write_text(text)
    assert accuracy(checkpoint, output, "--corpus", str(path)) == 2
    assert line in capsys.readouterr().err
    assert not output.exists()


def damaged(checkpoint, change):
    """Spoil the weights of a checkpoint, or what it says of them."""
    weights = checkpoint / "model.safetensors"
    if change == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif change == "other":
        write_sums(checkpoint)
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    else:
        write_sums(checkpoint)
        weights.unlink()


@pytest.mark.parametrize(
    "change, line",
    [
        ("truncated", "cannot load model"),
        ("other", "model.safetensors has sha256"),
        ("missing", "model.safetensors is missing, expected"),
    ],
)
def test_a_damaged_checkpoint_writes_nothing(change, line, checkpoint, tmp_path, capsys):
    damaged(checkpoint, change)
    output = tmp_path / "accuracy.csv"
    assert accuracy(checkpoint, output) == 2
    errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith("mugi")]
    assert len(errors) == 1
    assert line in errors[0]
    assert "HF_HUB_OFFLINE" not in errors[0]
    assert not output.exists()


@pytest.mark.parametrize("gpus, line", [(0, "finds no GPU here"), (2, "cuda:0 to cuda:1")])
@pytest.mark.parametrize("command", ["accuracy", "profile", "datapath"])
def test_a_gpu_that_is_not_there(command, gpus, line, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    output = tmp_path / "table.csv"
    assert main([command, str(checkpoint), "--device", "cuda:2", "-o", str(output)]) == 2
    assert line in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("command", ["accuracy", "tune", "profile", "datapath"])
def test_a_mistyped_folder_names_the_nearest(command, tmp_path, capsys):
    (tmp_path / "smollm2_135m").mkdir()
    output = tmp_path / "table.csv"
    anchors = ["--max-exp", "1", "--max-exp", "2"] if command == "tune" else []
    arguments = [str(tmp_path / "smolm2_135m"), "-o", str(output), *anchors]
    assert main([command, *arguments]) == 2
    assert "smolm2_135m' (did you mean 'smollm2_135m'?); one of: " in capsys.readouterr().err
    assert not output.exists()


def test_a_folder_without_a_model_gets_one_line(tmp_path, capsys):
    output = tmp_path / "accuracy.csv"
    assert main(["accuracy", str(tmp_path), "-o", str(output)]) == 2
    assert f"cannot load model '{tmp_path}'" in capsys.readouterr().err
    assert not output.exists()


def hub(status: int) -> Exception:
    """What the hub's client raises for a model that is gated."""
    return OSError(
        "You are trying to access a gated repo.\n"
        f"{status} Client Error. Cannot access https://huggingface.co/org/gated"
    )


@pytest.mark.parametrize(
    "token, line", [("", "HF_TOKEN is not set"), ("hf_secret", "HF_TOKEN has no access")]
)
def test_a_gated_model_needs_a_token_that_is_never_shown(
    token, line, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", token)

    def refuse(*args, **kwargs):
        raise hub(403 if token else 401)

    monkeypatch.setattr(models.AutoConfig, "from_pretrained", refuse)
    assert main(["accuracy", "org/gated", "-o", str(tmp_path / "accuracy.csv")]) == 2
    printed = "".join(capsys.readouterr())
    assert f"cannot load model 'org/gated': it is gated, or there is no such model, and {line}" in (
        printed
    )
    assert "hf_secret" not in printed
    assert not list(tmp_path.iterdir())


def test_the_token_is_in_no_table(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    outputs = ["--lm-eval-json", str(tmp_path / "out" / "l.json"), "--tasks", "mugi_mmlu_dev=1"]
    outputs += ["--cells", str(tmp_path / "out"), "--documents", str(tmp_path / "out" / "d.csv")]
    assert accuracy(checkpoint, tmp_path / "out" / "accuracy.csv", *outputs) == 0
    assert "hf_secret" not in "".join(capsys.readouterr())
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not [path for path in written if b"hf_secret" in path.read_bytes()]


def test_a_hub_model_without_network_gets_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["accuracy", "org/not-here", "-o", str(tmp_path / "accuracy.csv")]) == 2
    assert "cannot load model 'org/not-here': (HF_HUB_OFFLINE is set)" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_embedded_model_gets_one_line(tmp_path, capsys):
    assert main(["prepare", "smollm2", "-o", str(tmp_path / "model")]) == 2
    assert (
        "unknown embedded model 'smollm2' (did you mean 'smollm2_135m'?)" in capsys.readouterr().err
    )
    assert not (tmp_path / "model").exists()
