from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiwm.bench.collect import bench_collect
from hiwm.errors import BadInput
from tests.fakes import TOY_TASK


def test_figures_are_of_both_halves_and_nothing_is_left_behind(hiwm_home: Path) -> None:
    figures = json.loads(json.dumps(bench_collect(TOY_TASK, 20, workers=0, progress=False)))
    assert figures["success"]["demo"] == "10/10"
    assert figures["success"]["edge"].endswith("/6")
    assert figures["picture_psnr_db"] > 35
    for half in (figures, figures["first_half"], figures["second_half"]):
        assert half["episodes_per_hour"] > 0
        assert half["steady_episodes_per_hour"] > 0
        assert half["cpu_s"].keys() == {"simulate", "journal", "import", "encode", "join"}
    assert not list(hiwm_home.iterdir())


@pytest.mark.parametrize("episodes", [0, 10, 30])
def test_numbers_that_cannot_be_halved_are_refused(episodes: int) -> None:
    with pytest.raises(BadInput, match="multiple of 20"):
        bench_collect(TOY_TASK, episodes)
