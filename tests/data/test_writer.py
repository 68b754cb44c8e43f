from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiwm.data.episode import Episode, episode_from_path, load_episode, save_episode
from hiwm.data.features import lerobot_features, read_sidecar
from hiwm.data.join import Tally, join_datasets, tally_kinds, verify_joined
from hiwm.data.writer import check_videos, open_lerobot, write_dataset
from hiwm.errors import BadDataset, BadInput, HiwmError, SpecMismatch
from hiwm.rollout import first_nodes
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.types import Driver, Kind, Picture, Scene
from tests.fakes import TOY_SPEC, TRUTH_NAMES, ToyDynamics, ToyScript, shortened, toy_dataset, toy_episode


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Episode]]:
    folder = tmp_path_factory.mktemp("writer") / "dataset"
    return folder, toy_dataset(folder, each=2)


def _same(one: Episode, other: Episode) -> None:
    for name in ("state", "action", "success", "progress", "truth"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert one.images.keys() == other.images.keys()
    for name in one.images:
        np.testing.assert_array_equal(one.images[name], other.images[name], strict=True)
    for name in ("drivers", "lapses", "kind", "scene", "prompt"):
        assert getattr(one, name) == getattr(other, name)


class TestEpisode:
    def test_frame_holds_what_was_seen_and_the_action_taken_from_there(self) -> None:
        episode = toy_episode(Kind.FAILURE, 3)
        dynamics = ToyDynamics()
        [state], [seen], _ = dynamics.reset([Scene("toy", "train", 3)])
        for t in range(episode.length):
            np.testing.assert_array_equal(
                episode.images["observation.images.top"][t], seen.images["observation.images.top"]
            )
            np.testing.assert_array_equal(episode.state[t], seen.state)
            [state], [seen], _ = dynamics.step([state], [episode.action[t]])
        assert episode.lapses[:5] == ("wander",) * 5
        assert set(episode.drivers) == {Driver.SCRIPT}

    def test_journal_file_gives_back_every_bit(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (7, 24, 24, 3), np.uint8)
        episode = shortened(toy_episode(Kind.DEMO, 0), 7)
        episode = replace(episode, images={**episode.images, "observation.images.side": noise}, prompt='tü "x"\n')
        save_episode(tmp_path / "e.npz", episode)
        _same(load_episode(tmp_path / "e.npz"), episode)
        save_episode(tmp_path / "e.npz", replace(episode, truth=None))
        assert load_episode(tmp_path / "e.npz").truth is None

    @pytest.mark.parametrize("cut", [0, 10, 2000, -1])
    def test_damaged_journal_file_is_one_clear_line(self, tmp_path: Path, cut: int) -> None:
        file = tmp_path / "e.npz"
        save_episode(file, toy_episode(Kind.DEMO, 0))
        file.write_bytes(file.read_bytes()[:cut])
        with pytest.raises(BadDataset, match=r"damaged.*delete it"):
            load_episode(file)

    def test_journal_file_with_a_pickle_is_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=True, about=np.array([{"kind": "demo"}], object))
        (tmp_path / "e.npz").write_bytes(buffer.getvalue())
        with pytest.raises(BadDataset, match="damaged"):
            load_episode(tmp_path / "e.npz")

    def test_rollout_without_a_step_is_refused(self) -> None:
        path = first_nodes(ToyScript(Kind.DEMO), ToyDynamics(), [Scene("toy", "train", 0)])
        with pytest.raises(BadInput, match="toy/train/0 ended before its first step"):
            episode_from_path(path, Kind.DEMO, "toy/train/0", "go", lambda memory: "")


class TestWriteDataset:
    def test_lerobot_reads_every_number_and_word(self, written: tuple[Path, list[Episode]]) -> None:
        folder, episodes = written
        dataset = open_lerobot(folder)
        assert (dataset.num_episodes, len(dataset)) == (len(episodes), sum(e.length for e in episodes))
        assert dataset.meta.robot_type == "toy"
        rows: Any = dataset.hf_dataset.with_format("numpy")[:]
        columns: dict[str, Callable[[Episode], Any]] = {
            "observation.state": lambda e: e.state,
            "action": lambda e: e.action,
            "success": lambda e: e.success,
            "progress": lambda e: e.progress,
            "truth": lambda e: e.truth,
            "driver": lambda e: [str(d) for d in e.drivers],
            "lapse": lambda e: e.lapses,
            "kind": lambda e: [str(e.kind)] * e.length,
            "scene": lambda e: [e.scene] * e.length,
        }
        for name, of in columns.items():
            np.testing.assert_array_equal(rows[name], np.concatenate([of(e) for e in episodes]))
        first: Any = dataset[0]
        assert first["task"] == "bring the dot to the goal"

    def test_pictures_are_those_of_their_frame(self, written: tuple[Path, list[Episode]]) -> None:
        folder, episodes = written
        dataset: Any = open_lerobot(folder)
        start = 0
        for episode in episodes:
            for t in (0, 1, episode.length - 1):
                for camera, frames in episode.images.items():
                    shown = dataset[start + t][camera].permute(1, 2, 0).numpy()
                    assert _psnr_db(shown, frames[t]) > 30
            start += episode.length

    def test_statistics_are_those_of_the_data(self, written: tuple[Path, list[Episode]]) -> None:
        folder, episodes = written
        stats = open_lerobot(folder).meta.stats
        assert stats is not None
        actions = np.concatenate([e.action for e in episodes])
        np.testing.assert_allclose(stats["action"]["mean"], actions.mean(0), rtol=1e-5)
        np.testing.assert_allclose(stats["action"]["max"], actions.max(0))
        pictures = np.concatenate([e.images["observation.images.top"] for e in episodes]) / 255
        np.testing.assert_allclose(stats["observation.images.top"]["mean"].ravel(), pictures.mean((0, 1, 2)), atol=0.01)

    def test_sidecar_has_the_spec(self, written: tuple[Path, list[Episode]]) -> None:
        sidecar = read_sidecar(written[0])
        assert sidecar is not None
        assert (sidecar["format"], sidecar["task"]) == (1, "toy")
        assert RobotSpec.from_json(sidecar["spec"]) == TOY_SPEC

    def test_no_column_but_the_real_ones_looks_like_an_action_or_observation(self) -> None:
        names = lerobot_features(TOY_SPEC, TRUTH_NAMES).keys()
        cameras = {camera.name for camera in TOY_SPEC.cameras}
        assert {n for n in names if n.startswith(("action", "observation"))} == {
            "action",
            "observation.state",
            *cameras,
        }

    def test_terminal_stays_clean(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        write_dataset([toy_episode(Kind.DEMO, 0)], TOY_SPEC, tmp_path / "d", "toy", TRUTH_NAMES)
        join_datasets([tmp_path / "d", tmp_path / "d"], tmp_path / "j")
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("spoil", "match"),
        [
            (lambda e: replace(e, action=e.action[:, :1]), r"action shall have shape \(20, 2\), got \(20, 1\)"),
            (lambda e: replace(e, action=np.where(e.action > 0.1, np.nan, e.action)), "action is not finite at frame"),
            (lambda e: replace(e, images=dict(list(e.images.items())[:1])), r"side shall have shape .* got None"),
            (lambda e: replace(e, images={k: v[:, 2:] for k, v in e.images.items()}), "top shall have shape"),
        ],
    )
    def test_episode_that_does_not_fit_is_refused(
        self, tmp_path: Path, spoil: Callable[[Episode], Episode], match: str
    ) -> None:
        with pytest.raises(SpecMismatch, match=f"toy/train/1: .*{match}"):
            write_dataset([spoil(toy_episode(Kind.DEMO, 1))], TOY_SPEC, tmp_path / "d", "toy", TRUTH_NAMES)

    def test_odd_pictures_are_refused(self) -> None:
        with pytest.raises(SpecMismatch, match="33x48, but video needs even sides"):
            lerobot_features(replace(TOY_SPEC, cameras=(CameraSpec("observation.images.top", 33, 48),)))

    def test_missing_pictures_are_noticed(self, written: tuple[Path, list[Episode]], tmp_path: Path) -> None:
        import pandas as pd

        shutil.copytree(written[0], tmp_path / "d")
        [table] = (tmp_path / "d" / "meta" / "episodes").rglob("*.parquet")
        frame = pd.read_parquet(table)
        frame.loc[1, "videos/observation.images.top/to_timestamp"] -= 0.2
        frame.to_parquet(table)
        with pytest.raises(BadDataset, match=r"episode 1 of .* has 17 frames, its video .* 15"):
            check_videos(tmp_path / "d")


class TestJoin:
    def test_joined_dataset_is_its_parts_in_order(self, written: tuple[Path, list[Episode]], tmp_path: Path) -> None:
        write_dataset([toy_episode(Kind.EDGE, 7)], TOY_SPEC, tmp_path / "more", "toy", TRUTH_NAMES)
        join_datasets([written[0], tmp_path / "more"], tmp_path / "once")
        join_datasets([tmp_path / "once", tmp_path / "more"], tmp_path / "twice")
        dataset = open_lerobot(tmp_path / "twice")
        expected = [*written[1], toy_episode(Kind.EDGE, 7), toy_episode(Kind.EDGE, 7)]
        np.testing.assert_array_equal(
            dataset.hf_dataset.with_format("numpy")[:]["action"], np.concatenate([e.action for e in expected])
        )
        assert tally_kinds(tmp_path / "twice") == {
            kind: Tally(sum(e.kind is kind for e in expected), sum(e.kind is kind and e.succeeded for e in expected))
            for kind in Kind
        }

    def test_a_changed_number_is_noticed(self, written: tuple[Path, list[Episode]], tmp_path: Path) -> None:
        import pandas as pd

        shutil.copytree(written[0], tmp_path / "d")
        [table] = (tmp_path / "d" / "data").rglob("*.parquet")
        frame = pd.read_parquet(table)
        frame.loc[30, "progress"] += 1e-6
        frame.to_parquet(table)
        with pytest.raises(BadDataset, match="in progress after joining"):
            verify_joined([written[0]], tmp_path / "d")

    def test_a_missing_part_is_noticed(self, written: tuple[Path, list[Episode]]) -> None:
        with pytest.raises(BadDataset, match="number of frames"):
            verify_joined([written[0], written[0]], written[0])


def test_sidecar_of_a_newer_hiwm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "hiwm.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(HiwmError, match=r"format 2.*update hiwm"):
        read_sidecar(tmp_path)


def _psnr_db(one: Picture, other: Picture) -> float:
    error = (one.astype(float) - other) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))
