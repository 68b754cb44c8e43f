"""Policies that have learned nothing yet: LeRobot's own classes in sizes that train on a processor."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature, PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors
from lerobot.processor import NormalizerProcessorStep

from hiwm.data.columns import read_columns
from hiwm.data.source import Source
from hiwm.errors import BadInput, UnknownName
from hiwm.policies.checkpoint import Checkpoint, load_checkpoint
from hiwm.policies.encoder import EncoderStep
from hiwm.policies.eye import EyeStep, object_numbers
from hiwm.policies.features import (
    ACTION,
    ENVIRONMENT,
    STATE,
    Stats,
    action_width,
    input_features,
    inputs_of,
    least_ranges,
    number_stats,
    output_features,
    picture_stats,
)
from hiwm.policies.small_pi0 import SmallSizes, small_pi0, write_tokenizer
from hiwm.spec import RobotSpec
from hiwm.types import Floats

NAMES = ("diffusion", "pi0")
"""Policies with a recipe of hiwm; other names of LeRobot's are built with LeRobot's own settings."""

RECIPES: dict[str, dict[str, Any]] = {
    # Sizes for a processor; short episodes and corrections keep all their frames, their ends are masked instead.
    "diffusion": {
        "n_obs_steps": 2,
        "horizon": 16,
        "n_action_steps": 8,
        "down_dims": (48, 96),
        "kernel_size": 3,
        "prediction_type": "sample",
        "diffusion_step_embed_dim": 64,
        "noise_scheduler_type": "DDIM",
        "num_inference_steps": 10,
        "drop_n_last_frames": 0,
        "do_mask_loss_for_padding": True,
        "pretrained_backbone_weights": None,
        "use_group_norm": True,
        "spatial_softmax_num_keypoints": 16,
        "normalization_mapping": {
            "VISUAL": NormalizationMode.MEAN_STD,
            "STATE": NormalizationMode.MIN_MAX,
            "ENV": NormalizationMode.MIN_MAX,
            "ACTION": NormalizationMode.MIN_MAX,
        },
    },
    "act": {"pretrained_backbone_weights": None},
    "pi0": {
        "chunk_size": 16,
        "n_action_steps": 8,
        "num_inference_steps": 5,
        "image_resolution": (56, 56),
        "tokenizer_max_length": 32,
    },
}


def fresh_policy(
    name: str, source: Source, eye: EyeStep | None, settings: Mapping[str, Any], device: str = "cpu"
) -> Checkpoint:
    """A policy with random weights for the robot of a dataset, scaled by the dataset's numbers.

    name: LeRobot's of a policy; `pi0` is the small one. settings: of LeRobot's configuration, before hiwm's recipe.
    Raises UnknownName and BadInput.
    """
    config = fresh_config(name, source.spec, eye, settings, device)
    small = small_sizes_for(eye) if name == "pi0" else None
    stats = dataset_stats(source, eye)
    encoder = fresh_encoder(config, eye)
    if encoder is not None:
        seen = PolicyFeature(FeatureType.ENV, (encoder.seen + encoder.features,))
        config.input_features = inputs_of(config) | {ENVIRONMENT: seen}
    with tempfile.TemporaryDirectory() as place, small_pi0(small, write_tokenizer(Path(place)) if small else None):
        policy = get_policy_class(name)(config)
        pre, post = make_pre_post_processors(config, dataset_stats=stats)
    put_before_normaliser(pre, eye)
    if encoder is not None:
        pre.steps = [*pre.steps, encoder]
    return Checkpoint(policy.to(device), pre, post, {}, small)


def published_policy(folder: Path, source: Source, device: str = "cpu") -> Checkpoint:
    """A policy of other people as the start: their weights; features and scales of this dataset's robot.

    A base policy was trained on other robots, so that its own scales mean nothing here.
    """
    loaded = load_checkpoint(folder, device)
    config, spec = loaded.config, source.spec
    config.input_features = input_features(spec, True, {})
    config.output_features = output_features(spec)
    tokenizers = [step for step in loaded.pre.steps if hasattr(step, "tokenizer_name")]
    with small_pi0(loaded.small, Path(tokenizers[0].tokenizer_name) if tokenizers else None):
        pre, post = make_pre_post_processors(config, dataset_stats=dataset_stats(source, None))
    return Checkpoint(loaded.policy, pre, post, {}, loaded.small)


def fresh_config(
    name: str, spec: RobotSpec, eye: EyeStep | None, settings: Mapping[str, Any], device: str
) -> PreTrainedConfig:
    """LeRobot's description of a policy for a robot; raises UnknownName and BadInput."""
    if name not in PreTrainedConfig.get_known_choices():
        raise UnknownName("policy of LeRobot", name, PreTrainedConfig.get_known_choices())
    extra = {} if eye is None else {eye.into: eye.width}
    chosen = RECIPES.get(name, {}) | _fitted(name, spec, eye) | dict(settings)
    try:
        config = make_policy_config(name, device=device, push_to_hub=False, **chosen)
        config.input_features = input_features(spec, eye is None or eye.keep, extra)
        config.output_features = output_features(spec)
        config.validate_features()
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} cannot be built so ({' '.join(str(error).split())}); correct --set") from error
    return config


def small_sizes_for(eye: EyeStep | None) -> SmallSizes:
    """Of a small pi0; behind an eye its own look at the pictures has little to add and costs half a step."""
    return SmallSizes() if eye is None else SmallSizes(vision_width=32, vision_depth=1)


def _fitted(name: str, spec: RobotSpec, eye: EyeStep | None) -> dict[str, Any]:
    """Settings of pi0 that follow from robot and eye: it pads state and action to 32 numbers where they have fewer."""
    if name != "pi0":
        return {}
    state = eye.width if eye is not None and eye.into == STATE else len(spec.state)
    widths = {"max_state_dim": max(32, state), "max_action_dim": max(32, len(spec.action))}
    return widths if eye is None else widths | {"image_resolution": (28, 28), "tokenizer_max_length": 24}


def dataset_stats(source: Source, eye: EyeStep | None) -> Stats:
    """How the numbers of a dataset's demonstrations are scaled; an eye's by the truth that it learned to read."""
    columns, spec = read_columns(source), source.spec
    rows = np.ones(source.episodes.frames, bool)
    if columns.kind is not None and "demo" in columns.kind.vocabulary:
        rows = columns.kind.codes_n == columns.kind.vocabulary.index("demo")
    stats = {camera.name: picture_stats() for camera in spec.cameras}
    stats[ACTION] = number_stats(columns.action_na[rows], least_ranges(spec.action))
    state, least = columns.state_ns[rows], least_ranges(spec.state)
    if spec.state:
        stats[STATE] = number_stats(state, least)
    if eye is not None:
        seen = _known_numbers(eye, columns.truth_nk, columns.state_ns, rows)
        own: Floats = np.full(seen.shape[1], 1e-3, np.float32)
        if eye.into == STATE:
            seen, own = np.concatenate([state, seen], 1), np.concatenate([least, own])
        stats[eye.into] = number_stats(seen, own)
    return stats


def _known_numbers(
    eye: EyeStep, truth_nk: Floats | None, states_ns: Floats, rows: np.ndarray[Any, np.dtype[np.bool_]]
) -> Floats:
    """What an eye would read if it were never wrong."""
    if truth_nk is None:
        raise BadInput(
            "expected a dataset with truth to scale what the eye reads, got one without; train without --eye"
        )
    return object_numbers(truth_nk[rows], states_ns[rows], eye.known, eye.objects)


def fresh_encoder(config: PreTrainedConfig, eye: EyeStep | None) -> EncoderStep | None:
    """An encoder for a diffusion policy that sees nothing but numbers, None for every other."""
    if eye is None or config.type != "diffusion" or eye.into != ENVIRONMENT:
        return None
    actions = (len(config.action_delta_indices or ()), action_width(config))
    state, moments = inputs_of(config)[STATE].shape[0], len(config.observation_delta_indices or ())
    return EncoderStep(seen=eye.width, state=state, moments=moments, chunk=actions)


def put_before_normaliser(pre: Any, eye: EyeStep | None) -> None:
    """Puts an eye where its numbers are still scaled like all others."""
    if eye is not None:
        steps = list(pre.steps)
        at = next(i for i, step in enumerate(steps) if isinstance(step, NormalizerProcessorStep))
        pre.steps = [*steps[:at], eye, *steps[at:]]
