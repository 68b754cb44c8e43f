"""World model folders: `world.json` (what it is), `world.safetensors` (weights) and, where `world.json` describes a
judge, `judge.safetensors`; nothing else is ever read.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from hiwm.data.model_folder import fill, load_tensors, read_description
from hiwm.errors import BadCheckpoint
from hiwm.runfolder import write_bytes, write_json
from hiwm.spec import RobotSpec
from hiwm.worldmodel.config import NetworkConfig
from hiwm.worldmodel.eye import Eye, EyeReader
from hiwm.worldmodel.judge import Judge, JudgeConfig, make_judge_net
from hiwm.worldmodel.motion import MotionNet, StateNet
from hiwm.worldmodel.net import WorldNet
from hiwm.worldmodel.network import Painter, Reader
from hiwm.worldmodel.scaling import NumberScale
from hiwm.worldmodel.trust import Trust

FORMAT = 3
USUAL = "usual_picture"
"""Name of the usual picture among the weights."""


@dataclass(frozen=True, eq=False)
class World:
    """A world model in memory: what it predicts for which robot, and its networks.

    usual_hwc: what mostly stands at each pixel, the cameras stacked as channels. judge: None without labels.
    trust: None before it is fitted. eye: what its reader is, None where the world has learned to read by itself.
    """

    spec: RobotSpec
    network: NetworkConfig
    states: NumberScale
    actions: NumberScale
    usual_hwc: NDArray[np.uint8]
    net: WorldNet
    about: dict[str, Any]
    judge: Judge | None = None
    trust: Trust | None = None
    eye: Eye | None = None


def make_net(
    spec: RobotSpec, network: NetworkConfig, eye: Eye | None = None, states: NumberScale | None = None
) -> WorldNet:
    """Fresh networks for a robot whose cameras all have one size; raises BadInput.

    states: how they are scaled; needed where `network` sees hands. Raises ValueError where it sees others than the
    eye's.
    """
    camera = spec.cameras[0]
    network.require_fits(camera.height, camera.width)
    state, action = len(spec.state), len(spec.action)
    channels, points = 3 * len(spec.cameras), () if eye is None else eye.points
    if network.hands and (eye is None or states is None or network.hands != len(eye.targets.hands)):
        raise ValueError(f"{network.hands} hands are to be seen, from points of an eye that knows others or none")
    space = eye.in_space(states) if eye is not None and states is not None and network.hands else None
    net = WorldNet(
        Reader(network, channels, camera.height, camera.width)
        if eye is None
        else EyeReader(network, eye, spec.cameras),
        Painter(network, channels, state, len(points)),
        StateNet(state, action, network.past),
        MotionNet(network, state, action, points, space),
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def save_world(folder: Path, world: World, dtype: torch.dtype = torch.bfloat16) -> None:
    """Writes a world; the weights in 16 bits, `world.json` last, so that a folder with one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    usual = {USUAL: torch.from_numpy(world.usual_hwc.copy())}
    weights = _weights(world.net, dtype)
    if world.eye is not None:
        # In bfloat16 an eye would lose what it was made for.
        weights |= {f"reader.{k}": v for k, v in _weights(world.net.reader, torch.float16).items()}
    write_bytes(folder / "world.safetensors", save(weights | usual))
    if world.judge is not None:
        write_bytes(folder / "judge.safetensors", save(_weights(world.judge.net, dtype)))
    write_json(
        folder / "world.json",
        {
            "format": FORMAT,
            "spec": world.spec.to_json(),
            "network": dataclasses.asdict(world.network),
            "states": world.states.to_json(),
            "actions": world.actions.to_json(),
            "eye": None if world.eye is None else world.eye.to_json(),
            "about": world.about,
            "judge": None if world.judge is None else _judge_description(world.judge),
            "trust": None if world.trust is None else world.trust.to_json(),
        },
    )


def load_world(folder: Path) -> World:
    """Reads a world; raises BadCheckpoint with one clear line for anything else than a folder that hiwm wrote."""
    described = read_description(folder / "world.json", "world", FORMAT)
    try:
        spec = RobotSpec.from_json(described["spec"])
        network = NetworkConfig(**{k: _tuple(v) for k, v in described["network"].items()})
        states, actions = (NumberScale.from_json(described[name]) for name in ("states", "actions"))
        eye = Eye.from_json(described["eye"]) if described.get("eye") else None
        net = make_net(spec, network, eye, states)
        judge = _described_judge(spec, described.get("judge"))
        trust = Trust.from_json(described["trust"]) if described.get("trust") else None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, ArithmeticError) as error:
        raise BadCheckpoint(f"{folder / 'world.json'} does not describe a world ({error}); copy it again") from error
    path = folder / "world.safetensors"
    tensors = load_tensors(path)
    usual = tensors.pop(USUAL, torch.empty(0)).numpy()
    shape = (spec.cameras[0].height, spec.cameras[0].width, 3 * len(spec.cameras))
    if usual.shape != shape or usual.dtype != np.uint8:
        raise BadCheckpoint(f"{path} shall hold the usual picture, {shape} uint8, got {usual.shape}; train it again")
    fill(net, tensors, path)
    if judge is not None:
        path = folder / "judge.safetensors"
        fill(judge.net, load_tensors(path), path)
    return World(spec, network, states, actions, usual, net.eval(), described.get("about", {}), judge, trust, eye)


def _weights(net: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    weights = {k: v.detach() for k, v in net.state_dict().items()}
    return {k: (v.to(dtype) if v.is_floating_point() else v).contiguous() for k, v in weights.items()}


def _judge_description(judge: Judge) -> dict[str, Any]:
    return {"network": dataclasses.asdict(judge.config), "knows_success": judge.knows_success, "about": judge.about}


def _described_judge(spec: RobotSpec, described: dict[str, Any] | None) -> Judge | None:
    """A judge without its weights, None where the world has none."""
    if described is None:
        return None
    config = JudgeConfig(**{k: _tuple(v) for k, v in described["network"].items()})
    return Judge(config, make_judge_net(spec, config).eval(), bool(described["knows_success"]), described["about"])


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
