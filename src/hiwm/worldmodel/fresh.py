"""Worlds before their training: untrained ones for a dataset, and copies of trained ones to go on from."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from hiwm.data.background import usual_pictures
from hiwm.data.source import number_names
from hiwm.data.windows import Windows
from hiwm.errors import BadInput, SpecMismatch
from hiwm.perception.estimator import Estimator, rescaled
from hiwm.perception.examples import find_maps
from hiwm.perception.places import PictureMap
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.worldmodel.checkpoint import World, make_net
from hiwm.worldmodel.config import NetworkConfig
from hiwm.worldmodel.eye import Eye, EyeReader, require_same_view
from hiwm.worldmodel.network import Painter
from hiwm.worldmodel.scaling import NumberScale

MOVING = ("motion.mixer.", "motion.enter.", "motion.blocks.", "motion.norm.", "motion.last.")
"""Names of the weights that move a code, but for what they are scaled by."""
HAND_RADII = (0.6, 0.25)
"""Half the sides of a hand's sprites at first, the lowest first: of an arm, and of what it holds with."""


def fresh_world(windows: Windows, network: NetworkConfig, estimator: Estimator | None = None) -> World:
    """An untrained world for a dataset. estimator: what reads for it; raises SpecMismatch where that sees otherwise."""
    states, actions = (NumberScale.fit(v) for v in (windows.columns.state_ns, windows.columns.action_na))
    spec, eye = shown_spec(windows), None
    if estimator is not None:
        require_same_view(estimator, spec.cameras)
        eye = Eye.of(estimator)
        points = max(network.points, len(eye.points))
        network = dataclasses.replace(
            network,
            eye=len(eye.columns),
            points=points,
            hands=hands_to_see(eye),
            robot_sprites=robot_sprites(eye),
        )
    net, usual = make_net(spec, network, eye, states), usual_pictures(windows)
    if isinstance(net.reader, EyeReader) and eye is not None and estimator is not None:
        net.reader.eye.load_state_dict(estimator.net.state_dict())
        of_table = _table_map(windows, eye, usual)
        if of_table is not None:
            if net.painter.placed:
                _set_places(net.painter, eye, of_table, spec.cameras[0])
            _set_hands(net.painter, eye, of_table, spec.cameras[0], states)
    return World(spec, network, states, actions, usual, net, {}, eye=eye)


def says_truth_of(windows: Windows, eye: Eye) -> bool:
    """Whether a dataset's truth has the numbers that an eye reads, by name and in their order."""
    described = windows.source.features.get("truth")
    if described is None:
        return False
    return tuple(number_names("truth", described.get("names"), int(described["shape"][0]))) == eye.targets.truth


def _table_map(windows: Windows, eye: Eye, usual_hwc: NDArray[np.uint8]) -> PictureMap | None:
    """Where the first camera shows places on the table; None where the data do not say."""
    if not says_truth_of(windows, eye):
        return None
    objects = [truth for point, truth in zip(eye.points, eye.targets.varied, strict=True) if point.moves]
    return find_maps(windows, objects, usual_hwc, np.arange(len(windows)))[0]


def _set_places(painter: Painter, eye: Eye, of_table: PictureMap, camera: CameraSpec) -> None:
    """Image points of what an eye reads stand where it is to be seen, from the first step on."""
    matrix, offset = eye.places_from(of_table, (camera.height, camera.width))
    painter.code_places.load_state_dict({"weight": torch.from_numpy(matrix), "bias": torch.from_numpy(offset)})


@torch.no_grad()
def _set_hands(painter: Painter, eye: Eye, of_table: PictureMap, camera: CameraSpec, states: NumberScale) -> None:
    """The robot's sprites lie about where its hands are to be seen, from the first step on."""
    sprites = painter.robot_sprites
    if sprites is None:
        return
    matrix, offset = eye.hands_from(of_table, (camera.height, camera.width), states)
    for k in range(sprites.count):
        hand, radius = k % len(matrix), HAND_RADII[k // len(matrix)]
        sprites.straight.weight[4 * k : 4 * k + 2] = torch.from_numpy(matrix[hand])
        sprites.straight.bias[4 * k : 4 * k + 2] = torch.from_numpy(offset[hand])
        sprites.log_radius[k] = math.log(radius)


def hands_to_see(eye: Eye | None) -> int:
    """How many hands a world with this eye sees from its points; 0 without an eye."""
    return len(eye.targets.hands) if eye is not None else 0


def robot_sprites(eye: Eye | None) -> int:
    """How many textures a world with this eye moves with the robot's hands."""
    return len(HAND_RADII) * hands_to_see(eye)


def started_world(windows: Windows, network: NetworkConfig, start: World) -> World:
    """A copy of a trained world to go on from, without judge and trust; raises SpecMismatch for another robot.

    Where `network` sees hands that the world does not, its motion begins anew; where it has sprites of the robot that
    the world has not, they are added.
    """
    spec = shown_spec(windows)
    like = dataclasses.replace(start.network, hands=network.hands, robot_sprites=network.robot_sprites)
    if spec != start.spec or network != like:
        raise SpecMismatch(
            f"expected a world of the dataset's robot and cameras to start from ({spec.robot_type}, "
            f"{len(spec.action)} actions, {len(spec.cameras)} cameras), got one of {start.spec.robot_type} with other "
            "names, ranges or sizes; leave --start out"
        )
    net = make_net(spec, network, start.eye, start.states)
    own = start.net.state_dict()
    if network.hands != start.network.hands:
        own = {name: tensor for name, tensor in own.items() if not name.startswith(MOVING)}
    if network.robot_sprites != start.network.robot_sprites and start.eye is not None:
        of_table = _table_map(windows, start.eye, start.usual_hwc)
        if of_table is not None:
            _set_hands(net.painter, start.eye, of_table, spec.cameras[0], start.states)
        # What covers of these sprites tell the painter, which comes last, tells it nothing yet.
        seen = own["painter.enter.weight"]
        own["painter.enter.weight"] = F.pad(seen, (0, 0, 0, 0, 0, net.painter.enter.in_channels - seen.shape[1]))
    net.load_state_dict(net.state_dict() | own)
    about = {"started_from": start.about}
    return World(spec, network, start.states, start.actions, start.usual_hwc, net, about, eye=start.eye)


def with_eye(world: World, estimator: Estimator) -> World:
    """A world that reads through another estimator of the same numbers; all else is its own.

    Raises SpecMismatch where the world has no eye, or where one reads other numbers.
    """
    if world.eye is None or not _reads_alike(world.eye, estimator):
        raise SpecMismatch(
            "expected an estimator of the numbers that the world's own eye reads, got another or a world without an "
            "eye; train one on the dataset of the first, or on one that holds it: hiwm train-estimator"
        )
    require_same_view(estimator, world.spec.cameras)
    estimator = rescaled(estimator, world.eye.targets)
    eye = Eye.of(estimator)
    net = make_net(world.spec, world.network, eye, world.states)
    own = {name: tensor for name, tensor in world.net.state_dict().items() if not name.startswith("reader.")}
    read = {f"reader.eye.{name}": tensor for name, tensor in estimator.net.state_dict().items()}
    net.load_state_dict(own | read)
    return dataclasses.replace(world, net=net, eye=eye)


def _reads_alike(eye: Eye, estimator: Estimator) -> bool:
    """Whether an estimator reads what an eye reads, in whatever scale."""
    ours, theirs = eye.targets, estimator.targets
    return (
        (ours.truth, ours.state, eye.objects) == (theirs.truth, theirs.state, estimator.objects)
        and ours.varied == theirs.varied
    )  # fmt: skip


def shown_spec(windows: Windows) -> RobotSpec:
    """The dataset's robot spec with the cameras as they are read; raises BadInput where their sizes differ."""
    cameras = tuple(
        CameraSpec(name, frames.pictures_nhwc.shape[1], frames.pictures_nhwc.shape[2])
        for name, frames in windows.frames.items()
    )
    sizes = {(camera.height, camera.width) for camera in cameras}
    if len(sizes) > 1:
        raise BadInput(f"expected cameras of one size, got {sorted(sizes)}; give --size HEIGHT WIDTH for all")
    return dataclasses.replace(windows.source.spec, cameras=cameras)
