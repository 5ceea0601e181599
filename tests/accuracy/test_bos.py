"""BOS tokens, files and WikiText-2 as they are: what a plain loop over the tokenizer scores."""

import math

import datasets
import pandas as pd
import pytest
import torch
from lm_eval.api.instance import Instance
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from mugi.accuracy.lm import MugiLM
from mugi.accuracy.settings import TextSettings
from mugi.accuracy.windows import windows_of
from mugi.cli import main
from mugi.errors import InputError
from mugi.llm import hub, texts

pytestmark = pytest.mark.usefixtures("one_thread")
BOS = 256


@pytest.fixture
def with_bos():
    """One token a byte, and BOS in front, as Llama's and Gemma's tokenizers do it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary | {"<bos>": BOS}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", BOS)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>")


@pytest.fixture
def folders(tiny_llama, byte_tokenizer, with_bos, tmp_path):
    """The tiny model with a tokenizer that puts BOS in front by itself, and one that does not."""
    made = {}
    for name, tokenizer in [("without", byte_tokenizer), ("with", with_bos)]:
        tiny_llama.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        made[name] = tmp_path / name
    return made


def measured(folder, output, *arguments) -> pd.DataFrame:
    assert main(["accuracy", str(folder), *arguments, "-o", str(output)]) == 0
    table = pd.read_csv(output, keep_default_na=False)
    return table.set_index(["task", "metric"])


def plain_loop(model, ids: list[int], window: int) -> float:
    """The perplexity of the published programs: whole windows, log-loss averaged over them."""
    tokens, losses = torch.tensor(ids), []
    with torch.no_grad():
        for start in range(0, len(ids) - window + 1, window):
            inputs = tokens[start : start + window][None]
            losses.append(model(inputs, labels=inputs).loss.item())
    return math.exp(sum(losses) / len(losses))


CONTENT = "A line.\r\nAnother.\n\n\n\n  A text after blank lines, é, is a text. \n\n\nEnd.\n\n" * 4


def test_a_file_has_the_perplexity_of_a_plain_loop(folders, tiny_llama, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbf" + CONTENT.encode())
    arguments = ["--corpus", str(path), "--window", "32"]
    for name, begins in [("without", []), ("with", [BOS])]:
        ids = texts.encoded(texts_of(folders[name]), CONTENT)[0]
        assert ids[: len(begins)] == begins
        assert len(ids) == len(begins) + len(CONTENT.encode())
        row = measured(folders[name], tmp_path / "a.csv", *arguments).loc["mine", "log_loss_nats"]
        expected = plain_loop(tiny_llama, ids, 32)
        assert math.exp(row["value"]) == pytest.approx(expected, rel=1e-5)
        assert (row["cut"], row["tokens"]) == ("joined", 31 * (len(ids) // 32))


def texts_of(folder):
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.mark.parametrize("name, own", [("without", "no"), ("with", "yes")])
def test_auto_is_what_the_tokenizer_does_and_yes_and_no_overrule_it(name, own, folders, tmp_path):
    """For windows and tasks alike, and a column says which."""
    arguments = ["--window", "32", "--windows", "2", "--tasks", "mugi_mmlu_dev=2,mugi_prose=1"]
    arguments += ["--task-window", "64", "--cells", str(tmp_path / "cells")]
    found = {
        bos: measured(folders[name], tmp_path / f"{bos}.csv", *arguments, "--bos", bos)
        for bos in ("auto", "yes", "no")
    }
    assert {bos: set(table["bos"]) for bos, table in found.items()} == {
        "auto": {own}, "yes": {"yes"}, "no": {"no"}
    }  # fmt: skip
    pd.testing.assert_frame_equal(found["auto"], found[own])
    for key in [("prose", "token_perplexity"), ("mugi_prose", "byte_perplexity")]:
        values = [table.loc[key, "value"] for table in (found["yes"], found["no"])]
        if key[0] == "prose":
            assert values[0] != values[1]
        else:  # the first token always follows one prefix token, never two
            assert values[0] == pytest.approx(values[1])


def test_windows_begin_with_bos(byte_tokenizer, with_bos, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("first text\n\nsecond text\n\nno")
    settings = {"name": str(path), "window_tokens": 8, "kl_context_tokens": 1}
    for tokenizer, bos in [(with_bos, None), (with_bos, True), (byte_tokenizer, True)]:
        alone = windows_of(TextSettings(**settings, cut="documents"), tokenizer, bos)
        assert [window.tokens[0].item() for window in alone] == [BOS, BOS]
        joined = windows_of(TextSettings(**settings), tokenizer, bos)
        first, second = (window.tokens for window in joined[:2])
        assert first[0] == BOS and BOS not in second
        assert tokenizer.decode(second) == "ext\n\nsec"
        assert joined[1].documents.tolist() == [0] * 5 + [1] * 3
    for tokenizer, bos in [(with_bos, False), (byte_tokenizer, None), (byte_tokenizer, False)]:
        assert BOS not in windows_of(TextSettings(**settings), tokenizer, bos)[0].tokens


def test_prompts_have_bos_once(tiny_llama, byte_tokenizer, with_bos):
    for tokenizer in (byte_tokenizer, with_bos):
        model = MugiLM(pretrained=tiny_llama, tokenizer=tokenizer, add_bos_token=True)
        for text in ("ab", f"{tokenizer.bos_token}ab"):
            assert model.tok_encode(text).count(BOS) == 1
            model._by_prompt = {text: ("t", 0)}
            assert model.tok_batch_encode([text])[0][0].tolist() == model.tok_encode(text)
        model = MugiLM(pretrained=tiny_llama, tokenizer=tokenizer, add_bos_token=False)
        assert BOS not in model.tok_encode("ab")


def test_a_document_is_given_bos_once(tiny_llama, with_bos):
    """lm-eval by itself would put its prefix in front of a BOS token, and score that too."""
    model = MugiLM(pretrained=tiny_llama, tokenizer=with_bos, max_length=64)
    request = Instance("loglikelihood_rolling", {}, ("some text",), 0, ("t", 0, 1))
    (found,) = model.loglikelihood_rolling([request])
    ids = torch.tensor(with_bos("some text")["input_ids"])
    with torch.no_grad():
        logs = torch.log_softmax(tiny_llama(ids[None]).logits[0], -1)
    expected = sum(logs[n, ids[n + 1]].item() for n in range(len(ids) - 1))
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_tokenizer_without_bos_has_none_to_give(checkpoint, byte_tokenizer, tmp_path, capsys):
    byte_tokenizer.bos_token = None
    try:
        byte_tokenizer.save_pretrained(checkpoint)
    finally:
        byte_tokenizer.bos_token = "<end>"
    arguments = ["--window", "32", "--bos", "yes", "-o", str(tmp_path / "a.csv")]
    assert main(["accuracy", str(checkpoint), *arguments]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith("--bos yes: the model's tokenizer has no BOS token")


# --- WikiText-2 ---------------------------------------------------------------------------------

ROWS = [
    *["", " = Robert = \n", "", " Robert <unk> is an actor . \n", "", " = = Career = = \n"],
    *["", " In 2000 he had a role . \n", " = Valkyria = \n", "", " A game @-@ like thing . \n", ""],
]


@pytest.fixture
def wikitext(monkeypatch):
    """A data set of WikiText's form, as `datasets` gives it; the hub is not asked."""
    made = datasets.Dataset.from_dict({"text": ROWS})

    def load_dataset(*names, split):
        assert (*names, split) == ("Salesforce/wikitext", "wikitext-2-raw-v1", "test")
        return made

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(hub, "revision", lambda name: "a" * 40)


def test_wikitext_is_its_rows_joined_by_blank_lines(wikitext):
    articles = texts.wikitext2_documents()
    assert "\n\n".join(articles) == "\n\n".join(ROWS)
    assert [article.split(" = ")[1:2] for article in articles] == [[], ["Robert"], ["Valkyria"]]


def test_wikitext_is_counted_as_papers_do(wikitext, folders, tiny_llama, tmp_path):
    settings = TextSettings(name="wikitext2")
    assert (settings.windows, settings.window_tokens, settings.cut) == ("all", 2048, "joined")
    joined = "\n\n".join(ROWS)
    for name in ("without", "with"):
        ids = texts_of(folders[name])(joined)["input_ids"]
        arguments = ["--corpus", "wikitext2", "--window", "24"]
        table = measured(folders[name], tmp_path / "a.csv", *arguments)
        value = table.loc[("wikitext2", "token_perplexity"), "value"]
        assert float(value) == pytest.approx(plain_loop(tiny_llama, ids, 24), rel=1e-5)


def test_wikitext_without_network_is_one_line(monkeypatch):
    def refuse(*names, **settings):
        raise OSError("no connection\nsecond line")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(
        InputError, match=r"text wikitext2 \(Salesforce/wikitext .*\): no connection$"
    ):
        texts.text("wikitext2")
