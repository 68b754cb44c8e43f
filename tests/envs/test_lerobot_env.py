"""`lerobot-eval` itself, as a process, with a policy of LeRobot's in a world."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lerobot.envs.factory import make_env, make_env_config
from lerobot.processor import ProcessorStepRegistry

from hiwm.envs.lerobot_env import ENV_TYPE, OWN_STEPS, lerobot_features
from hiwm.envs.making import Place
from hiwm.envs.vector_env import WorldVectorEnv
from hiwm.spec import RobotSpec
from tests.fakes import TOY_SPEC
from tests.tiny_diffusion import save_tiny_diffusion


def test_features_have_the_names_that_policies_know() -> None:
    features, names = lerobot_features(TOY_SPEC)
    assert {names[key]: feature.shape for key, feature in features.items()} == {
        "action": (2,),
        "observation.state": (3,),
        "observation.images.top": (32, 48, 3),
        "observation.images.side": (24, 24, 3),
    }


def test_lerobot_makes_a_simulated_task_by_its_type() -> None:
    config = make_env_config(ENV_TYPE, sim="gym_pusht", scenes="gym_pusht/eval/0..1", episode_length=7)
    [envs] = make_env(config, n_envs=2).values()
    assert config.fps == 10
    assert config.features["action"].shape == (2,)
    assert isinstance(envs[0], WorldVectorEnv)
    assert envs[0].num_envs == 2
    assert envs[0].call("_max_episode_steps") == (7, 7)
    envs[0].close()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    spec: RobotSpec = Place(world="push_t").spec()
    return save_tiny_diffusion(tmp_path / "policy", spec)


def test_lerobot_eval_runs_a_policy_in_the_shipped_world(policy: Path, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("lerobot-eval")),
        "--env.discover_packages_path=hiwm.envs",
        f"--env.type={ENV_TYPE}",
        "--env.world=push_t",
        "--env.scenes=push_t/eval/0..2",
        "--env.episode_length=4",
        "--eval.batch_size=3",
        "--eval.n_episodes=3",
        f"--policy.path={policy}",
        "--policy.device=cpu",
        f"--output_dir={tmp_path / 'out'}",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    figures = json.loads((tmp_path / "out" / "eval_info.json").read_text())
    [task] = figures["per_task"]
    assert task["task_group"] == ENV_TYPE
    assert len(task["metrics"]["sum_rewards"]) == 3
    assert all(0 < total <= 4 for total in task["metrics"]["sum_rewards"])
    assert len(list((tmp_path / "out").rglob("eval_episode_*.mp4"))) == 3


def test_hiwms_own_policies_can_be_loaded_by_lerobot() -> None:
    assert {ProcessorStepRegistry.get("hiwm_eye"), ProcessorStepRegistry.get("hiwm_encoder")} == set(OWN_STEPS)
