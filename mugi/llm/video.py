"""Frames of video files, decoded by PyAV, the optional package av."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from PIL import Image

from mugi.errors import InputError

SUFFIXES = {".avi", ".gif", ".mkv", ".mov", ".mp4", ".webm"}


@dataclass(frozen=True)
class Video:
    """A video file; its length is the number of its frames, counted by decoding them."""

    path: Path

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self._decoded())

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
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path}: no video in it")
                yield from container.decode(video=0)
        except av.FFmpegError as error:
            raise InputError(f"{self.path}: {error.strerror}") from None
