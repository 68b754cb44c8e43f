"""A world whose pictures are read by an estimator: the reader stays, all else learns, and the folder is whole."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.precision import processor_has_bf16
from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, Windows, open_windows
from hiwm.errors import BadCheckpoint, SpecMismatch
from hiwm.perception.estimator import Estimator, rescaled
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining, train_estimator
from hiwm.runfolder import read_json, write_json
from hiwm.types import Observation
from hiwm.worldmodel.checkpoint import load_world, make_net, save_world
from hiwm.worldmodel.eye import Eye, EyeReader, Space
from hiwm.worldmodel.fresh import HAND_RADII, MOVING, fresh_world, started_world, with_eye
from hiwm.worldmodel.learned import LearnedWorld
from hiwm.worldmodel.motion import REACHES, TOUCHES, HandsFromPoints
from hiwm.worldmodel.net import WorldNet
from hiwm.worldmodel.training import Clock, WorldTrainer
from tests.dot_world import dot_dataset
from tests.worldmodel.conftest import SHORT, TINY


@pytest.fixture(scope="module")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    folder = tmp_path_factory.mktemp("dot") / "dataset"
    dot_dataset(folder, each=4)
    return open_windows(open_source(folder), Offsets.span(TINY.past - 1, 0), show=False)


@pytest.fixture(scope="module")
def estimator(dots: Windows) -> Estimator:
    network = EstimatorConfig(widths=(16, 16, 16), points=4, hidden=32)
    trained = train_estimator(dots, network, EstimatorTraining(steps=60), 600, lambda share, said: None)
    trained.net.half().float()  # as it is saved
    return trained


def test_its_codes_are_the_estimators_numbers_before_and_after(
    dots: Windows, estimator: Estimator, tmp_path: Path
) -> None:
    trainer = WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=estimator)
    trainer.train(Clock(600, 600, 600, steps=40), lambda line: None, lambda *scalar: None)
    world = load_world(tmp_path)
    assert isinstance(world.net.reader, EyeReader)
    pictures = dots.frames[dots.source.spec.cameras[0].name].pictures_nhwc[:5]
    with torch.no_grad():
        shots = trainer.shots(np.arange(5))
        codes = world.net.reader(shots.pictures_bchw, shots.usual_bchw).numpy()
    read = estimator.read_stacked(pictures)
    places = [estimator.targets.names.index(name) for name in ("goal_x", "goal_y", "dot_x", "dot_y")]
    back = codes * estimator.targets.scale_k[places] + estimator.targets.mean_k[places]
    # The estimator alone computes in bfloat16 where the processor has it, a world's eye never does.
    np.testing.assert_allclose(back, read.truth_nk[:, places], atol=5e-3 if processor_has_bf16() else 1e-4)
    painter = zip(trainer.net.painter.parameters(), _fresh(dots, estimator, tmp_path).painter.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in painter)


def _fresh(dots: Windows, estimator: Estimator, folder: Path) -> WorldNet:
    return WorldTrainer(dots, TINY, SHORT, folder / "fresh", torch.device("cpu"), eye=estimator).net


def test_it_steps_alike_before_and_after_it_was_saved(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    trainer = WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=estimator)
    save_world(tmp_path, trainer.world)
    scene = {"toy/eval/0": _first(dots)}
    states = []
    for world in (trainer.world, load_world(tmp_path)):
        running = LearnedWorld(world, scene)
        state = running.state_of(scene["toy/eval/0"], 3)
        [after], _, _ = running.step([state], [dots.columns.action_na[0]])
        states.append(after)
    np.testing.assert_array_equal(states[0].codes_kd, states[1].codes_kd)
    np.testing.assert_array_equal(states[0].shown[0], states[1].shown[0])


def test_it_learns_from_the_truth_and_expects_what_an_eye_gets_wrong(
    dots: Windows, estimator: Estimator, tmp_path: Path
) -> None:
    trainer = WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=estimator)
    track, targets = trainer._read_track(), estimator.targets
    truth = dots.columns.truth_nk
    assert truth is not None
    back = track.codes_nd.numpy() * targets.scale_k[:4] + targets.mean_k[:4]
    np.testing.assert_allclose(back, truth, atol=1e-6)
    wrong = [estimator.about["median_error"][name] for name in targets.truth]
    np.testing.assert_allclose(track.noise_d.numpy() * targets.scale_k[:4], 1.48 * np.array(wrong), rtol=1e-5)


def test_a_dataset_of_other_numbers_is_read_instead(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    names = ("dot_x", "dot_y", "goal_x", "goal_y")
    other = dataclasses.replace(estimator, targets=dataclasses.replace(estimator.targets, truth=names))
    trainer = WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=other)
    track = trainer._read_track()
    assert not track.noise_d.any()
    shots = trainer.shots(np.arange(3))
    with torch.no_grad():
        read = trainer.net.reader(shots.pictures_bchw, shots.usual_bchw)
    torch.testing.assert_close(track.codes_nd[:3], read, atol=2e-4, rtol=1e-4)


def test_what_only_scenes_move_stays_where_it_was_seen(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    trainer = WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=estimator)
    trainer.train(Clock(600, 600, 600, steps=40), lambda line: None, lambda *scalar: None)
    world = load_world(tmp_path)
    assert world.eye is not None
    assert [(point.numbers, point.moves) for point in world.eye.points] == [((0, 1), False), ((2, 3), True)]
    first = _first(dots)
    running = LearnedWorld(world, {"toy/eval/0": first})
    begun = running.state_of(first, 3)
    state = begun
    for action in dots.columns.action_na[:3]:
        [state], _, _ = running.step([state], [action])
    np.testing.assert_array_equal(state.codes_kd[-1][:2], begun.codes_kd[-1][:2])
    assert not np.array_equal(state.codes_kd[-1][2:], begun.codes_kd[-1][2:])


def test_its_points_begin_where_pictures_show_them(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    net = _fresh(dots, estimator, tmp_path)
    eye = Eye.of(estimator)
    assert dots.columns.truth_nk is not None
    truth = dots.columns.truth_nk[::7]
    columns = [k for point in estimator.targets.varied for k in point.numbers]
    codes = torch.from_numpy(
        (truth[:, columns] - estimator.targets.mean_k[columns]) / estimator.targets.scale_k[columns]
    )
    with torch.no_grad():
        pixels = (net.painter.of_objects(codes).numpy() + 1) * 16 - 0.5
    corner = (truth.reshape(-1, 2, 2) * 28).astype(int)  # how the toy draws its squares of four pixels
    assert len(eye.points) == 2
    assert np.median(np.abs(pixels - corner - 1.5)) < 3


def test_hands_are_seen_from_its_points_in_space(dots: Windows, estimator: Estimator) -> None:
    world, truth = fresh_world(dots, TINY, estimator), dots.columns.truth_nk
    assert world.eye is not None
    assert truth is not None
    assert world.network.hands == 1
    seen_from = _hands(world.net)
    codes = torch.from_numpy(world.eye.codes_of(truth[:9]))
    states = torch.from_numpy(world.states.forward(dots.columns.state_ns[:9]))
    next_states = torch.from_numpy(world.states.forward(dots.columns.state_ns[1:10]))
    seen_bpn = seen_from(codes, states, next_states)
    fine, rough = (reach * (seen / 2).atanh() for reach, seen in zip(REACHES, seen_bpn.split(3, 2), strict=False))
    names = estimator.targets.truth
    unit = max(
        float(estimator.targets.scale_k[names.index(f"{name}_{axis}")]) for name in ("goal", "dot") for axis in "xy"
    )
    hand = dots.columns.state_ns[:9, :2]
    for p, name in enumerate(("goal", "dot")):
        point = truth[:9, [names.index(f"{name}_{axis}") for axis in "xy"]]
        gap = torch.from_numpy((hand - point) / unit)
        near = gap.abs() < 0.3
        torch.testing.assert_close(rough[:, p, :2], gap, atol=0.02, rtol=0.02)
        torch.testing.assert_close(fine[:, p, :2][near], gap[near], atol=1e-3, rtol=1e-3)
        assert (rough[:, p, 2] == 0).all()
        way = torch.from_numpy((dots.columns.state_ns[1:10, :2] - hand) / unit)
        held = (-gap.square().sum(1, keepdim=True) / (2 * TOUCHES[0] ** 2)).exp()
        torch.testing.assert_close(seen_bpn[:, p, 12:14], 5 * held * way, atol=1e-4, rtol=1e-3)


def test_an_object_that_turns_sees_hands_from_its_own_side() -> None:
    """A block at (1, 2), turned by 90 degrees, and a hand at (1, 3): in the block's own axes that is (1, 0)."""
    code, state = torch.tensor([[1.0, 2.0, 1.0, 0.0]]), torch.tensor([[1.0, 3.0]])
    places = np.zeros((3, 4), np.float32), np.zeros((3, 2), np.float32)
    for matrix in places:
        matrix[[0, 1], [0, 1]] = 1
    space = Space((places[0], np.zeros(3, np.float32)), (places[1], np.zeros(3, np.float32)), ((0, 2, 3),))
    [seen] = HandsFromPoints(space)(code, state, state).unbind(1)
    rough = REACHES[1] * (seen[:, 3:6] / 2).atanh()
    torch.testing.assert_close(rough, torch.tensor([[1.0, 0.0, 0.0]]))


def _hands(net: WorldNet) -> HandsFromPoints:
    assert net.motion.hands is not None
    return net.motion.hands


def test_a_world_that_does_not_see_hands_begins_its_motion_anew(dots: Windows, estimator: Estimator) -> None:
    older = fresh_world(dots, TINY, estimator)
    older = dataclasses.replace(older, network=dataclasses.replace(older.network, hands=0))
    older = dataclasses.replace(older, net=make_net(older.spec, older.network, older.eye))
    begun = started_world(dots, dataclasses.replace(older.network, hands=1), older)
    assert begun.network.hands == 1
    assert _hands(begun.net).numbers == 18
    same = [
        name
        for name, tensor in older.net.state_dict().items()
        if name in begun.net.state_dict() and torch.equal(tensor, begun.net.state_dict()[name])
    ]
    assert {name for name in older.net.state_dict() if not name.startswith(MOVING)} <= set(same)


def test_the_robots_sprites_begin_where_its_hands_are_seen(dots: Windows, estimator: Estimator) -> None:
    world = fresh_world(dots, TINY, estimator)
    sprites = world.net.painter.robot_sprites
    assert sprites is not None
    assert sprites.count == len(HAND_RADII)
    states = torch.from_numpy(world.states.forward(dots.columns.state_ns[::7]))
    with torch.no_grad():
        places = sprites.straight(states).reshape(len(states), sprites.count, 4)[:, :, :2]
    pixels = (places.numpy() + 1) * 16 - 0.5
    corner = (dots.columns.state_ns[::7, None, :2] * 28).astype(int)  # how the toy draws its squares of four pixels
    assert np.median(np.abs(pixels - corner - 1.5)) < 3


def test_a_world_without_sprites_of_the_robot_is_given_some_and_paints_as_before(
    dots: Windows, estimator: Estimator, tmp_path: Path
) -> None:
    older = fresh_world(dots, TINY, estimator)
    older = dataclasses.replace(older, network=dataclasses.replace(older.network, robot_sprites=0))
    older = dataclasses.replace(older, net=make_net(older.spec, older.network, older.eye, older.states))
    trained = WorldTrainer(dots, older.network, SHORT, tmp_path, torch.device("cpu"), start=older)
    trained.train(Clock(600, 600, 600, steps=10), lambda line: None, lambda *scalar: None)
    older = trained.world
    begun = started_world(dots, dataclasses.replace(older.network, robot_sprites=2), older)
    sprites = begun.net.painter.robot_sprites
    assert sprites is not None
    with torch.no_grad():
        sprites.cover.fill_(-1000.0)
    shots, codes = trained.shots(np.arange(3)), torch.randn(3, older.network.code)
    before, after = (
        world.net.painter(codes, shots.states_bs, shots.usual_bchw, shots.grid_b2hw) for world in (older, begun)
    )
    assert not torch.equal(before, shots.usual_bchw)
    torch.testing.assert_close(after, before)


def test_a_description_with_hands_that_the_eye_does_not_know_is_refused(
    dots: Windows, estimator: Estimator, tmp_path: Path
) -> None:
    save_world(tmp_path, fresh_world(dots, TINY, estimator))
    described = read_json(tmp_path / "world.json")
    write_json(tmp_path / "world.json", described | {"network": described["network"] | {"hands": 3}})
    with pytest.raises(BadCheckpoint, match="3 hands are to be seen"):
        load_world(tmp_path)


def test_a_better_eye_of_the_same_numbers_can_take_over(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    world = fresh_world(dots, TINY, estimator)
    better = dataclasses.replace(estimator, net=copy.deepcopy(estimator.net))
    with torch.no_grad():
        better.net.numbers.bias.add_(0.25)
    changed = with_eye(world, better)
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        before, after = (w.net.reader(pictures, pictures) for w in (world, changed))
    torch.testing.assert_close(after, before + 0.25)
    assert all(
        torch.equal(a, b) for a, b in zip(world.net.motion.parameters(), changed.net.motion.parameters(), strict=True)
    )
    other = dataclasses.replace(estimator.targets, state=tuple(f"{name}_" for name in estimator.targets.state))
    with pytest.raises(SpecMismatch, match="of the numbers that the world's own eye reads"):
        with_eye(world, dataclasses.replace(estimator, targets=other))


def test_an_eye_of_another_dataset_gives_codes_in_the_scale_of_the_world(dots: Windows, estimator: Estimator) -> None:
    """What its network gives is scaled by the mean and the spread of its own dataset."""
    ours = estimator.targets
    targets = dataclasses.replace(ours, mean_k=ours.mean_k + 0.1, scale_k=2 * ours.scale_k)
    wider = rescaled(estimator, targets)
    pictures = torch.rand(2, 3, 32, 32)
    values, wide = estimator.net(pictures)[0], wider.net(pictures)[0]
    assert not torch.allclose(values, wide)
    torch.testing.assert_close(
        torch.from_numpy(ours.decode(values.detach().numpy())), torch.from_numpy(targets.decode(wide.detach().numpy()))
    )
    world = fresh_world(dots, TINY, estimator)
    changed = with_eye(world, wider)
    assert changed.eye is not None
    assert changed.eye.to_json() == Eye.of(estimator).to_json()
    torch.testing.assert_close(changed.net.reader(pictures, pictures), world.net.reader(pictures, pictures))


@pytest.mark.parametrize("errors", [[0.1], [float("nan")] * 7])
def test_a_description_whose_errors_do_not_fit_is_refused(estimator: Estimator, errors: list[float]) -> None:
    described = Eye.of(estimator).to_json()
    assert Eye.from_json(described).errors == Eye.of(estimator).errors
    with pytest.raises(ValueError, match="7 names"):
        Eye.from_json(described | {"errors": errors})


def test_an_eye_of_other_pictures_is_refused(dots: Windows, estimator: Estimator, tmp_path: Path) -> None:
    larger = dataclasses.replace(estimator, cameras=(dataclasses.replace(estimator.cameras[0], height=64),))
    with pytest.raises(SpecMismatch, match="train one on this dataset"):
        WorldTrainer(dots, TINY, SHORT, tmp_path, torch.device("cpu"), eye=larger)


def _first(dots: Windows) -> Observation:
    name = dots.source.spec.cameras[0].name
    return Observation({name: dots.frames[name].pictures_nhwc[0]}, dots.columns.state_ns[0])
