"""Pictures of one camera, episode by episode, decoded in order from the mp4 or parquet files they are stored in.

Values equal those of LeRobot with its PyAV backend: the same frame is chosen (the nearest in time) and converted to RGB
in the same way.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.dataset_files import open_parquet
from hiwm.data.source import Source
from hiwm.errors import BadDataset
from hiwm.types import Doubles, Picture


class BadPictures(BadDataset):
    """The pictures of one episode cannot be read; those of others may be fine. `why` leaves out camera and episode."""

    def __init__(self, camera: str, episode: int, why: str) -> None:
        super().__init__(f"camera {camera}, episode {episode}: {why}; remove the episode or record it again")
        self.episode = episode
        self.why = why


class CameraReader:
    """Reads the pictures of one camera of a dataset. It keeps one part of a parquet file in memory, so read in order.

    time_n: the `timestamp` column of all frames, seconds since the start of the episode.
    """

    def __init__(self, source: Source, camera: str, time_n: Doubles) -> None:
        self._source = source
        self._spec = source.camera(camera)
        self._feature = source.names.cameras[self._spec.name]
        self._time_n = time_n
        self._group: tuple[Path, int] | None = None
        self._cells: Any = None

    @property
    def is_video(self) -> bool:
        """True where the pictures are in mp4 files, False where they are PNGs in the parquet files."""
        return bool(self._source.features[self._feature]["dtype"] == "video")

    def pictures(self, episode: int, frames: Sequence[int] | None = None) -> Iterator[Picture]:
        """An episode's pictures (H, W, 3), all or those of ascending frame numbers; raises BadPictures on the way."""
        wanted = range(int(self._source.episodes.length_e[episode])) if frames is None else frames
        expected = (self._spec.height, self._spec.width, 3)
        for picture in self._from_video(episode, wanted) if self.is_video else self._from_parquet(episode, wanted):
            if picture.shape != expected:
                raise self._bad(
                    episode,
                    f"the pictures are {picture.shape[1]}x{picture.shape[0]}, meta/info.json declares "
                    f"{expected[1]}x{expected[0]}",
                )
            yield picture

    def _bad(self, episode: int, why: str) -> BadPictures:
        return BadPictures(self._spec.name, episode, why)

    def _from_video(self, episode: int, frames: Sequence[int]) -> Iterator[Picture]:
        import av

        episodes = self._source.episodes
        path = episodes.video_files[self._feature][episode]
        time_t = self._time_n[episodes.rows(episode)][list(frames)]
        wanted_s = (episodes.video_start_s[self._feature][episode] + time_t).tolist()
        try:
            found = _video_frames(path, wanted_s, tolerance_s=0.5 / self._source.spec.fps)
            for time_s, picture in zip(wanted_s, found, strict=True):
                if picture is None:
                    raise self._bad(episode, f"{path} has no frame at {time_s:.2f} s")
                yield picture
        except av.FFmpegError as error:
            raise self._bad(episode, f"{path} cannot be decoded ({error.strerror})") from error

    def _from_parquet(self, episode: int, frames: Sequence[int]) -> Iterator[Picture]:
        from PIL import Image, UnidentifiedImageError

        path = self._source.episodes.data_files[episode]
        for frame in frames:
            cell = self._cell(path, int(self._source.episodes.data_row_e[episode]) + frame)
            if not cell or not cell.get("bytes"):
                raise self._bad(episode, f"{path} holds no picture at frame {frame}")
            try:
                yield np.asarray(Image.open(io.BytesIO(cell["bytes"])).convert("RGB"))
            except (UnidentifiedImageError, OSError) as error:
                raise self._bad(episode, f"{path} holds a damaged picture at frame {frame}") from error

    def _cell(self, path: Path, row: int) -> dict[str, Any] | None:
        """The stored picture of a row of a data file; the row group around it is read once."""
        if self._group is None or self._group[0] != path or not 0 <= row - self._group[1] < len(self._cells):
            file = open_parquet(path)
            first, number = 0, 0
            while row >= first + file.metadata.row_group(number).num_rows:
                first += file.metadata.row_group(number).num_rows
                number += 1
            self._cells = file.read_row_group(number, columns=[self._feature]).column(0)
            self._group = (path, first)
        cell: dict[str, Any] | None = self._cells[row - self._group[1]].as_py()
        return cell


def _video_frames(path: Path, wanted_s: Sequence[float], tolerance_s: float) -> Iterator[Picture | None]:
    """Per ascending time the nearest frame of a video, or None where none is within the tolerance."""
    import av
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        stream = next(iter(container.streams.video), None)
        shown: Iterator[tuple[float, Any]] = iter(())
        if stream is not None:
            base = stream.time_base or Fraction(1, av.time_base)
            # One tick early, as LeRobot seeks: rounding must not land behind the frame that is asked for.
            container.seek(round(wanted_s[0] / base) - 1, backward=True, any_frame=False, stream=stream)
            shown = ((float(frame.pts * base), frame) for frame in container.decode(stream) if frame.pts is not None)
        nearest, ahead = next(shown, None), next(shown, None)
        for time_s in wanted_s:
            while nearest and ahead and abs(ahead[0] - time_s) <= abs(nearest[0] - time_s):
                nearest, ahead = ahead, next(shown, None)
            if nearest is None or abs(nearest[0] - time_s) > tolerance_s:
                yield None
            else:
                yield np.asarray(reformatter.reformat(nearest[1], format="rgb24").to_ndarray())
