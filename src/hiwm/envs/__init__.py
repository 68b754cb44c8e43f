"""Worlds and simulated tasks as gymnasium environments and for `lerobot-eval`; importing this registers them.

`import hiwm.envs; gymnasium.make("hiwm/World-v0", world=DIR)`, or, without that import, `hiwm.envs:hiwm/World-v0`.
`gymnasium.make_vec(..., num_envs=8)` makes many at once, which are stepped in one batch of the world's networks.
"""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

WORLD_ID = "hiwm/World-v0"


def register_worlds() -> None:
    """Tells gymnasium of `hiwm/World-v0`; a second call does nothing."""
    if WORLD_ID not in registry:
        register(
            WORLD_ID,
            entry_point="hiwm.envs.making:make_world_env",
            vector_entry_point="hiwm.envs.making:make_world_vector_env",
        )


register_worlds()
