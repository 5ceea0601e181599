"""Frames of video files, decoded by PyAV, the optional package av."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
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
        wanted, images = set(indices), []
        for index, frame in enumerate(self._decoded()):
            if index in wanted:
                images.append(frame.to_image())
            if len(images) == len(wanted):
                break
        return images

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
