"""Looks change the picture and nothing else."""

import numpy as np
import pytest

from hiwm.errors import UnknownName
from hiwm.sims.looks import LOOKS, load_look
from hiwm.sims.mujoco_dynamics import MujocoDynamics
from hiwm.sims.push_t import PushT
from hiwm.types import Scene


@pytest.mark.parametrize("name", [name for name in LOOKS if name != "plain"])
def test_a_look_changes_the_picture_but_not_the_motion(name: str) -> None:
    scene, feature = Scene("push_t", "train", 4), "observation.images.top"
    seen = {}
    for look in ("plain", name):
        dynamics = MujocoDynamics(PushT(), load_look(look))
        action = dynamics.physics.home.astype(np.float32)
        action[:3] = [0.0, -0.05, 0.02]
        states, _, _ = dynamics.reset([scene])
        states, observations, _ = dynamics.step(states, [action])
        seen[look] = states[0].physics, observations[0].images[feature]
        dynamics.close()
    assert np.array_equal(seen["plain"][0], seen[name][0])
    changed = np.abs(seen["plain"][1].astype(int) - seen[name][1]).max(-1) > 12
    assert changed.mean() > 0.005


def test_an_unknown_look_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="background"):
        load_look("neon")
