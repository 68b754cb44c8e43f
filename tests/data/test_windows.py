from __future__ import annotations

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hiwm.bench.reader import max_difference, open_lerobot
from hiwm.data.columns import read_columns
from hiwm.data.decode import BadPictures, CameraReader
from hiwm.data.frame_cache import open_frames
from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, open_windows, random_indices
from hiwm.errors import BadDataset, BadInput, OutOfSpace
from tests.data.foreign_dataset import HIGH, SIZES, WRIST, make_foreign
from tests.data.test_source import cut, set_column

OFFSETS = Offsets(images=(-2, 0, 3), state=(-1, 0), action=tuple(range(-1, 15)))
VIDEO = f"videos/{HIGH}/chunk-000/file-001.mp4"
pytestmark = pytest.mark.usefixtures("hiwm_home")


def caches(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache" / "frames").iterdir() if path.is_dir())


@pytest.mark.parametrize("files", ["foreign", "foreign_files"])
def test_windows_equal_those_of_lerobot(files: str, request: pytest.FixtureRequest) -> None:
    source = open_source(request.getfixturevalue(files))
    windows, lerobot = open_windows(source, OFFSETS, show=False), open_lerobot(source, OFFSETS)
    index_b = np.arange(len(windows))
    assert len(index_b) == len(lerobot) == 41
    batch = windows.batch(index_b)
    assert max_difference(source, [lerobot[i] for i in index_b.tolist()], [batch]) == 0
    assert batch.images[HIGH].shape == (41, 3, 48, 64, 3)
    assert batch.action_bta.shape == (41, 16, 3)
    assert batch.images_is_pad_bt[20].tolist() == [True, False, False]
    assert batch.episode_b[[19, 20, 40]].tolist() == [0, 1, 2]


def test_two_videos_in_one_file_of_all_formats(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "videos", (7, 5), {HIGH: "video", WRIST: "video"})
    source = open_source(folder)
    windows, lerobot = open_windows(source, OFFSETS, show=False), open_lerobot(source, OFFSETS)
    assert max_difference(source, [lerobot[i] for i in range(12)], [windows.batch(np.arange(12))]) == 0


def test_pictures_of_chosen_frames(foreign: Path) -> None:
    source = open_source(foreign)
    columns = read_columns(source)
    for camera in (HIGH, WRIST):
        reader = CameraReader(source, camera, columns.time_n)
        everything = list(reader.pictures(1))
        for frame, picture in zip((0, 4, 11), reader.pictures(1, (0, 4, 11)), strict=True):
            np.testing.assert_array_equal(picture, everything[frame])


def test_one_row_group_for_all_episodes(foreign: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(foreign, tmp_path / "cubes")
    data = folder / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(data).combine_chunks(), data)
    assert pq.read_metadata(data).num_row_groups == 1
    before, after = (open_windows(open_source(f), OFFSETS, show=False) for f in (foreign, folder))
    np.testing.assert_array_equal(before.frames[WRIST].pictures_nhwc, after.frames[WRIST].pictures_nhwc)


def test_any_size(foreign: Path) -> None:
    batch = open_windows(open_source(foreign), Offsets.span(1, 2), size=(24, 32), show=False).batch(np.array([5]))
    assert batch.images[HIGH].shape == batch.images[WRIST].shape == (1, 4, 24, 32, 3)
    large = open_windows(open_source(foreign), Offsets.span(1, 2), show=False).batch(np.array([5])).images[HIGH]
    halved = large.reshape(1, 4, 24, 2, 32, 2, 3).mean(axis=(3, 5))
    assert np.abs(batch.images[HIGH] - halved).mean() < 4


def test_the_cache_is_built_once_and_again_when_files_change(foreign_copy: Path, hiwm_home: Path) -> None:
    def build() -> None:
        open_windows(open_source(foreign_copy), OFFSETS, show=False)

    build()
    first = caches(hiwm_home)
    times = [(hiwm_home / "cache/frames" / name / "frames.npy").stat().st_mtime_ns for name in first]
    build()
    assert caches(hiwm_home) == first
    assert times == [(hiwm_home / "cache/frames" / name / "frames.npy").stat().st_mtime_ns for name in first]
    os.utime(foreign_copy / VIDEO, ns=(1, 1))
    build()
    assert len(caches(hiwm_home)) == 3


def test_a_build_that_was_killed_is_started_over(foreign: Path, hiwm_home: Path) -> None:
    source = open_source(foreign)
    time_n = read_columns(source).time_n
    expected = np.array(open_frames(source, HIGH, time_n, show=False).pictures_nhwc)
    place = hiwm_home / "cache/frames" / caches(hiwm_home)[0]
    place.rename(place.with_name(place.name + ".building"))
    (place.with_name(place.name + ".building") / "cache.json").unlink()
    np.testing.assert_array_equal(open_frames(source, HIGH, time_n, show=False).pictures_nhwc, expected)
    assert caches(hiwm_home) == [place.name]


def read_sum(folder: Path) -> int:
    source = open_source(folder)
    return int(open_frames(source, HIGH, read_columns(source).time_n, show=False).pictures_nhwc.sum(dtype=np.int64))


def test_two_processes_at_once(foreign: Path, hiwm_home: Path) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        first, second = pool.map(read_sum, [foreign, foreign])
    assert first == second == read_sum(foreign)
    assert len(caches(hiwm_home)) == 1


def test_a_full_disk_is_named_before(foreign: Path, hiwm_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(OutOfSpace, match=f"caching 41 pictures of {HIGH} needs 0.00 GB"):
        open_windows(open_source(foreign), OFFSETS, show=False)
    assert caches(hiwm_home) == []


def test_windows_within_one_episode(foreign: Path) -> None:
    windows = open_windows(open_source(foreign), OFFSETS, show=False)
    assert windows.valid_starts().tolist() == [2, 3, 4, 5]
    starts = windows.valid_starts(past=2, future=8)
    assert starts.tolist() == [*range(2, 12), 22, 23]
    batch = open_windows(open_source(foreign), Offsets.span(2, 8), show=False).batch(starts)
    assert not batch.images_is_pad_bt.any()
    assert windows.valid_starts(past=0, future=20).tolist() == []


def test_random_indices_visit_everything_once_a_pass() -> None:
    pool = np.arange(10, 17)
    draws = random_indices(pool, 4, np.random.default_rng(3))
    drawn = np.concatenate([next(draws) for _ in range(7)])
    assert [sorted(part.tolist()) for part in drawn.reshape(4, 7)] == [pool.tolist()] * 4
    assert drawn[:7].tolist() != drawn[7:14].tolist()
    again = random_indices(pool, 4, np.random.default_rng(3))
    assert next(again).tolist() == drawn[:4].tolist()
    with pytest.raises(BadInput, match="no window fits"):
        next(random_indices(pool[:0], 4, np.random.default_rng(0)))


@pytest.mark.parametrize("index", [-1, 41])
def test_an_index_outside_the_dataset(foreign: Path, index: int) -> None:
    windows = open_windows(open_source(foreign), OFFSETS, show=False)
    with pytest.raises(BadInput, match="from 0 to 40"):
        windows.batch(np.array([0, index]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite(foreign_copy: Path, value: float) -> None:
    rows = [[0.0, 0.0, 0.0]] * 4 + [[0.0, value, 0.0]] + [[0.0, 0.0, 0.0]] * 7
    set_column(foreign_copy / "data/chunk-000/file-001.parquet", "action", pa.array(rows, pa.list_(pa.float32(), 3)))
    with pytest.raises(BadDataset, match=r"episode 1 of .* in its action at frame 4 that is not finite"):
        open_windows(open_source(foreign_copy), OFFSETS, show=False)


def test_a_camera_whose_size_changes(foreign_copy: Path, tmp_path: Path) -> None:
    other = make_foreign(tmp_path / "other", (12,), {HIGH: "video"}, sizes={**SIZES, HIGH: (64, 48)})
    shutil.copy(other / f"videos/{HIGH}/chunk-000/file-000.mp4", foreign_copy / VIDEO)
    with pytest.raises(BadPictures, match=r"cam_high, episode 1: the pictures are 48x64, .* declares 64x48; remove"):
        open_windows(open_source(foreign_copy), OFFSETS, show=False)


def test_a_video_that_is_cut(foreign_copy: Path) -> None:
    cut(foreign_copy / VIDEO)
    with pytest.raises(BadPictures, match=r"cam_high, episode 1: .*file-001.mp4 (cannot be decoded|has no frame at)"):
        open_windows(open_source(foreign_copy), OFFSETS, show=False)


def test_a_video_of_fewer_frames(foreign_copy: Path) -> None:
    shutil.copy(foreign_copy / f"videos/{HIGH}/chunk-000/file-002.mp4", foreign_copy / VIDEO)
    with pytest.raises(BadPictures, match=r"episode 1: .*file-001.mp4 has no frame at 0.60 s"):
        open_windows(open_source(foreign_copy), OFFSETS, show=False)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [({"bytes": None, "path": None}, "no picture at frame 0"), ({"bytes": b"x", "path": None}, "damaged picture at")],
)
def test_a_picture_that_is_missing(foreign_copy: Path, cell: dict[str, bytes | None], complaint: str) -> None:
    path = foreign_copy / "data/chunk-000/file-002.parquet"
    kind = pq.read_schema(path).field(WRIST).type
    set_column(path, WRIST, pa.array([cell] * 9, kind))
    with pytest.raises(BadPictures, match=f"wrist, episode 2: .*{complaint}"):
        open_windows(open_source(foreign_copy), OFFSETS, show=False)
