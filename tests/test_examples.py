"""Speech and vision: metrics against plain computations, and `mugi accuracy --data` on tiny random
models and folders made here."""

import itertools
import math
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.io import wavfile
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tokenizers import pre_tokenizers
from transformers import (
    BitImageProcessorPil,
    GenerationConfig,
    VivitImageProcessor,
    WhisperFeatureExtractor,
    WhisperProcessor,
    WhisperTokenizer,
)

from mugi.accuracy import speech, vision
from mugi.cli import main
from mugi.llm.inject import injected
from mugi.llm.video import Video
from mugi.methods import Approximation, parse_operations
from tests.llm.tiny_models import built

pytestmark = pytest.mark.usefixtures("one_thread")

NATIVE = Approximation()
EXACT = parse_operations("softmax=exact;activation=exact")
COARSE = parse_operations("softmax=vlp:lut=3,max_exp=0,mantissa=1")
CROSS = parse_operations("cross_softmax=vlp:lut=3,max_exp=0,mantissa=1")
EVERYONE = [NATIVE, EXACT, COARSE]


def sums(rows: list[dict]) -> pd.Series:
    """Totals over weights of all documents, by metric and reference."""
    table = pd.DataFrame(rows).groupby(["metric", "reference"])[["total", "weight"]].sum()
    return table["total"] / table["weight"]


def whole(parts) -> dict[Approximation, list[dict]]:
    """The rows of approximations whose examples are one part."""
    return {each: rows for each, part, rows in parts if part == "1 of 1"}


# --- speech -------------------------------------------------------------------------------------


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
    logs = torch.log_softmax(torch.randn(40, 262), -1)[: len(speech._tokens(whisper[1], clip)[1])]
    heard = {" red green, AND blue colours": 0, "red grey and blue": 2, "": 5}
    for text, edits in heard.items():
        row = speech._score(whisper[1], clip, logs, text, {})[-1]
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


@pytest.mark.parametrize("finished", [1, 4])
def test_interrupted_speech_goes_on_where_it_stopped(
    whisper, recordings, tmp_path, monkeypatch, finished
):
    """In parts of 2 and 1 clips; what is finished are parts of one approximation each."""
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
    with pytest.raises(KeyboardInterrupt):
        main([*kept, "-o", str(tmp_path / "out.csv")])
    assert not (tmp_path / "out.csv").exists()
    monkeypatch.setattr(speech, "evaluate", evaluate)
    monkeypatch.setattr(speech, "_run", counted)
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    # native, exact and the approximation; references are run anew for what is compared with them
    assert heard == {1: [*"ab" * 3, *"c" * 3], 4: [*"c" * 3]}[finished]
    heard.clear()
    assert main([*kept, "-o", str(tmp_path / "again.csv")]) == 0
    assert not heard
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


# --- vision -------------------------------------------------------------------------------------


def save(model, processor, folder) -> str:
    for part in (model, processor):
        part.save_pretrained(folder)
    return str(folder)


SMALL = BitImageProcessorPil(
    size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, resample=3
)


def test_digits_alternate_between_classes():
    found = vision.examples_in("digits", False, 30)
    assert [example.label for example in found] == [str(n % 10) for n in range(30)]
    assert len(vision.examples_in("digits", False, None)) == 1797


@torch.inference_mode()
def test_features_against_a_plain_computation():
    model, examples = built("Dinov2"), vision.examples_in("digits", False, 40)
    found = whole(vision.evaluate(model, SMALL, examples, EVERYONE))
    images = [example.frames[0].convert("RGB") for example in examples]
    pixels = SMALL(images, return_tensors="pt")["pixel_values"]
    native = model(pixels).last_hidden_state[:, 0].double()
    with injected(model, COARSE):
        coarse = model(pixels).last_hidden_state[:, 0].double()
    cosines = torch.nn.functional.cosine_similarity(native, coarse)
    nearest = []
    for features in (native, coarse):
        closeness = [
            [
                -math.inf if i == j else torch.cosine_similarity(one, other, dim=0).item()
                for j, other in enumerate(features)
            ]
            for i, one in enumerate(features)
        ]
        nearest.append([row.index(max(row)) for row in closeness])
    same = np.mean([a == b for a, b in zip(*nearest, strict=True)])
    values = sums(found[COARSE])
    assert values["feature_cosine", "native"] == pytest.approx(cosines.mean().item(), rel=1e-6)
    assert values["neighbour_agreement", "native"] == pytest.approx(same)
    assert sums(found[NATIVE])["feature_cosine", "native"] == pytest.approx(1)
    trained = [n for n in range(40) if n // 10 % 2 == 0]
    labels = np.arange(40) % 10
    scaler = StandardScaler().fit(native)
    probe = LogisticRegression(max_iter=1000).fit(
        scaler.transform(native)[trained], labels[trained]
    )
    for each, features in ((NATIVE, native), (COARSE, coarse)):
        right = probe.predict(scaler.transform(features)) == labels
        rows = pd.DataFrame(found[each]).query("metric == 'linear_probe_accuracy'")
        assert list(rows["total"]) == list(np.delete(right, trained))


def test_interrupted_vision_goes_on_where_it_stopped(tmp_path, monkeypatch):
    source = save(built("Dinov2"), SMALL, tmp_path / "dino")
    arguments = ["accuracy", source, "--data", "digits", "--examples", "20", "--dtype", "float32"]
    fine = "softmax=vlp:lut=8,max_exp=3"
    arguments += [word for each in (COARSE, fine) for word in ("--approx", str(each))]
    kept = [*arguments, "--cells", str(tmp_path / "cells")]
    assert main([*arguments, "-o", str(tmp_path / "plain.csv")]) == 0
    outputs, calls = vision._outputs, []

    def counted(*args):
        calls.append(1)
        if len(calls) == 4 and not (tmp_path / "cells" / "interrupted").exists():
            (tmp_path / "cells" / "interrupted").touch()
            raise KeyboardInterrupt
        return outputs(*args)

    monkeypatch.setattr(vision, "_outputs", counted)
    with pytest.raises(KeyboardInterrupt):
        main([*kept, "-o", str(tmp_path / "out.csv")])  # in the fourth of four, the last
    assert len(list(tmp_path.glob("cells/*/*.json"))) == 3
    calls.clear()
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert len(calls) == 3  # both references, and the one that was missing
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    calls.clear()
    assert main([*kept, "-o", str(tmp_path / "out.csv")]) == 0
    assert not calls


@pytest.fixture
def pictures(tmp_path):
    """Three classes of two videos of five frames."""
    folder, random = tmp_path / "videos", np.random.default_rng(0)
    for group in "012":
        for clip in "ab":
            (folder / group / clip).mkdir(parents=True)
            for frame in range(5):
                pixels = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / group / clip / f"{frame}.png")
    return folder


def test_accuracy_of_classifiers(pictures, tmp_path):
    """A video model takes as many frames as it needs; the image model sees each clip's frames."""
    size = {"shortest_edge": 24}
    video = VivitImageProcessor(size=size, crop_size={"height": 24, "width": 24})
    image = BitImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    for family, processor, data, documents in [
        ("Vivit", video, pictures, 6),
        ("Swinv2", image, pictures / "0", 10),
    ]:
        model = built(family, label2id={"a": 0, "b": 1, "2": 2}, id2label={0: "a", 1: "b", 2: "2"})
        source = save(model, processor, tmp_path / family)
        output = tmp_path / f"{family}.csv"
        arguments = ["accuracy", source, "--data", str(data), "--approx", str(COARSE)]
        assert main([*arguments, "--dtype", "float32", "-o", str(output)]) == 0
        table = pd.read_csv(output, keep_default_na=False).set_index(["metric", "reference"])
        assert set(table["documents"]) == {documents}
        assert float(table.loc[("kl_divergence_nats", "native"), "value"]) > 0
        values = table["value"].astype(float)
        assert 0 <= values["accuracy", ""] <= 1
        assert values["cross_entropy_nats", ""] > 0
        assert 0 <= values["top1_agreement", "exact"] <= 1


def filmed(frames: Path, file: Path) -> None:
    """Write the pictures of a folder as a video without loss."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 24, 24, "bgr0"
        for picture in sorted(frames.iterdir()):
            frame = av.VideoFrame.from_image(Image.open(picture)).reformat(format="bgr0")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


VIVIT = VivitImageProcessor(
    size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, do_resize=False
)
THREE = {"label2id": {"0": 0, "1": 1, "2": 2}, "id2label": {0: "0", 1: "1", 2: "2"}}


def test_video_files_are_their_frames(pictures, tmp_path):
    source = save(built("Vivit", **THREE), VIVIT, tmp_path / "vivit")
    videos = tmp_path / "files" / "videos"
    for clip in pictures.glob("*/*"):
        (videos / clip.parent.name).mkdir(parents=True, exist_ok=True)
        filmed(clip, videos / clip.parent.name / f"{clip.name}.mkv")
    tables = {}
    for folder in (pictures, videos):
        output, documents = tmp_path / "out.csv", tmp_path / "documents.csv"
        arguments = ["--data", str(folder), "--approx", str(COARSE), "--dtype", "float32"]
        arguments += ["-o", str(output), "--documents", str(documents)]
        assert main(["accuracy", source, *arguments]) == 0
        tables[folder] = [pd.read_csv(path) for path in (output, documents)]
    files, frames = tables[videos], tables[pictures]
    assert set(files[1]["document"]) == {f"{group}/{clip}.mkv" for group in "012" for clip in "ab"}
    pd.testing.assert_frame_equal(
        files[0].drop(columns="text_sha256"), frames[0].drop(columns="text_sha256")
    )
    assert list(files[1]["total"]) == list(frames[1]["total"])


def test_frames_of_a_video_are_spread_evenly(pictures, tmp_path):
    film = Video(tmp_path / "film.mkv")
    filmed(pictures / "0" / "a", film.path)
    assert len(film) == 5
    for indices in ([0, 1, 3, 4], [2], range(5)):
        for index, frame in zip(indices, film.at(indices), strict=True):
            drawn = Image.open(pictures / "0" / "a" / f"{index}.png")
            assert np.array_equal(np.array(frame), np.array(drawn))


def test_wrong_videos_are_one_line_each(pictures, tmp_path, capsys, monkeypatch):
    source = save(built("Vivit", **THREE), VIVIT, tmp_path / "vivit")
    videos = tmp_path / "files" / "1"
    videos.mkdir(parents=True)
    (pictures / "2" / "b" / "4.png").unlink()
    (pictures / "2" / "b" / "3.png").unlink()
    filmed(pictures / "2" / "a", videos / "good.mkv")
    filmed(pictures / "2" / "b", videos / "short.mkv")
    (videos / "broken.mp4").write_bytes(b"no video")
    command = ["accuracy", source, "--data", str(videos.parent), "-o", str(tmp_path / "out.csv")]

    def said() -> list[str]:
        assert main(command) == 2
        assert not (tmp_path / "out.csv").exists()
        errors = capsys.readouterr().err.splitlines()
        return [error for error in errors if error.startswith("mugi accuracy:")]

    broken, short = said()
    assert broken.endswith("1/broken.mp4: Invalid data found when processing input")
    assert short == "mugi accuracy: 1/short.mkv: 3 frames; needed: 4"
    for name in ("short.mkv", "broken.mp4"):
        (videos / name).unlink()
    monkeypatch.setitem(sys.modules, "av", None)
    (missing,) = said()
    assert f"{videos / 'good.mkv'}: package av, which reads videos, is not installed" in missing


@pytest.mark.parametrize(
    "prepare, arguments, line",
    [
        (
            None,
            ["--data", "no/folder"],
            "--data no/folder: no such folder; allowed: a folder, digit",
        ),
        (None, ["--data", "digits", "--examples", "0"], "--examples 0: must be at least 1"),
        (None, ["--data", "digits", "--examples", "10"], "a linear probe needs 2 classes or more"),
        (None, [], "is of kind features: it needs --data of `mugi accuracy`"),
        ("empty", ["--data", "{}"], "no images; allowed: .bmp, .jpeg, .jpg, .png"),
        ("broken", ["--data", "{}"], "x.png: cannot identify image file"),
    ],
)
def test_wrong_data_is_one_line(prepare, arguments, line, tmp_path, capsys):
    source = save(built("Dinov2"), SMALL, tmp_path / "dino")
    if prepare:
        (tmp_path / "data").mkdir()
    if prepare == "broken":
        (tmp_path / "data" / "x.png").write_text("no image")
    arguments = [text.format(tmp_path / "data") for text in arguments]
    output = tmp_path / "out.csv"
    assert main(["accuracy", source, *arguments, "-o", str(output)]) == 2
    errors = [e for e in capsys.readouterr().err.splitlines() if e.startswith("mugi accuracy:")]
    assert len(errors) == 1
    assert line in errors[0]
    assert not output.exists()


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


def test_a_family_without_metrics_is_one_line(tmp_path, capsys):
    built("Bert").save_pretrained(tmp_path / "bert")
    output = tmp_path / "out.csv"
    assert main(["accuracy", str(tmp_path / "bert"), "-o", str(output)]) == 2
    assert "BertForMaskedLM cannot be evaluated; allowed: causal" in capsys.readouterr().err
    assert not output.exists()
