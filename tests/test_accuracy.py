"""Perplexity, lm-eval and `mugi accuracy`: a tiny model by hand, the embedded one (slow)."""

import json
import math

import pandas as pd
import pytest
import torch

from mugi.accuracy import corpus, harness, perplexity
from mugi.accuracy.inject import injected
from mugi.accuracy.models import load
from mugi.approximations import Approximation, parse, parse_operations
from mugi.cli import main
from mugi.errors import InputError

NATIVE = Approximation()
EXACT = parse_operations("softmax=exact;activation=exact")
COARSE = parse_operations("softmax=vlp:lut=3,max_exp=0,mantissa=1")


# --- perplexity ---------------------------------------------------------------------------------


def scored_by_hand(model, tokens: list[int], window: int, stride: int, count: int):
    """Distributions (float64 log-probabilities) of each scored token, in a plain loop."""
    scored, first_unseen = [], 1  # the first token of the text has no context
    for start in range(0, count * stride, stride):
        first_unseen = max(first_unseen, start + 1)
        with torch.no_grad():
            logits = model(torch.tensor([tokens[start : start + window]])).logits[0].double()
        for place in range(first_unseen, start + window):
            scored.append((torch.log_softmax(logits[place - start - 1], 0), tokens[place]))
        first_unseen = start + window
    return scored


@pytest.mark.parametrize(
    "window, stride, count", [(8, 8, 3), (8, 3, 4), (8, 1, 3), (3, 1, 5), (9, 9, 1)]
)
def test_windows_and_strides_against_a_plain_loop(tiny_llama, window, stride, count):
    tokens = torch.arange(200) * 37 % 257
    windows = perplexity.windows_of(tokens, window, stride, count)
    native, coarse = perplexity.evaluate(tiny_llama, windows, stride, [NATIVE, COARSE])

    expected = scored_by_hand(tiny_llama, tokens.tolist(), window, stride, count)
    with injected(tiny_llama, COARSE):
        other = scored_by_hand(tiny_llama, tokens.tolist(), window, stride, count)
    number = len(expected)
    assert native.tokens == coarse.tokens == number
    for total, scored in [(native, expected), (coarse, other)]:
        nll = -sum(float(row[token]) for row, token in scored) / number
        pairs = [(a, b) for (a, _), (b, _) in zip(expected, scored, strict=True)]
        kl = sum(float((there.exp() * (there - here)).sum()) for there, here in pairs)
        agreed = sum(int(there.argmax() == here.argmax()) for there, here in pairs)
        found = total.metrics()
        assert found["token_perplexity"] == pytest.approx(math.exp(nll), rel=1e-5)
        assert found["kl_divergence_nats"] == pytest.approx(kl / number, abs=1e-5)
        assert found["top1_agreement"] == agreed / number
    assert coarse.metrics()["kl_divergence_nats"] > 0.001


def test_every_token_but_the_first_is_scored_once_where_windows_overlap(tiny_llama):
    windows = perplexity.windows_of(torch.arange(50), 10, 4, 6)
    (total,) = perplexity.evaluate(tiny_llama, windows, 4, [NATIVE])
    assert total.tokens == 10 + 5 * 4 - 1


def test_native_agrees_with_itself(tiny_llama):
    windows = perplexity.windows_of(torch.arange(64), 16, 16, 4)
    ticks = []
    first, _, again = perplexity.evaluate(
        tiny_llama, windows, 16, [NATIVE, COARSE, NATIVE], lambda: ticks.append(1)
    )
    assert first.metrics()["kl_divergence_nats"] == 0
    assert first.metrics()["top1_agreement"] == 1
    assert first.metrics() == again.metrics()
    assert len(ticks) == 12


def test_chunks_of_held_windows_change_nothing(tiny_llama, monkeypatch):
    windows = perplexity.windows_of(torch.arange(64), 16, 16, 4)
    (whole,) = perplexity.evaluate(tiny_llama, windows, 16, [COARSE])
    monkeypatch.setattr(perplexity, "_HELD", 1)
    (pieces,) = perplexity.evaluate(tiny_llama, windows, 16, [COARSE])
    assert pieces.metrics() == whole.metrics()


@pytest.mark.parametrize("tokens, fits", [(28, True), (27, False)])
def test_a_text_must_hold_all_windows(tokens, fits):
    if fits:
        assert perplexity.windows_of(torch.arange(tokens), 10, 9, 3).tolist()[-1][-1] == 27
        return
    with pytest.raises(
        InputError, match="3 windows of 10 tokens every 9 need 28 tokens; the text has 27"
    ):
        perplexity.windows_of(torch.arange(tokens), 10, 9, 3)


# --- lm-eval ------------------------------------------------------------------------------------


def run_local_task(approximation, model, tokenizer, task, limit):
    wrapped = harness.MugiLM(approximation, pretrained=model, tokenizer=tokenizer, max_length=64)
    return harness.run_task(wrapped, task, limit, harness.task_manager(), seed=0)


def test_word_perplexity_is_that_of_rolling_windows(tiny_llama, byte_tokenizer):
    """lm-eval scores every token of the document, in windows that start with the end token."""
    text = corpus.prose_documents()[0]
    tokens = byte_tokenizer(text)["input_ids"]
    for approximation in (NATIVE, COARSE):
        result = run_local_task(str(approximation), tiny_llama, byte_tokenizer, "mugi_prose", 1)
        nll = 0.0
        with injected(tiny_llama, approximation), torch.no_grad():
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
    with injected(tiny_llama, Approximation(parse("exact"))), torch.no_grad():
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


def test_the_model_is_itself_after_a_task(tiny_llama, byte_tokenizer):
    tokens = torch.arange(20)[None]
    with torch.no_grad():
        before = tiny_llama(tokens).logits
        run_local_task(str(EXACT), tiny_llama, byte_tokenizer, "mugi_mmlu_dev", 1)
        assert torch.equal(tiny_llama(tokens).logits, before)


@pytest.mark.parametrize("batch_size", [2, "8", "auto"])
def test_batches_are_refused(tiny_llama, byte_tokenizer, batch_size):
    with pytest.raises(InputError, match=f"batch_size is {batch_size}; allowed: 1"):
        harness.MugiLM(pretrained=tiny_llama, tokenizer=byte_tokenizer, batch_size=batch_size)


# --- mugi accuracy ------------------------------------------------------------------------------


def test_accuracy_command(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output, results = tmp_path / "out" / "accuracy.csv", tmp_path / "out" / "lm_eval.json"
    arguments = [
        *["accuracy", str(checkpoint), "--window", "64", "--stride", "32", "--windows", "3"],
        *["--approx", "native", "--approx", str(COARSE), "--task", "mugi_mmlu_dev=2"],
        *["--dtype", "float32", "--threads", "1", "--seed", "7"],
    ]
    assert main([*arguments, "-o", str(output), "--lm-eval-json", str(results)]) == 0
    table = pd.read_csv(output, keep_default_na=False)
    assert set(table["model"]) == {"tiny"}
    assert set(zip(table["softmax"], table["attention"], strict=True)) == {
        ("native", "eager"),
        ("vlp:lut=3,max_exp=0,mantissa=1", "tables"),
    }
    assert set(table["dtype"]) == {"float32"}
    assert set(table["seed"]) == {7}
    assert table["versions"].str.contains("torch").all()
    prose = table[table["task"] == "prose"]
    assert set(prose["tokens"]) == {str(64 + 2 * 32 - 1)}
    assert set(prose["window_tokens"]) == {"64"}
    assert set(prose["stride_tokens"]) == {"32"}
    values = prose.set_index(["softmax", "metric"])["value"]
    assert values["native", "kl_divergence_nats"] == 0
    assert values["native", "top1_agreement"] == 1
    assert values["vlp:lut=3,max_exp=0,mantissa=1", "kl_divergence_nats"] > 0
    questions = table[table["task"] == "mugi_mmlu_dev"]
    assert set(questions["metric"]) == {"acc", "acc_norm"}
    assert set(questions["documents"]) == {2}
    saved = json.loads(results.read_text())
    assert set(saved) == {"native", str(COARSE)}
    native = saved["native"]["mugi_mmlu_dev"]["results"]["mugi_mmlu_dev"]["acc,none"]
    row = questions[(questions["softmax"] == "native") & (questions["metric"] == "acc")]
    assert row["value"].item() == native


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--approx", "softmax=vpl:lut=8"], "unknown method 'vpl' (did you mean 'vlp'?)"),
        (["--approx", "sofmax=exact"], "unknown operation 'sofmax' (did you mean 'softmax'?)"),
        (["--task", "mugi_mmlu=3"], "unknown task 'mugi_mmlu' (did you mean 'mugi_mmlu_dev'?)"),
        (["--task", "mugi_prose"], "--task mugi_prose: must be NAME=DOCUMENTS"),
        (["--task", "mugi_prose=0"], "--task mugi_prose=0: must be NAME=DOCUMENTS"),
        (["--window", "1"], "--window 1: must be at least 2 tokens"),
        (["--window", "64", "--stride", "65"], "--stride 65: must be 1 to 64"),
        (["--stride", "0"], "--stride 0: must be 1 to 1024"),
        (["--windows", "-1"], "--windows -1: must be at least 0"),
        (["--window", "200", "--windows", "10000"], "the text has 124464"),
        (["--window", "100000"], "--window 100000: the model's context is"),
        (["--device", "tpu"], "on device 'tpu'"),
    ],
)
def test_wrong_arguments_write_nothing(arguments, line, checkpoint, tmp_path, capsys):
    output, results = tmp_path / "accuracy.csv", tmp_path / "lm_eval.json"
    outputs = ["-o", str(output), "--lm-eval-json", str(results)]
    assert main(["accuracy", str(checkpoint), *arguments, *outputs]) == 2
    errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith("mugi")]
    assert len(errors) == 1
    assert line in errors[0]
    assert not output.exists()
    assert not results.exists()


def test_a_folder_without_a_model_gets_one_line(tmp_path, capsys):
    output = tmp_path / "accuracy.csv"
    assert main(["accuracy", str(tmp_path), "-o", str(output)]) == 2
    assert f"cannot load model '{tmp_path}'" in capsys.readouterr().err
    assert not output.exists()


def test_an_unknown_embedded_model_gets_one_line(tmp_path, capsys):
    assert main(["prepare", "smollm2", "-o", str(tmp_path / "model")]) == 2
    assert (
        "unknown embedded model 'smollm2' (did you mean 'smollm2_135m'?)" in capsys.readouterr().err
    )
    assert not (tmp_path / "model").exists()


# --- the embedded model -------------------------------------------------------------------------


@pytest.mark.slow
def test_perplexity_of_the_embedded_model(smollm2):
    """Numbers of a direct emulation, written independently of this package."""
    model, tokenizer = load(str(smollm2), "bfloat16", "eager", "cpu")
    tokens = tokenizer("\n\n".join(corpus.prose_documents()), add_special_tokens=False)["input_ids"]
    assert len(tokens) == 27_619
    windows = perplexity.windows_of(torch.tensor(tokens), 1024, 1024, 3)
    with torch.inference_mode():
        before = model(windows[:1, :256]).logits
    texts = ["exact", "vlp:lut=8,max_exp=3", "vlp:lut=8,max_exp=0"]
    approximations = [NATIVE, *(Approximation(parse(text)) for text in texts)]
    totals = perplexity.evaluate(model, windows, 1024, approximations)
    native, exact, fine, coarse = (total.metrics() for total in totals)
    assert native["token_perplexity"] == pytest.approx(22.38, abs=0.02)
    assert exact["token_perplexity"] == pytest.approx(22.44, abs=0.04)
    assert fine["token_perplexity"] == pytest.approx(22.41, abs=0.04)
    assert fine["kl_divergence_nats"] == pytest.approx(0.0020, abs=0.0005)
    assert coarse["token_perplexity"] == pytest.approx(33.2, abs=0.3)
    assert coarse["kl_divergence_nats"] == pytest.approx(0.41, abs=0.02)
    with torch.inference_mode():
        assert torch.equal(model(windows[:1, :256]).logits, before)


@pytest.mark.slow
def test_accuracy_command_on_the_embedded_model(smollm2, tmp_path):
    output = tmp_path / "accuracy.csv"
    arguments = ["--windows", "1", "--window", "256", "--task", "mugi_mmlu_dev=4", "--threads", "2"]
    approximation = ["--approx", "softmax=vlp:lut=8,max_exp=3;activation=vlp:lut=12,max_exp=3"]
    assert main(["accuracy", str(smollm2), *arguments, *approximation, "-o", str(output)]) == 0
    table = pd.read_csv(output).set_index("metric")
    assert 5 < table.loc["token_perplexity", "value"] < 100
    assert table.loc["top1_agreement", "value"] > 0.9
    assert table.loc["acc", "documents"] == 4
