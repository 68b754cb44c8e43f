"""Any LeRobot policy as a hiwm policy: batched, its memory a value, its own pre- and post-processing around it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lerobot.configs import FeatureType
from torch import Tensor

from hiwm.errors import SpecMismatch
from hiwm.policies.checkpoint import Checkpoint
from hiwm.policies.features import ACTION, STATE, action_width, inputs_of
from hiwm.policies.memory import PolicyMemory
from hiwm.spec import RobotSpec
from hiwm.types import Driver, Floats, Observation

TAKE_NOISE = ("pi0", "pi05", "smolvla")
"""LeRobot's policies that hand keyword arguments on to what draws their noise."""


class LeRobotPolicy:
    """Plans a chunk of actions for all memories that have none ahead, in one batch, and then follows it.

    The same memory and observation give the same actions, up to the last bits that depend on the size of the batch.
    """

    driver = Driver.POLICY

    def __init__(self, checkpoint: Checkpoint, spec: RobotSpec, prompt: str = "", device: str = "cpu") -> None:
        self.checkpoint, self.spec, self.prompt, self.device = checkpoint, spec, prompt, device
        config = checkpoint.config
        past = config.observation_delta_indices
        self._past = [0] if past is None else list(past)
        self._stacked = past is not None
        self._actions = int(getattr(config, "n_action_steps", 1))
        eye = checkpoint.eye
        looked_at = eye.camera_names if eye is not None else []
        own = [name for name, feature in inputs_of(config).items() if feature.type is FeatureType.VISUAL]
        self._cameras = list(dict.fromkeys([*looked_at, *(name for name in own if "empty_camera" not in name)]))
        self._noise_shape = _noise_shape(checkpoint)
        self._check()

    def start(self, seeds: Sequence[int]) -> list[PolicyMemory]:
        """A fresh memory per episode."""
        return [PolicyMemory.fresh(seed, len(self.spec.action)) for seed in seeds]

    def act(
        self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]
    ) -> tuple[list[PolicyMemory], list[Floats]]:
        """The next planned action of each; plans where none is left."""
        seen = self._see(memories, observations)
        empty = [i for i, memory in enumerate(seen) if not len(memory.ahead_ta)]
        if empty:
            chunks = self.plan([seen[i] for i in empty])
            for i, chunk in zip(empty, chunks, strict=True):
                seen[i] = seen[i].planned(chunk)
        return [memory.planned(memory.ahead_ta[1:]) for memory in seen], [memory.ahead_ta[0] for memory in seen]

    def watch(self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]) -> list[PolicyMemory]:
        """Remembers what was seen; planned actions are dropped."""
        return [memory.dropped() for memory in self._see(memories, observations)]

    def plan(self, memories: Sequence[PolicyMemory]) -> list[Floats]:
        """A chunk of actions (T, A) for each memory, whose last observation is the present."""
        if self._noise_shape is None:
            return [self._plan([memory], None)[0] for memory in memories]
        noise = torch.stack([_noise(memory, self._noise_shape) for memory in memories]) if self._noise_shape else None
        return self._plan(memories, noise)

    def _plan(self, memories: Sequence[PolicyMemory], noise: Tensor | None) -> list[Floats]:
        policy, batch = self.checkpoint.policy, self.checkpoint.pre(self._batch(memories))
        batch = {name: value for name, value in batch.items() if name != ACTION}
        policy.reset()
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(_draw(memories[0]))
            self._fill_queues(batch)
            given = {} if noise is None else {"noise": noise.to(self.device)}
            chunk_bta = policy.predict_action_chunk(batch, **given)[:, : self._actions]
            flat = self.checkpoint.post(chunk_bta.reshape(-1, chunk_bta.shape[-1]))
        chunks = flat.reshape(*chunk_bta.shape[:2], -1).float().cpu().numpy()
        return [self._checked(chunk) for chunk in chunks]

    def _see(self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]) -> list[PolicyMemory]:
        for observation in observations[:1]:
            self.spec.check_observation(observation)
        keep = 1 - min(self._past)
        return [memory.saw(seen, keep) for memory, seen in zip(memories, observations, strict=True)]

    def _batch(self, memories: Sequence[PolicyMemory]) -> dict[str, Any]:
        """LeRobot's batch: (B, T, ...) where the policy wants a past, else (B, ...)."""
        windows = [[memory.recent[max(0, len(memory.recent) - 1 + k)] for k in self._past] for memory in memories]
        batch: dict[str, Any] = {STATE: self._stack([[seen.state for seen in window] for window in windows])}
        for name in self._cameras:
            pixels = self._stack([[seen.images[name] for seen in window] for window in windows])
            batch[name] = pixels.movedim(-1, -3).float() / 255
        return batch | {"task": [self.prompt] * len(memories)}

    def _stack(self, rows: list[list[np.ndarray[Any, Any]]]) -> Tensor:
        values = torch.from_numpy(np.stack([np.stack(row) for row in rows]))
        return values if self._stacked else values[:, -1]

    def _fill_queues(self, batch: dict[str, Any]) -> None:
        """Some LeRobot policies take their past from queues only; diffusion takes it from the batch."""
        config = self.checkpoint.config
        queues = getattr(self.checkpoint.policy, "_queues", None) or {}
        if not self._stacked or config.type == "diffusion":
            return
        if config.image_features:
            batch["observation.images"] = torch.stack([batch[name] for name in config.image_features], dim=-4)
        for name, queue in queues.items():
            if name != ACTION:
                queue.extend(batch[name].unbind(1))

    def _checked(self, chunk_ta: Floats) -> Floats:
        width = len(self.spec.action)
        if chunk_ta.shape[1] < width or not np.isfinite(chunk_ta).all():
            raise SpecMismatch(
                f"the policy plans {chunk_ta.shape[1]} numbers an action, {self.spec.robot_type} takes {width} finite "
                "ones; train it on a dataset of this robot"
            )
        return np.asarray(chunk_ta[:, :width], np.float32)

    def _check(self) -> None:
        """Raises SpecMismatch where the policy is not one of this robot."""
        own, robot = self.checkpoint.spec, self.spec.robot_type
        pairs = [] if own is None else [("state", own.state, self.spec.state), ("action", own.action, self.spec.action)]
        for what, ours, theirs in pairs:
            names = [number.name for number in ours], [number.name for number in theirs]
            if names[0] != names[1]:
                raise SpecMismatch(
                    f"the policy's {what} is {_listed(names[0])}, {robot} has {_listed(names[1])}; "
                    "use a policy that was trained on this robot's data"
                )
        have = {camera.name: (3, camera.height, camera.width) for camera in self.spec.cameras}
        for name, shape in _looked_at(self.checkpoint, self._cameras).items():
            if have.get(name) != shape:
                raise SpecMismatch(
                    f"the policy looks at {name} of {shape}, {robot} shows {have.get(name, 'no such camera')}; "
                    "use a policy for these cameras, or record with its own"
                )
        width = action_width(self.checkpoint.config)
        if width < len(self.spec.action):
            raise SpecMismatch(
                f"the policy acts in {width} numbers, {robot} takes {len(self.spec.action)}; "
                "use a policy that was trained on this robot's data"
            )


def _looked_at(checkpoint: Checkpoint, cameras: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The shapes (3, H, W) that a policy and its eye want of the cameras."""
    own, eye = inputs_of(checkpoint.config), checkpoint.eye
    shapes = {name: tuple(own[name].shape) for name in cameras if name in own}
    if eye is not None:
        shapes |= {camera["name"]: (3, camera["height"], camera["width"]) for camera in eye.cameras}
    return shapes


def _noise_shape(checkpoint: Checkpoint) -> tuple[int, ...] | None:
    """Of the noise a plan begins with: () for policies without; None where a policy draws it itself, one by one."""
    config = checkpoint.config
    if config.type == "act":
        return ()
    known = inspect.signature(checkpoint.policy.predict_action_chunk).parameters
    if "noise" not in known and config.type not in TAKE_NOISE:
        return None
    if getattr(config, "noise_scheduler_type", "DDIM") != "DDIM":
        return None
    steps = len(config.action_delta_indices or ())
    return (steps, int(getattr(config, "max_action_dim", None) or action_width(config)))


def _noise(memory: PolicyMemory, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(_draw(memory)))


def _draw(memory: PolicyMemory) -> int:
    """One number from seed and counter."""
    words = np.random.SeedSequence([abs(memory.seed), int(memory.seed < 0), memory.steps]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} numbers ({shown}{', ...' if len(names) > 3 else ''})"
