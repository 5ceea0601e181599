"""Images, clips, videos and samples that say they are larger than they are, or something else."""

import io
import os
import struct
import zipfile
import zlib

import av
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from scipy.io import wavfile
from transformers import BitImageProcessorPil

from mugi.accuracy import speech, vision
from mugi.analysis import distribution
from mugi.errors import InputError
from mugi.files import read_table
from mugi.llm import video
from tests.llm.tiny_models import built


def encoded(kind: str, size=(8, 8)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, kind)
    return content.getvalue()


def png(width: int, height: int, before: bytes = b"") -> bytes:
    """A PNG whose heading says a size, with a few zeros for pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    text = chunk(b"zTXt", before) if before else b""
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + text + pixels + chunk(b"IEND", b"")


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(pwned) (w) file\nshowpage\n"
IMAGES = {
    "many pixels": (png(40_000, 40_000), "pixels"),
    "more pixels than allowed": (png(9000, 9000), "9000 x 9000 pixels; allowed: up to 50,000,000"),
    "a line": (png(1, 100_000), "1 x 100000 pixels; allowed: sides up to 1 to 50"),
    "no pixels": (png(0, 0), "cannot identify image"),
    "text that grows": (png(8, 8, b"a\0\0" + zlib.compress(bytes(100_000_000))), "too large"),
    "PostScript, which a program would run": (POSTSCRIPT, "cannot identify image"),
    "a TIFF": (encoded("TIFF"), "cannot identify image"),
    "cut": (encoded("PNG", (99, 99))[:120], "truncated"),
    "nothing": (b"", "cannot identify image"),
}


@pytest.mark.parametrize(("content", "said"), IMAGES.values(), ids=IMAGES)
def test_an_image_that_lies_is_one_line(content, said, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    [example] = vision.examples_in(str(tmp_path), False, None)
    with pytest.raises(InputError, match=said) as error:
        vision._pixels(built("Dinov2"), BitImageProcessorPil(), example)
    assert len(str(error.value).splitlines()) == 1 and str(error.value).startswith("x.png: ")


def sound() -> bytes:
    content = io.BytesIO()
    wavfile.write(content, 16_000, np.zeros(100, np.int16))
    return content.getvalue()


def rated(rate: int) -> bytes:
    return sound()[:24] + struct.pack("<II", rate, rate * 2 % 2**32) + sound()[32:]


LONG = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 2**60, 2**60, 2**58, 0)
CLIPS = {
    "as many samples a second as numbers there are": (
        rated(2**31 - 1),
        "samples a second; allowed",
    ),
    "one sample a second": (rated(1), "1 samples a second; allowed: 1000 to 768000"),
    "none": (rated(0), "0 samples a second|damaged"),
    "a quintillion bytes": (LONG + sound()[12:36] + b"data\xff\xff\xff\xff" + bytes(99), "Unable"),
    "no format": (sound()[:12] + sound()[36:], "a damaged WAV file"),
    "no samples": (sound()[:36], "a damaged WAV file"),
    "an odd format": (sound()[:20] + b"\x55\x00" + sound()[22:], "a damaged WAV file"),
}


@pytest.mark.parametrize(("content", "said"), CLIPS.values(), ids=CLIPS)
def test_a_clip_that_lies_is_one_line(content, said, tmp_path):
    (tmp_path / "x.wav").write_bytes(content)
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(InputError, match=said) as error:
        speech.clips_in(tmp_path, 16_000, 30.0, None)
    assert len(str(error.value).splitlines()) == 1


def test_a_large_clip_is_not_read(tmp_path):
    with (tmp_path / "x.wav").open("wb") as file:
        file.truncate(10**12)  # of which the disk has nothing
    with pytest.raises(InputError, match="not a file of up to 200,000,000 bytes"):
        speech.clips_in(tmp_path, 16_000, 30.0, None)


def film(path, frames: int = 3) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(frames):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path.read_bytes()


def test_a_video_that_is_something_else_is_one_line(tmp_path):
    film(tmp_path / "other.mp4")
    lists = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path}/other.mp4\n",
        "concat": "ffconcat version 1.0\nfile 'other.mp4'\n",
        "sdp": "v=0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
    }
    for ending in video.SUFFIXES:
        for text in lists.values():
            path = tmp_path / f"x{ending}"
            path.write_text(text)
            with pytest.raises(InputError, match="x"):
                len(video.Video(path))


def test_videos_end(tmp_path, monkeypatch):
    film(tmp_path / "x.mp4")
    assert len(video.Video(tmp_path / "x.mp4")) == 3
    monkeypatch.setattr(video, "MOST_FRAMES", 2)
    with pytest.raises(InputError, match="longer than 2 frames"):
        len(video.Video(tmp_path / "x.mp4"))
    monkeypatch.setattr(video, "MOST_PIXELS", 100)
    with pytest.raises(InputError, match="32 x 32 pixels; allowed: up to 100"):
        len(video.Video(tmp_path / "x.mp4"))
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="not a file"):
        len(video.Video(tmp_path / "zero.mp4"))


def array(shape: str, kind: object = "<u2", data: bytes = b"") -> bytes:
    """A .npy whose heading says a shape."""
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + data


PICKLED = b"cos\nsystem\n(S'touch pwned'\ntR."
SAMPLES = {
    "more numbers than memory": (array("(10**15,)"), r"x\.npz: "),
    "a terabyte": (array("(1000000000000,)"), r"x\.npz: "),
    "an exabyte": (array("(999999999999999999,)"), r"x\.npz: "),
    "more numbers than there are": (array("(99999999999999999999,)"), r"x\.npz: "),
    "less than nothing": (array("(-1,)"), r"x\.npz: "),
    "objects": (array("(1,)", "|O", PICKLED), "cannot be loaded when allow_pickle=False"),
}


@pytest.mark.parametrize(("content", "said"), SAMPLES.values(), ids=SAMPLES)
def test_samples_that_lie_are_one_line(content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(InputError, match=said) as error:
        distribution._read_samples(tmp_path / "x.npz")
    assert len(str(error.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_samples_that_grow_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(distribution, "LARGEST_SAMPLES", 100_000)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(100_000, np.uint16))
    assert (tmp_path / "x.npz").stat().st_size < 2000
    with pytest.raises(InputError, match="unpacks to more than 100,000 bytes"):
        distribution._read_samples(tmp_path / "x.npz")
    for content in (array("(1,)", data=b"\0\0"), PICKLED, b""):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.npz: "):
            distribution._read_samples(tmp_path / "x.npz")


def test_a_parquet_that_grows_or_brings_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mugi.files.MOST_CELLS", 1000)
    parquet.write_table(pa.table({"a": [0] * 1001}), "t.parquet")
    with pytest.raises(InputError, match="more than 1,000 cells"):
        read_table("t.parquet")
    extension = {"ARROW:extension:name": "arrow.py_extension_type"}
    extension |= {"ARROW:extension:metadata": PICKLED}
    schema = pa.schema([pa.field("a", pa.int64(), metadata=extension)], metadata={"pandas": "{}"})
    parquet.write_table(pa.table([[1]], schema=schema), "t.parquet")
    assert read_table("t.parquet")["a"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("name", ["t.csv.zip", "t.csv.xz", "t.csv.gz", "t.tar"])
def test_text_is_text_whatever_it_is_called(name, tmp_path):
    (tmp_path / name).write_text("a,b\n1,2\n")
    assert read_table(tmp_path / name)["b"].tolist() == [2]


def test_pipes_are_not_waited_for(tmp_path):
    for name in ("a.png", "a.txt", "samples.npz"):
        os.mkfifo(tmp_path / name)
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(80, dtype=np.int16))
    for read in (
        lambda: vision._image(tmp_path / "a.png"),
        lambda: speech.clips_in(tmp_path, 8000, 9, None),
        lambda: distribution._read_samples(tmp_path / "samples.npz"),
    ):
        with pytest.raises(InputError, match="is a pipe or a device, not a file"):
            read()
