"""`evaluate_accuracy` and `mugi accuracy`: tables, documents, controls, tasks."""

import json
import math

import pandas as pd
import pytest
import torch

import mugi
from mugi.accuracy.intervals import describe
from mugi.accuracy.metrics import METRICS, token_metric, token_metrics
from mugi.accuracy.rows import COLUMNS, DOCUMENT_COLUMNS
from mugi.accuracy.settings import TaskSettings, TextSettings
from mugi.errors import InputError
from mugi.llm import texts as corpus
from mugi.llm.settings import ModelSettings
from mugi.methods.grid import expand_operations
from tests.accuracy.approximations import COARSE, NATIVE
from tests.accuracy.command import accuracy

WINDOWS = {"windows": 4, "window_tokens": 24, "kl_context_tokens": 8}


def test_a_notebook_gets_tables(checkpoint):
    texts = [TextSettings(**WINDOWS), TextSettings(name="pydoc", **WINDOWS | {"windows": 2})]
    result = mugi.evaluate_accuracy(
        model=ModelSettings(str(checkpoint)), approximations=[NATIVE, COARSE], texts=texts
    )
    table = result.table
    assert list(table) == COLUMNS
    assert list(result.documents) == DOCUMENT_COLUMNS
    assert set(table["cut"]) == {"documents"}
    prose = table[table["task"] == "prose"].set_index(["softmax", "metric", "reference"])
    assert set(prose["documents"]) == {4}
    assert set(prose["tokens"]) == {4 * 23}
    coarse = prose.loc[str(COARSE.softmax)]
    assert set(coarse["interval"]) == {"Student t over documents, 95 %"}
    assert (coarse["ci_low"] <= coarse["value"]).all() and (
        coarse["value"] <= coarse["ci_high"]
    ).all()
    context = coarse["context_tokens"].groupby("metric").first()
    assert context["kl_divergence_nats"] == 8
    assert set(context.drop("kl_divergence_nats")) == {1}
    losses = result.documents.set_index(["task", "softmax", "metric"]).loc["prose"]
    here, there = (
        losses.loc[(softmax, "log_loss_nats"), "total"].sum() / (4 * 23)
        for softmax in (str(COARSE.softmax), "native")
    )
    moved = coarse.loc[("log_loss_nats_difference", "native"), "value"]
    assert moved == pytest.approx(here - there, abs=1e-12)
    assert coarse.loc[("token_perplexity", ""), "value"] == pytest.approx(math.exp(here))


def test_names_will_do_and_nothing_is_printed(checkpoint, capfd):
    settings = TextSettings(**WINDOWS | {"windows": 2})
    task = TaskSettings(name="mugi_pydoc", documents=1, window_tokens=64)
    named = {"approximations": str(COARSE), "texts": [settings], "tasks": [task]}
    result = mugi.evaluate_accuracy(checkpoint, **named)
    assert set(result.table["task"]) == {"prose", "mugi_pydoc"}
    assert capfd.readouterr() == ("", "")


def test_every_metric_of_tokens_is_in_the_table_with_its_unit(checkpoint):
    text = TextSettings(**WINDOWS)
    model = ModelSettings(str(checkpoint))
    table = mugi.evaluate_accuracy(model=model, approximations=[COARSE], texts=[text]).table
    units = dict(zip(table["metric"], table["unit"], strict=True))
    for metric in token_metrics():
        assert units[metric.name] == METRICS[metric.name].unit
        assert metric.function.__doc__
    assert "log_loss_nats_difference" in units


def test_a_new_metric_is_one_function(checkpoint, tmp_path, monkeypatch):
    """It gets rows, differences and intervals, and windows are measured again for it."""
    arguments = {
        "model": ModelSettings(str(checkpoint)),
        "approximations": [COARSE],
        "texts": [TextSettings(**WINDOWS)],
        "cells": tmp_path,
    }
    before = mugi.evaluate_accuracy(**arguments).table
    monkeypatch.setattr("mugi.accuracy.metrics.METRICS", dict(METRICS))

    @token_metric("nats")
    def confidence_nats(here):
        """Mean log-probability of the likeliest token."""
        return here.log_loss - here.log_total

    table = mugi.evaluate_accuracy(**arguments).table
    new = table[~table["metric"].isin(before["metric"])]
    assert set(new["metric"]) == {"confidence_nats", "confidence_nats_difference"}
    assert set(new["unit"]) == {"nats"}
    assert new["ci_low"].notna().all()


def test_documents_of_different_numbers_of_tokens_weigh_by_tokens(checkpoint, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(
        "\n\n".join(f"paragraph {number}{', and so on' * (number % 3)}" for number in range(9))
    )
    text = TextSettings(name=str(path), **WINDOWS | {"windows": 3, "cut": "joined"})
    model = ModelSettings(str(checkpoint))
    result = mugi.evaluate_accuracy(model=model, approximations=[NATIVE], texts=[text])
    sums = result.documents[result.documents["metric"] == "log_loss_nats"]
    assert sums["weight"].sum() == 3 * 23 and sums["weight"].nunique() > 1
    row = result.table[result.table["metric"] == "log_loss_nats"].iloc[0]
    assert row["value"] == pytest.approx(sums["total"].sum() / sums["weight"].sum())


def test_nothing_to_measure(checkpoint):
    with pytest.raises(InputError, match="nothing to measure"):
        mugi.evaluate_accuracy(model=ModelSettings(str(checkpoint)), approximations=[NATIVE])
    with pytest.raises(InputError, match="documents 0: must be at least 1"):
        TaskSettings(name="mugi_prose", documents=0)


# --- the command --------------------------------------------------------------------------------


def test_accuracy_command(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output, results = tmp_path / "out" / "accuracy.csv", tmp_path / "out" / "lm_eval.json"
    arguments = ["--approx", "native", "--approx", str(COARSE), "--seed", "7"]
    arguments += ["--corpus", "prose", "--corpus", "pydoc=2", "--tasks", "mugi_mmlu_dev=2"]
    documents = tmp_path / "out" / "documents.csv"
    arguments += ["--lm-eval-json", str(results), "--documents", str(documents)]
    assert accuracy(checkpoint, output, *arguments) == 0
    table = pd.read_csv(output, keep_default_na=False)
    assert set(table["model"]) == {"tiny"}
    method = "vlp:lut=3,max_exp=0,mantissa=1"
    assert set(zip(table["softmax"], table["attention"], strict=True)) == {
        ("native", "sdpa"),
        (method, "tables"),
    }
    assert set(table["dtype"]) == {"float32"}
    assert table["versions"].str.contains("torch").all()
    text = table[table["task"].isin(["prose", "pydoc"])]
    for column, number in [("window_tokens", 64), ("stride_tokens", 32)]:
        assert set(text[column].astype(int)) == {number}
    tokens = text.groupby("task")["tokens"].first().astype(int).to_dict()
    assert tokens == {"prose": 127, "pydoc": 95}
    digests = {"prose": corpus.text("prose").sha256, "pydoc": corpus.text("pydoc").sha256}
    assert dict(zip(text["task"], text["text_sha256"], strict=True)) == digests
    values = text.set_index(["task", "softmax", "metric", "reference"])["value"]
    assert values["prose", "native", "kl_divergence_nats", "native"] == 0
    assert values["prose", "native", "top1_agreement", "native"] == 1
    for reference in ("native", "exact"):
        assert values["pydoc", method, "kl_divergence_nats", reference] > 0
        assert ("pydoc", method, "token_perplexity_difference", reference) in values.index
    difference = values["pydoc", method, "token_perplexity_difference", "native"]
    here, there = (values["pydoc", each, "token_perplexity", ""] for each in (method, "native"))
    assert difference == pytest.approx(here - there)
    questions = table[table["task"] == "mugi_mmlu_dev"]
    assert set(questions["metric"]) == {
        *("acc", "acc_norm", "acc_difference", "acc_norm_difference")
    }
    assert set(questions["documents"]) == {2}
    assert set(questions["seed"].astype(int)) == {7}
    saved = json.loads(results.read_text())
    assert set(saved) == {"native", str(COARSE)}
    native = saved["native"]["mugi_mmlu_dev"]["results"]["mugi_mmlu_dev"]["acc,none"]
    row = questions[(questions["softmax"] == "native") & (questions["metric"] == "acc")]
    assert row["value"].item() == native
    again = pd.read_csv(documents, keep_default_na=False)
    keys = ["task", "softmax", "metric", "reference"]
    sums = again.groupby(keys)[["total", "weight"]].sum()
    ratio = sums["total"] / sums["weight"]
    for key, value in values.items():
        if not key[2].endswith("_difference"):
            expected = math.exp(ratio[key]) if key[2] == "token_perplexity" else ratio[key]
            assert value == pytest.approx(expected)


def test_the_control_of_a_quantised_approximation_is_quantised(checkpoint, tmp_path):
    int4 = "woq=int4:group=16;kvq=int4:group=8"
    quantised = f"{COARSE};{int4}"
    arguments = [f"--approx={text}" for text in (quantised, f"softmax=exact;{int4}", int4)]
    documents = tmp_path / "documents.csv"
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"paragraph {number}, and so on" for number in range(9)))
    arguments += ["--corpus", str(text), "--documents", str(documents)]
    assert accuracy(checkpoint, tmp_path / "accuracy.csv", *arguments) == 0
    table = pd.read_csv(tmp_path / "accuracy.csv", keep_default_na=False)
    rows = table.set_index(["softmax", "woq", "metric", "reference"])
    vlp, woq = str(COARSE.softmax), "int4:group=16"
    value = rows["value"]
    difference = value[vlp, woq, "token_perplexity_difference", "exact"]
    exact = value["exact", woq, "token_perplexity", ""]
    assert difference == pytest.approx(value[vlp, woq, "token_perplexity", ""] - exact)
    assert value["exact", woq, "token_perplexity_difference", "exact"] == 0
    assert value["exact", woq, "kl_divergence_nats", "exact"] == 0
    assert value["exact", woq, "kl_divergence_nats", "native"] > 0.001
    assert value[vlp, woq, "kl_divergence_nats", "exact"] > 0.001
    rounded = value["exact", woq, "log_loss_nats", ""] - value["native", woq, "log_loss_nats", ""]
    found = value["exact", woq, "log_loss_nats_difference", "quantised"]
    assert found == pytest.approx(rounded, abs=1e-12)
    rounding = value["exact", woq, "kl_divergence_nats", "quantised"]
    assert 0 < rounding < value["exact", woq, "kl_divergence_nats", "native"]
    sums = pd.read_csv(documents, keep_default_na=False)
    sums = sums[(sums["metric"] == "token_perplexity") & (sums["woq"] == woq)]
    here, there = (sums[sums["softmax"] == name].reset_index() for name in (vlp, "exact"))
    (paired,) = [
        row
        for row in describe(here, {"exact": there})
        if row["metric"] == "token_perplexity_difference"
    ]
    interval = rows.loc[(vlp, woq, "token_perplexity_difference", "exact")]
    for end in ("ci_low", "ci_high"):
        assert float(interval[end]) == pytest.approx(paired[end])


def test_grids_are_the_list_that_they_stand_for(checkpoint, tmp_path):
    texts = {
        "grids": [
            "native",
            "softmax=vlp:lut=3|8,max_exp=0..1;activation=pwl:segments=4|6,range=2",
            "softmax=vlp:lut=3..4,max_exp=0",
        ],
        "list": [
            "native",
            *[
                f"softmax=vlp:lut={lut},max_exp={top};activation=pwl:segments={segments},range=2"
                for lut in (3, 8)
                for top in (0, 1)
                for segments in (4, 6)
            ],
            "softmax=vlp:lut=3,max_exp=0",
            "softmax=vlp:lut=4,max_exp=0",
        ],
    }
    assert list(map(str, expand_operations(texts["grids"]))) == texts["list"]
    for name, approximations in texts.items():
        arguments = [word for text in approximations for word in ("--approx", text)]
        assert accuracy(checkpoint, tmp_path / f"{name}.csv", "--windows", "1", *arguments) == 0
    assert (tmp_path / "grids.csv").read_bytes() == (tmp_path / "list.csv").read_bytes()


# --- the embedded model -------------------------------------------------------------------------


@pytest.mark.slow
def test_accuracy_of_the_embedded_model(smollm2):
    """Numbers of another program, in float32, that AVX-512 and AVX2 gave alike to 0.0002 of a
    perplexity; the effect of VLP to five digits. That of a coarse softmax was measured in BF16."""
    vlp = "softmax=vlp:lut=10,max_exp=3;activation=vlp:lut=11,max_exp=2"
    coarse = "softmax=vlp:lut=8,max_exp=0"
    windows = {"windows": 3, "window_tokens": 1024, "cut": "joined", "kl_context_tokens": 1}
    table = mugi.evaluate_accuracy(
        model=ModelSettings(str(smollm2)),
        approximations=expand_operations(["softmax=exact;activation=exact", vlp, coarse, "native"]),
        texts=[TextSettings(**windows)],
    ).table
    value = table.set_index(["softmax", "metric", "reference"])["value"]
    perplexity = value.xs("token_perplexity", level="metric").xs("", level="reference")
    assert perplexity["native"] == pytest.approx(22.3983, abs=0.002)
    assert perplexity["exact"] == pytest.approx(22.3907, abs=0.002)
    method = "vlp:lut=10,max_exp=3"
    moved = value[method, "token_perplexity_difference", "exact"]
    assert moved == pytest.approx(0.12223, abs=0.001)
    assert value[method, "kl_divergence_nats", "exact"] == pytest.approx(0.003485, abs=2e-5)
    assert perplexity["vlp:lut=8,max_exp=0"] == pytest.approx(33.45, abs=0.3)
    divergence = value["vlp:lut=8,max_exp=0", "kl_divergence_nats", "native"]
    assert divergence == pytest.approx(0.41, abs=0.02)


@pytest.mark.slow
def test_the_embedded_model_is_itself_afterwards(smollm2):
    from mugi.llm.inject import emulated
    from mugi.llm.load import load

    model, tokenizer = load(ModelSettings(str(smollm2)))
    tokens = torch.tensor(tokenizer(corpus.prose_documents()[0])["input_ids"][:64])[None]
    with torch.inference_mode():
        before = model(tokens).logits
        with emulated(model, COARSE):
            model(tokens)
        assert torch.equal(model(tokens).logits, before)
