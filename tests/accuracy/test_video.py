"""Videos: frames of files and folders, classifiers, videos that cannot be read."""

import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from transformers import BitImageProcessorPil, VivitImageProcessor

from mugi.cli import main
from mugi.llm.video import Video
from tests.accuracy.examples import COARSE, save
from tests.llm.tiny_models import built

pytestmark = pytest.mark.usefixtures("one_thread")


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
