"""Frames of video files, decoded by PyAV, the optional package av."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from PIL import Image

from mugi.errors import InputError

FORMATS = {".avi": "avi", ".gif": "gif", ".mkv": "matroska", ".webm": "matroska"}
FORMATS |= {".mov": "mov", ".mp4": "mov"}
"""Ending of a video -> how it is read. FFmpeg by itself goes by the content, and may find a list
there of other files and addresses to read."""
SUFFIXES = set(FORMATS)
MOST_FRAMES = 100_000  # an hour
MOST_PIXELS = 50_000_000  # of a frame


@dataclass(frozen=True)
class Video:
    """A video file; its length is the number of its frames, counted by decoding them."""

    path: Path

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        count = sum(1 for _ in islice(self._decoded(), MOST_FRAMES + 1))
        if count > MOST_FRAMES:
            raise InputError(f"{self.path}: longer than {MOST_FRAMES:,} frames")
        return count

    def at(self, indices: Collection[int]) -> list[Image.Image]:
        """Return the frames with these indices, in the order of the video; no others are kept.

        Raises InputError if the file cannot be read, or the package av is missing.
        """
        wanted = set(indices)
        frames = enumerate(islice(self._decoded(), max(wanted, default=-1) + 1))
        return [frame.to_image() for index, frame in frames if index in wanted]

    def _decoded(self) -> Iterator:
        try:
            import av
        except ImportError:
            raise InputError(
                f"{self.path}: package av, which reads videos, is not installed; "
                "run `pip install -c constraints.txt -e '.[video]'`"
            ) from None
        if not self.path.is_file():  # a pipe or a device has no end
            raise InputError(f"{self.path}: not a file")
        how = FORMATS[self.path.suffix.lower()]
        try:
            with (
                self.path.open("rb") as file,
                av.open(file, format=how, metadata_errors="replace") as container,
            ):
                if not container.streams.video:
                    raise InputError(f"{self.path}: no video in it")
                codec = container.streams.video[0].codec_context
                if codec.width * codec.height > MOST_PIXELS:
                    size = f"{codec.width} x {codec.height}"
                    raise InputError(f"{self.path}: {size} pixels; allowed: up to {MOST_PIXELS:,}")
                codec.options = {"max_pixels": str(MOST_PIXELS)}  # frames may grow
                yield from container.decode(video=0)
        except av.FFmpegError as error:
            raise InputError(f"{self.path}: {error.strerror}") from None
