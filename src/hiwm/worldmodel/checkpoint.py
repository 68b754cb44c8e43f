"""World model folders: `world.json` (what it is) and `world.safetensors` (weights); nothing else is ever read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from hiwm.errors import BadCheckpoint
from hiwm.runfolder import read_json, write_bytes, write_json
from hiwm.spec import RobotSpec
from hiwm.worldmodel.config import NetworkConfig
from hiwm.worldmodel.flow import WorldNet
from hiwm.worldmodel.network import PictureNet, StateNet
from hiwm.worldmodel.scaling import NumberScale

FORMAT = 1
USUAL = "usual_picture"
"""Name of the usual picture among the weights."""


@dataclass(frozen=True, eq=False)
class World:
    """A world model in memory: what it predicts for which robot, and its networks.

    usual_hwc: what mostly stands at each pixel, the cameras stacked as channels.
    """

    spec: RobotSpec
    network: NetworkConfig
    states: NumberScale
    actions: NumberScale
    usual_hwc: NDArray[np.uint8]
    net: WorldNet
    about: dict[str, Any]


def make_net(spec: RobotSpec, network: NetworkConfig) -> WorldNet:
    """Fresh networks for a robot whose cameras all have one size; raises BadInput."""
    camera = spec.cameras[0]
    network.require_fits(camera.height, camera.width)
    state, action = len(spec.state), len(spec.action)
    picture = PictureNet(network, 3 * len(spec.cameras), state, action)
    net = WorldNet(picture, StateNet(state, action, network.past))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def save_world(folder: Path, world: World, dtype: torch.dtype = torch.bfloat16) -> None:
    """Writes a world; the weights in 16 bits, `world.json` last, so that a folder with one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().to(dtype).contiguous() for k, v in world.net.state_dict().items()}
    tensors[USUAL] = torch.from_numpy(world.usual_hwc.copy())
    write_bytes(folder / "world.safetensors", save(tensors))
    write_json(
        folder / "world.json",
        {
            "format": FORMAT,
            "spec": world.spec.to_json(),
            "network": dataclasses.asdict(world.network),
            "states": world.states.to_json(),
            "actions": world.actions.to_json(),
            "about": world.about,
        },
    )


def load_world(folder: Path) -> World:
    """Reads a world; raises BadCheckpoint with one clear line for anything else than a folder that hiwm wrote."""
    described = _description(folder)
    try:
        spec = RobotSpec.from_json(described["spec"])
        network = NetworkConfig(**{k: _tuple(v) for k, v in described["network"].items()})
        states, actions = (NumberScale.from_json(described[name]) for name in ("states", "actions"))
        net = make_net(spec, network)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise BadCheckpoint(f"{folder / 'world.json'} does not describe a world ({error}); copy it again") from error
    path = folder / "world.safetensors"
    tensors = load_tensors(path)
    usual = tensors.pop(USUAL, torch.empty(0)).numpy()
    shape = (spec.cameras[0].height, spec.cameras[0].width, 3 * len(spec.cameras))
    if usual.shape != shape or usual.dtype != np.uint8:
        raise BadCheckpoint(f"{path} shall hold the usual picture, {shape} uint8, got {usual.shape}; train it again")
    fill(net, tensors, path)
    return World(spec, network, states, actions, usual, net.eval(), described.get("about", {}))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; raises BadCheckpoint."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"{path} cannot be read ({error}); copy or train it again") from error


def fill(net: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Puts all weights into a network; raises BadCheckpoint where a name or shape does not fit, or on NaN."""
    expected = net.state_dict()
    missing, surplus = expected.keys() - weights.keys(), weights.keys() - expected.keys()
    wrong = [k for k in expected.keys() & weights.keys() if expected[k].shape != weights[k].shape]
    if missing or surplus or wrong:
        raise BadCheckpoint(
            f"{path} does not fit its description: {len(missing)} tensors missing, {len(surplus)} unknown, "
            f"{len(wrong)} of another shape (first: {sorted([*missing, *surplus, *wrong])[0]}); train it again"
        )
    bad = [k for k, v in weights.items() if not torch.isfinite(v.float()).all()]
    if bad:
        raise BadCheckpoint(f"{path} holds numbers that are not finite in {bad[0]}; train it again")
    net.load_state_dict(weights)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "world.json"
    try:
        described = read_json(path)
    except OSError as error:
        raise BadCheckpoint(f"expected a world at {folder}, found no readable world.json; check the path") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadCheckpoint(f"{path} is not JSON ({error}); copy or train it again") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        found = described.get("format") if isinstance(described, dict) else None
        raise BadCheckpoint(f"{path} has format {found}, this hiwm reads {FORMAT}; train the world again")
    return described


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
