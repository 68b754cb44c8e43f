"""A Diffusion Policy of LeRobot with random weights, made by its own factory: small enough to act in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors

from hiwm.spec import NumberSpec, RobotSpec


def save_tiny_diffusion(folder: Path, spec: RobotSpec) -> Path:
    """Writes a checkpoint for a robot: config, weights, processors; returns the folder."""
    config = make_policy_config(
        "diffusion", device="cpu", push_to_hub=False, pretrained_backbone_weights=None, use_group_norm=True,
        n_obs_steps=2, horizon=8, n_action_steps=6, resize_shape=(32, 32), down_dims=(16, 32),
        diffusion_step_embed_dim=16, spatial_softmax_num_keypoints=4, noise_scheduler_type="DDIM",
        num_inference_steps=2,
    )  # fmt: skip
    config.input_features = {
        **{c.name: PolicyFeature(FeatureType.VISUAL, (3, c.height, c.width)) for c in spec.cameras},
        "observation.state": PolicyFeature(FeatureType.STATE, (len(spec.state),)),
    }
    config.output_features = {"action": PolicyFeature(FeatureType.ACTION, (len(spec.action),))}
    torch.manual_seed(0)
    policy = get_policy_class("diffusion")(config)
    processors = make_pre_post_processors(config, dataset_stats=_statistics(spec))
    for part in (policy, *processors):
        part.save_pretrained(folder)
    return folder


def _statistics(spec: RobotSpec) -> dict[str, dict[str, torch.Tensor]]:
    pictures = {"mean": torch.full((3, 1, 1), 0.5), "std": torch.full((3, 1, 1), 0.25)}
    numbers = {"observation.state": _range(spec.state), "action": _range(spec.action)}
    return {**{camera.name: pictures for camera in spec.cameras}, **numbers}


def _range(numbers: tuple[NumberSpec, ...]) -> dict[str, torch.Tensor]:
    return {
        "min": torch.from_numpy(np.array([n.low for n in numbers], np.float32)),
        "max": torch.from_numpy(np.array([n.high for n in numbers], np.float32)),
    }
