"""What is wrong with a policy's folder is said in one line; LeRobot itself would go on with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lerobot.configs import PreTrainedConfig
from lerobot.policies.factory import make_pre_post_processors
from safetensors.torch import load_file, save_file

from hiwm.errors import BadCheckpoint
from hiwm.policies.checkpoint import ABOUT, load_checkpoint, policy_hash
from hiwm.policies.features import inputs_of
from tests.policies.made import seen


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _changed(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors")

    return damage


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _other_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"type": "teleporter"}))


def _eye_state(folder: Path) -> None:
    next(folder.glob("*hiwm_eye.safetensors")).unlink()


FIRST = "diffusion.unet.final_conv.1.weight"


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_without("config.json"), "it has no config.json"),
        (_without("model.safetensors"), "it has no model.safetensors"),
        (_without("policy_preprocessor.json"), "it has no policy_preprocessor.json"),
        (_eye_state, "hiwm_eye.safetensors, which is not there"),
        (_cut, "is not a policy that LeRobot can read"),
        (_other_type, "is not a policy that LeRobot can read"),
        (_changed(lambda weights: weights.pop(FIRST)), "(holds no weights for|can read)"),
        (_changed(lambda weights: weights[FIRST].fill_(torch.nan)), "not finite|is not what it holds"),
    ],
)
def test_what_is_wrong_is_one_line(
    damage: Callable[[Path], None], complaint: str, policy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(policy, folder)
    damage(folder)
    with pytest.raises(BadCheckpoint, match=complaint) as raised:
        load_checkpoint(folder)
    assert "\n" not in str(raised.value)


def test_the_whole_folder_is_a_lerobot_checkpoint(policy: Path) -> None:
    config = PreTrainedConfig.from_pretrained(policy)
    pre, _ = make_pre_post_processors(config, pretrained_path=str(policy))
    observation = seen()
    picture = torch.from_numpy(observation.images["observation.images.top"].copy()).movedim(-1, 0).float() / 255
    batch = pre({"observation.images.top": picture, "observation.state": torch.from_numpy(observation.state.copy())})
    assert "observation.images.top" not in batch
    assert (
        batch["observation.environment_state"].shape[-1] == inputs_of(config)["observation.environment_state"].shape[0]
    )


def test_a_folder_says_what_it_was_made_for(policy: Path) -> None:
    loaded = load_checkpoint(policy)
    assert loaded.spec is not None
    assert [number.name for number in loaded.spec.action] == ["x", "y"]
    assert loaded.eye is not None
    assert json.loads((policy / ABOUT).read_text())["prompt"] == "bring the dot to the goal"


def test_a_hash_follows_the_weights(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(policy, folder)
    assert policy_hash(folder) == policy_hash(policy)
    _changed(lambda weights: weights[FIRST].add_(1))(folder)
    assert policy_hash(folder) != policy_hash(policy)


def test_weights_in_half_precision_are_accepted(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(policy, folder)
    weights = {name: tensor.bfloat16() for name, tensor in load_file(policy / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    loaded = load_checkpoint(folder).policy.state_dict()
    assert torch.equal(loaded[FIRST], weights[FIRST].float())
