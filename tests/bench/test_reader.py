from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.bench.reader import bench_reader
from hiwm.data.windows import Offsets
from tests.data.foreign_dataset import make_foreign


@pytest.mark.usefixtures("hiwm_home")
def test_both_readers_give_the_same_and_ours_is_faster(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "cubes", (20, 9))
    result = bench_reader(folder, count=12, batch_size=5, offsets=Offsets((-1, 0), (-1, 0), tuple(range(16))))
    assert result["max_difference"] == 0
    assert result["windows"] == 12
    assert result["ratio"] == pytest.approx(result["hiwm_per_s"] / result["lerobot_per_s"])
    assert result["ratio"] >= 20
