"""lm-eval's tasks: scores against plain forward passes, ways to name a method, its command."""

import json
import math
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lm_eval._cli import HarnessCLI
from lm_eval.api.registry import get_model

from mugi.accuracy import harness, lm
from mugi.accuracy.intervals import describe
from mugi.accuracy.lm_eval import main as lm_eval_main
from mugi.accuracy.metrics import over_documents
from mugi.accuracy.settings import TaskSettings
from mugi.llm import texts as corpus
from mugi.llm.inject import emulated
from mugi.llm.load import load
from mugi.llm.settings import ModelSettings
from mugi.methods import Approximation, parse
from tests.accuracy.approximations import COARSE, EXACT, NATIVE, SLIDING

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parents[2]


def run_local_task(approximation, model, tokenizer, task, limit, batch_size=1):
    wrapped = harness.MugiLM(
        approximation,
        pretrained=model,
        tokenizer=tokenizer,
        max_length=64,
        batch_size=batch_size,
    )
    settings = TaskSettings(name=task, documents=limit)
    loaded = harness.load_task(settings, harness.task_manager([task]))
    found = harness.run_task(wrapped, loaded, settings)
    return found["results"] | {"documents": found["documents"], "tokens": found["tokens"]}


def test_word_perplexity_is_that_of_rolling_windows(tiny_llama, byte_tokenizer):
    """lm-eval scores every token of the document, in windows that start with the end token."""
    text = corpus.prose_documents()[0]
    tokens = byte_tokenizer(text)["input_ids"]
    for approximation in (NATIVE, COARSE):
        result = run_local_task(str(approximation), tiny_llama, byte_tokenizer, "mugi_prose", 1)
        nll = 0.0
        with emulated(tiny_llama, approximation), torch.no_grad():
            for start in range(0, len(tokens), 64):
                scored = tokens[start : start + 64]
                first = max(start + len(scored) - 64, 0)  # the last window is full, too
                before = tokens[first - 1] if first else 256
                context = [before, *tokens[first : start + len(scored)]]
                logits = tiny_llama(torch.tensor([context[:-1]])).logits[0].double()
                logs = torch.log_softmax(logits, -1)[-len(scored) :]
                nll -= sum(float(row[token]) for row, token in zip(logs, scored, strict=True))
        metrics = result["results"]["mugi_prose"]
        for name, units, error in [("byte", len(tokens), 1e-4), ("word", len(text.split()), 1e-2)]:
            expected = pytest.approx(math.exp(nll / units), rel=error)
            assert metrics[f"{name}_perplexity,none"] == expected


def test_multiple_choice_picks_the_likeliest_answer(tiny_llama, byte_tokenizer):
    limit = 5
    result = run_local_task("softmax=exact", tiny_llama, byte_tokenizer, "mugi_mmlu_dev", limit)
    right = 0
    with emulated(tiny_llama, Approximation(parse("exact"))), torch.no_grad():
        for question in corpus.questions()[:limit]:
            context = byte_tokenizer(f"Question: {question['question']}\nAnswer:")["input_ids"]
            scores = []
            for choice in question["choices"]:
                answer = byte_tokenizer(f" {choice}")["input_ids"]
                text = (context + answer)[-65:]
                logs = torch.log_softmax(tiny_llama(torch.tensor([text[:-1]])).logits[0], -1)
                rows = zip(logs[-len(answer) :], answer, strict=True)
                scores.append(sum(float(row[token]) for row, token in rows))
            right += scores.index(max(scores)) == question["answer"]
    assert result["results"]["mugi_mmlu_dev"]["acc,none"] == right / limit
    assert result["n-samples"]["mugi_mmlu_dev"]["effective"] == limit
    assert str(ROOT) not in json.dumps(result)  # the same file wherever the project is


def test_the_model_is_itself_after_a_task(tiny_llama, byte_tokenizer):
    tokens = torch.arange(20)[None]
    with torch.no_grad():
        before = tiny_llama(tokens).logits
        run_local_task(str(EXACT), tiny_llama, byte_tokenizer, "mugi_mmlu_dev", 1)
        assert torch.equal(tiny_llama(tokens).logits, before)


def tables(result: dict) -> list[pd.DataFrame]:
    """Return the numbers of a task's result: one table for its documents, one for its metrics."""
    (documents,) = result["documents"].values()
    return [pd.DataFrame(documents), pd.DataFrame(result["results"])]


@pytest.mark.parametrize("approximation", [NATIVE, SLIDING], ids=["native", "tables"])
def test_tasks_give_the_same_digits_for_any_batch_size(tiny_llama, byte_tokenizer, approximation):
    """On a CPU, where sequences run one at a time."""
    name, task = str(approximation), "mugi_mmlu_dev"
    alone = run_local_task(name, tiny_llama, byte_tokenizer, task, 2)
    for batch_size in (4, "auto"):
        batch = run_local_task(name, tiny_llama, byte_tokenizer, task, 2, batch_size)
        for found, expected in zip(tables(batch), tables(alone), strict=True):
            pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_padding_moves_no_group_and_few_digits(tiny_llama, byte_tokenizer, monkeypatch):
    """As on a GPU. Products add up in another order: 1e-5 of a float32 log-likelihood."""
    cpu = lm.in_batches
    name, task = str(SLIDING), "mugi_mmlu_dev"
    alone = run_local_task(name, tiny_llama, byte_tokenizer, task, 2)

    def padded(items, lengths, size, device, run):
        return cpu(items, lengths, size, torch.device("meta"), run)

    monkeypatch.setattr(lm, "in_batches", padded)
    batch = run_local_task(name, tiny_llama, byte_tokenizer, task, 2, 4)
    for found, expected in zip(tables(batch), tables(alone), strict=True):
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def test_commas_of_a_method_may_be_written_as_plus(tiny_llama, byte_tokenizer):
    model = harness.MugiLM(
        "softmax=vlp:lut=8+max_exp=3", pretrained=tiny_llama, tokenizer=byte_tokenizer
    )
    assert str(model.approximation) == "softmax=vlp:lut=8,max_exp=3"


@pytest.mark.parametrize("style", ["quoted", "plus", "json"])
def test_ways_to_write_a_method_in_the_model_arguments(style, checkpoint, monkeypatch):
    method = "softmax=vlp:lut=12,max_exp=3,group=8;activation=partial"
    arguments = {"pretrained": str(checkpoint), "dtype": "float32", "approximation": method}
    text = {
        "quoted": f"pretrained={checkpoint},dtype=float32,approximation='{method}'",
        "plus": f"pretrained={checkpoint},dtype=float32,approximation={method.replace(',', '+')}",
        "json": json.dumps(arguments),
    }[style]
    monkeypatch.setattr("sys.argv", ["lm_eval", "run", "--model", "mugi", "--model_args", text])
    parsed = HarnessCLI().parse_args().model_args
    model = get_model("mugi").create_from_arg_obj(parsed, {"device": "cpu", "batch_size": 2})
    assert str(model.approximation) == method
    assert model.model.dtype == torch.float32


@pytest.mark.slow
def test_lm_eval_runs_the_model_by_name(checkpoint, tmp_path):
    model = f"pretrained={checkpoint},dtype=float32,max_length=64"
    method = "softmax=vlp:lut=12,max_exp=3,group=8"
    argv = ["--model", "mugi", "--model_args", f"{model},approximation='{method}'"]
    argv += ["--tasks", "mugi_mmlu_dev", "--limit", "2", "--device", "cpu", "--batch_size", "4"]
    assert lm_eval_main([*argv, "--output_path", str(tmp_path / "out")]) == 0
    (saved,) = (tmp_path / "out").rglob("results*.json")
    found = json.loads(saved.read_text())["results"]["mugi_mmlu_dev"]
    tiny, tokenizer = load(ModelSettings(str(checkpoint)))
    expected = run_local_task(method, tiny, tokenizer, "mugi_mmlu_dev", 2)["results"]
    assert found["acc_norm,none"] == expected["mugi_mmlu_dev"]["acc_norm,none"]


@pytest.mark.slow
def test_lm_eval_says_bad_input_in_one_line(checkpoint, capsys):
    model = f"pretrained={checkpoint},approximation=softmax=vpl:lut=8"
    argv = ["--model", "mugi", "--model_args", model, "--tasks", "mugi_mmlu_dev", "--limit", "1"]
    assert lm_eval_main(argv) == 2
    assert "mugi: unknown method 'vpl' (did you mean 'vlp'?)" in capsys.readouterr().err


def test_the_model_is_announced_to_lm_eval():
    path = ROOT / "pyproject.toml"
    declared = tomllib.loads(path.read_text())["project"]["entry-points"]["lm_eval.models"]
    point = EntryPoint("mugi", declared["mugi"], "lm_eval.models")
    assert point.load() is harness.MugiLM


# --- what is reported ---------------------------------------------------------------------------


def test_what_lm_eval_reports_has_our_interval_where_sums_give_it():
    values = [1.0, 0.0, 1.0, 1.0]
    sums = [
        {"document": n, "metric": "acc", "reference": "", "total": value, "weight": 1.0}
        for n, value in enumerate(values)
    ]
    table = over_documents(sums)
    theirs = {"acc,none": 0.75, "acc_stderr,none": 0.2, "f1,none": 0.5, "f1_stderr,none": 0.1}
    rows = harness.as_reported(describe(table, {"native": table}), theirs)
    acc, difference, f1 = rows
    assert (acc["value"], acc["documents"]) == (0.75, 4)
    assert acc["standard_error"] == pytest.approx(np.std(values, ddof=1) / 2)
    assert acc["ci_low"] < 0.75 < acc["ci_high"]
    assert (difference["metric"], difference["value"]) == ("acc_difference", 0)
    assert (f1["value"], f1["standard_error"]) == (0.5, 0.1)
    assert "ci_low" not in f1
