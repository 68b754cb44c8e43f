"""Whether a world lasts: thousands of steps in one go, along the actions of scripts that take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from hiwm.bench.picture_figures import Pictures
from hiwm.bench.world_clips import Film
from hiwm.bench.world_figures import figure, stacked
from hiwm.bench.world_films import noise_seed, stepped
from hiwm.bench.world_parts import Bench
from hiwm.bench.world_report import Strip, write_sheet
from hiwm.data.background import usual_picture
from hiwm.interfaces import Dynamics
from hiwm.rollout import Node, advance, first_nodes
from hiwm.types import Doubles, Floats, Kind, Observation, Picture, Scene

READ_EVERY = 10
"""Steps between frames that are looked at."""
BLOCK = 10
"""Frames that are looked at and count as one in intervals: neighbours say the same."""
TURNS = (Kind.DEMO, Kind.EDGE, Kind.FAILURE, Kind.EDGE)
"""Sweeps push the object about, the others have to bring it back."""
SHOWN = (10, 50, 100, 200, 300, 400, 500, 600, 1500, 3000)
"""Steps on the sheet, and the last."""
TOLERANCE = 40
"""Difference, of 255, up to which a pixel shows the usual picture: background. Hands and objects differ by more."""
NEAR_PX = 2
"""Pixels this near to one that is not background are left out, so that soft edges of things do not count."""
TOUCHED = 0.01
"""Of the workspace: the object moved if it is so far from where it was READ_EVERY steps ago."""


@dataclass(frozen=True, eq=False)
class Chain:
    """A long episode: first picture, actions, what the simulator shows every READ_EVERY steps, and who drove."""

    scene: Scene
    first: Observation
    actions: list[Floats]
    seen: list[Observation]
    turns: list[str]


def long_figures(bench: Bench, sheets: Path | None = None) -> dict[str, Any]:
    """Object seen whole and background by step, in the world and, along the same actions, in the simulator.

    Object and background are looked at every READ_EVERY steps. `late` is the last tenth of them. sheets: folder for a
    contact sheet of both.
    """
    steps = bench.plan.long_steps
    with bench.bar(f"{steps} steps in the simulator", steps) as advanced:
        chain = chained(bench, steps, advanced)
    state = bench.world.state_of(chain.first, noise_seed(chain.scene, Kind.DEMO, bench.plan.seed))
    with bench.bar(f"{steps} steps in the world", steps) as advanced:
        made = _looked_at(bench.world, state, chain.actions, advanced)
    if sheets is not None:
        strip = Strip(chain.scene.id, {"simulator": _film(chain.seen), "world": _film(made)})
        shown = [k // READ_EVERY for k in SHOWN if k < steps] + [len(made)]
        write_sheet(sheets / f"{bench.task.name}_long.png", [strip], bench.cameras[0], shown, READ_EVERY)
    usual, truth = _usual(bench, chain.seen), np.stack([seen.require_truth() for seen in chain.seen])
    return {
        "steps": steps,
        "read_every": READ_EVERY,
        "scene": chain.scene.id,
        "turns": chain.turns,
        "object_moves_in_simulator": _moves(bench, truth),
        "world": _side(bench, made, usual),
        "simulator": _side(bench, chain.seen, usual),
    }


def chained(bench: Bench, steps: int, advanced: Callable[[], object]) -> Chain:
    """Scripts take turns in one evaluation scene, each going on from where the one before has left hands and object.

    So the object is touched all along, which the actions of one scene would not do in another.
    """
    scene = Scene(bench.task.name, "eval", 0)
    [start] = first_nodes(bench.task.script(TURNS[0]), bench.dynamics, [scene])
    chain = Chain(scene, start.observation, [], [], [])
    for k, (turn, node) in enumerate(islice(_turns(bench, start), steps), 1):
        if node.action is not None:
            chain.actions.append(node.action)
        if k % READ_EVERY == 0:
            chain.seen.append(node.observation)
        if chain.turns[-1:] != [turn]:
            chain.turns.append(turn)
        advanced()
    return chain


def _turns(bench: Bench, node: Node) -> Iterator[tuple[str, Node]]:
    """Steps without end, with the kind and the scene whose seed the driving script has."""
    for number in count():
        kind, scene = TURNS[number % len(TURNS)], Scene(bench.task.name, "eval", number)
        script = bench.task.script(kind)
        [memory] = script.watch(script.start([scene.seed]), [node.observation])
        node = replace(node, memory=memory)
        for _ in range(bench.task.max_steps):
            [node] = advance(script, bench.dynamics, [node])
            yield f"{scene.id} {kind}", node
            if script.finished(node.memory):
                break


def background(pictures_thwc: Pictures, usual_hwc: Picture) -> NDArray[np.bool_]:
    """(T, H, W) where a picture shows the usual one within TOLERANCE, and nothing else is near."""
    other = (np.abs(pictures_thwc.astype(np.int16) - usual_hwc) > TOLERANCE).any(-1)
    return ~np.asarray(binary_dilation(other, structure=np.ones((1, 3, 3), bool), iterations=NEAR_PX), np.bool_)


def background_db(pictures_thwc: Pictures, usual_hwc: Picture, mask_thw: NDArray[np.bool_]) -> Doubles:
    """(T,) PSNR of the background against the usual picture; an error counts as at least half a grey level."""
    square = ((pictures_thwc.astype(np.float32) - usual_hwc) ** 2).mean(-1)
    area = mask_thw.sum((1, 2))
    error = np.where(area > 0, (square * mask_thw).sum((1, 2)) / np.maximum(area, 1), np.nan)
    return np.asarray(20 * np.log10(255 / np.sqrt(np.maximum(error, 0.25))), np.float64)


def _looked_at(
    dynamics: Dynamics, state: Any, actions: Sequence[Floats], advanced: Callable[[], object]
) -> list[Observation]:
    """What is seen every READ_EVERY steps."""
    seen: list[Observation] = []
    for k, [(_, observation, _)] in enumerate(stepped(dynamics, [state], [actions]), 1):
        if k % READ_EVERY == 0:
            seen.append(observation)
        advanced()
    return seen


def _film(seen: Sequence[Observation]) -> Film:
    return [dict(one.images) for one in seen]


def _usual(bench: Bench, true: Sequence[Observation]) -> Picture:
    """(H, W, C) what stands at each pixel most of the time in the simulator, without what moves."""
    everywhere = np.arange(len(true))
    cameras = [usual_picture(np.stack([seen.images[name] for seen in true]), everywhere) for name in bench.cameras]
    return np.concatenate(cameras, axis=-1)


def _moves(bench: Bench, truth_tk: Floats) -> dict[str, float]:
    """In what share of intervals the object moved, and how far it was moved in all, in workspaces."""
    moved = bench.ruler.apart(truth_tk[1:], truth_tk[:-1]) / bench.ruler.workspace
    return {"share": float((moved > TOUCHED).mean()), "workspaces": float(moved.sum())}


def _side(bench: Bench, seen: Sequence[Observation], usual_hwc: Picture) -> dict[str, Any]:
    """The figures of the world or of the simulator."""
    read = bench.estimator.read([observation.images for observation in seen])
    whole_t = read.whole_n.astype(np.float64)
    pictures = stacked([observation.images for observation in seen], bench.cameras)
    mask = background(pictures, usual_hwc)
    db_t, area_t = background_db(pictures, usual_hwc, mask), mask.mean((1, 2))
    tenth = max(1, len(seen) // 10)
    late = figure(list(db_t[-tenth:]), np.median)
    known = np.isfinite(db_t[0]) and late["value"] is not None
    return {
        "seen_whole": figure([part.mean() for part in _blocks(whole_t)], np.mean) | {"frames": len(whole_t)},
        "seen_whole_by_tenth": [float(part.mean()) for part in np.array_split(whole_t, min(10, len(whole_t)))],
        "object_moves_as_read": _moves(bench, read.truth_nk),
        "background_db": {"step_10": float(db_t[0]) if np.isfinite(db_t[0]) else None, "late": late},
        "background_lost_db": float(db_t[0] - late["value"]) if known else None,
        "background_area": {"step_10": float(area_t[0]), "late": float(np.median(area_t[-tenth:]))},
    }


def _blocks(values_t: Doubles) -> list[Doubles]:
    return np.array_split(values_t, max(1, len(values_t) // BLOCK))
