"""Speech: metrics against plain computations, `mugi accuracy --data` on a tiny random Whisper."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.io import wavfile
from tokenizers import pre_tokenizers
from transformers import (
    GenerationConfig,
    WhisperFeatureExtractor,
    WhisperProcessor,
    WhisperTokenizer,
)

from mugi.accuracy import speech
from mugi.accuracy.predictions import predictions_of
from mugi.cli import main
from tests.accuracy.examples import COARSE, CROSS, EVERYONE, EXACT, NATIVE, save, sums, whole
from tests.llm.tiny_models import built

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whisper():
    """A Whisper that hears one second, in bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["endoftext", "startoftranscript", "en", "translate", "transcribe", "notimestamps"]
    texts = [*alphabet, *(f"<|{name}|>" for name in names)]
    tokenizer = WhisperTokenizer(vocab={text: n for n, text in enumerate(texts)}, merges=[])
    model = built("Whisper", vocab_size=len(texts), max_source_positions=50)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=257, eos_token_id=256, pad_token_id=256, bos_token_id=256,
        no_timestamps_token_id=261, is_multilingual=False, max_length=24,
    )  # fmt: skip
    features = WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    return model, WhisperProcessor(features, tokenizer)


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "speech"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, rate, kind, text in [
        ("a", 8000, "<i2", "Hello."), ("b", 16000, "<f4", "Good day"), ("c", 44100, "u1", "So"),
    ]:  # fmt: skip
        wave = 0.3 * random.standard_normal(rate // 2).clip(-3, 3)
        wave = {"<i2": wave * 32768, "<f4": wave, "u1": wave * 128 + 128}[kind].astype(kind)
        wavfile.write(folder / f"{name}.wav", rate, wave)
        (folder / f"{name}.txt").write_text(text + "\n")
    return folder


def test_recordings_become_mono_at_the_models_rate(recordings):
    clips = speech.clips_in(recordings, 16000, 1.0, None)
    assert [clip.transcript for clip in clips] == ["Hello.", "Good day", "So"]
    for clip in clips:
        assert clip.samples.dtype == np.float32
        assert len(clip.samples) == 8000
        assert 0.05 < clip.samples.std() < 0.4
    assert len(speech.clips_in(recordings, 16000, 1.0, 2)) == 2


@torch.inference_mode()
def test_transcripts_are_scored_as_by_a_plain_forward_pass(whisper, recordings):
    model, processor = whisper
    clips = speech.clips_in(recordings, 16000, 1.0, None)
    found = whole(speech.evaluate(model, processor, clips, dict.fromkeys(EVERYONE, ())))
    nll = tokens = 0
    for clip in clips:
        sound = processor.feature_extractor(
            clip.samples, sampling_rate=16000, return_tensors="pt"
        ).input_features
        text = [257, 261, *processor.tokenizer(f" {clip.transcript}").input_ids[2:-1]]
        logits = model(sound, decoder_input_ids=torch.tensor([text])).logits[0].double()
        logs = torch.log_softmax(logits, -1)
        nll -= sum(logs[n, token].item() for n, token in enumerate([*text[2:], 256], start=1))
        tokens += len(text) - 1
    values = sums(found[NATIVE])
    assert values["token_perplexity", ""] == pytest.approx(nll / tokens, rel=1e-5)
    assert values["kl_divergence_nats", "native"] == 0
    assert values["top1_agreement", "native"] == 1
    exact, coarse = sums(found[EXACT]), sums(found[COARSE])
    assert 0 < exact["kl_divergence_nats", "native"] < coarse["kl_divergence_nats", "native"]
    assert coarse["kl_divergence_nats", "exact"] > 0


def test_words_are_compared_as_whisper_normalises_them(whisper):
    clip = speech.Clip("a", np.zeros(1), "Red, green and blue colours.")
    targets = torch.tensor(speech._tokens(whisper[1], clip)[1])
    predicted = predictions_of(torch.randn(len(targets), 262), targets)
    heard = {" red green, AND blue colours": 0, "red grey and blue": 2, "": 5}
    for text, edits in heard.items():
        row = speech._score(whisper[1], clip, predicted, text, {})[-1]
        assert (row["metric"], row["total"], row["weight"]) == ("word_error_rate", edits, 5)


def test_accuracy_of_a_speech_model(whisper, recordings, tmp_path):
    model, processor = whisper
    for part in (model, processor):
        part.save_pretrained(tmp_path / "whisper")
    output, cells = tmp_path / "out.csv", tmp_path / "cells"
    arguments = ["accuracy", str(tmp_path / "whisper"), "--data", str(recordings)]
    arguments += ["--dtype", "float32", "--cells", str(cells), "-o", str(output)]
    approximations = [text for each in (NATIVE, CROSS) for text in ("--approx", str(each))]
    assert main([*arguments, *approximations]) == 0
    table = pd.read_csv(output, keep_default_na=False).set_index(
        ["cross_softmax", "metric", "reference"]
    )
    assert set(table["task"]) == {"speech"}
    assert set(table["documents"]) == {3}
    crossed = table.loc[str(CROSS.cross_softmax)]
    assert table.loc[("native", "token_perplexity", ""), "value"] > 1
    assert float(crossed.loc[("kl_divergence_nats", "native"), "value"]) > 0
    assert {"word_error_rate", "word_error_rate_difference"} <= set(
        crossed.index.get_level_values(0)
    )
    before = output.read_bytes()
    assert main([*arguments, *approximations]) == 0  # from the cells
    assert output.read_bytes() == before


@pytest.mark.parametrize("finished", [1, 7])
def test_interrupted_speech_goes_on_where_it_stopped(
    whisper, recordings, tmp_path, monkeypatch, finished
):
    """Taken 2 and 1 at a time; what is finished are clips under one approximation each."""
    for part in whisper:
        part.save_pretrained(tmp_path / "whisper")
    monkeypatch.setattr(speech, "_CLIPS", 2)
    arguments = ["accuracy", str(tmp_path / "whisper"), "--data", str(recordings)]
    arguments += ["--dtype", "float32", "--approx", str(COARSE)]
    kept = [*arguments, "--cells", str(tmp_path / "cells")]
    assert main([*arguments, "-o", str(tmp_path / "plain.csv")]) == 0
    evaluate, run, heard = speech.evaluate, speech._run, []

    def interrupted(*args):
        yield from itertools.islice(evaluate(*args), finished)
        raise KeyboardInterrupt

    def counted(model, processor, clip):
        heard.append(clip.name)
        return run(model, processor, clip)

    monkeypatch.setattr(speech, "evaluate", interrupted)
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 130
    assert not (tmp_path / "out.csv").exists()
    monkeypatch.setattr(speech, "evaluate", evaluate)
    monkeypatch.setattr(speech, "_run", counted)
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    # native, exact and the approximation; references are run anew for what is compared with them
    assert heard == {1: [*"ab" * 3, *"c" * 3], 7: [*"c" * 3]}[finished]
    heard.clear()
    assert main([*kept, "-o", str(tmp_path / "again.csv")]) == 0
    assert not heard
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_wrong_recordings_are_one_line_each(whisper, recordings, tmp_path, capsys):
    model, processor = whisper
    source = save(model, processor, tmp_path / "whisper")
    (recordings / "a.txt").unlink()
    (recordings / "b.wav").write_bytes(b"RIFF")
    wavfile.write(recordings / "c.wav", 8000, np.zeros(9000, dtype=np.int16))
    output = tmp_path / "out.csv"
    assert main(["accuracy", source, "--data", str(recordings), "-o", str(output)]) == 2
    errors = [e for e in capsys.readouterr().err.splitlines() if e.startswith("mugi accuracy:")]
    assert [error.split(": ")[1].rsplit("/")[-1] for error in errors] == ["a.txt", "b.wav", "c.wav"]
    assert "longer than 1 seconds" in errors[2]
    assert not output.exists()
    (recordings / "b.wav").unlink()
    for name, text in {"a": "!", "c": "word " * 9}.items():
        wavfile.write(recordings / f"{name}.wav", 8000, np.zeros(900, dtype=np.int16))
        (recordings / f"{name}.txt").write_text(text)
    assert main(["accuracy", source, "--data", str(recordings), "-o", str(output)]) == 2
    errors = capsys.readouterr().err
    assert "a: no words in the transcript '!'" in errors
    assert "c: transcript of 48 tokens; the model takes 24" in errors
