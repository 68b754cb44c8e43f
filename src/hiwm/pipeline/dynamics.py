"""Opens what steps, a simulator or a learned world, by the name it has on a command line or in a session file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hiwm import __version__
from hiwm.errors import BadInput
from hiwm.interfaces import Dynamics
from hiwm.pipeline.manifest import content_hash
from hiwm.pipeline.scenes import first_observations
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Scene

WORLD, SIMULATOR = "world", "simulator"


def open_dynamics(world: str | None, sim: str | None, scenes: Sequence[Scene] = (), look: str = "plain") -> Dynamics:
    """The learned world (a folder or a shipped name) or the simulated task of that name; the caller closes it.

    A world can be reset to `scenes` alone: it goes on from what is seen first in each, in that look. Raises BadInput
    unless exactly one of the two is named, UnknownName, BadCheckpoint, SpecMismatch.
    """
    _require_one(world, sim)
    if sim is not None:
        strangers = [scene.id for scene in scenes if scene.task != sim]
        if strangers:
            raise BadInput(f"expected scenes of {sim} in its simulator, got {strangers[0]}; name scenes as {sim}/...")
        return load_task(sim, Setting(look)).open()
    assert world is not None
    from hiwm.worldmodel.checkpoint import load_world  # torch takes seconds, and simulators do without
    from hiwm.worldmodel.learned import LearnedWorld
    from hiwm.worldmodel.shipped import find_world

    loaded = load_world(find_world(world))
    return LearnedWorld(loaded, first_observations(scenes, loaded.spec.cameras, look))


def about_dynamics(world: str | None, sim: str | None, look: str = "plain") -> dict[str, str]:
    """What a session file says of its dynamics: kind, name, hash and look; `reopen_dynamics` takes it.

    The hash is that of the world's files, or of the simulator's version.
    """
    _require_one(world, sim)
    if sim is not None:
        return {"kind": SIMULATOR, "name": sim, "hash": f"hiwm {__version__}", "look": look}
    assert world is not None
    from hiwm.worldmodel.shipped import find_world

    folder = find_world(world)
    name = str(folder.resolve()) if Path(world) == folder else world
    return {"kind": WORLD, "name": name, "hash": content_hash(folder), "look": look}


def reopen_dynamics(about: Mapping[str, str], scenes: Sequence[Scene] = ()) -> Dynamics:
    """The dynamics that a session was made in, to go on from its states; raises BadInput where it is another now."""
    world, sim = (about["name"] if about["kind"] == kind else None for kind in (WORLD, SIMULATOR))
    now = about_dynamics(world, sim, about.get("look", "plain"))
    if now["hash"] != about["hash"]:
        raise BadInput(
            f"the session was made in {about['kind']} {about['name']} with hash {about['hash'][:12]}, there it is now "
            f"{now['hash'][:12]}; give back the old one, or roll out again"
        )
    return open_dynamics(world, sim, scenes, about.get("look", "plain"))


def _require_one(world: str | None, sim: str | None) -> None:
    if (world is None) == (sim is None):
        raise BadInput("expected exactly one of --world and --sim; for example --world push_t")
