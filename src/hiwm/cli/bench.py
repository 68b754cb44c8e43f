"""Commands that measure; the figures go to the terminal, and as JSON to a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from hiwm.errors import BadInput


def commands() -> SubcommandApp:
    """One command for each thing that is measured."""
    app = SubcommandApp()
    for command in (collect, expert, reader, world, loop, rewind, server, gates):
        app.command(command)
    return app


def collect(
    task: Positional[str], episodes: int = 100, workers: int = 2, seed: int = 0, json: Path | None = None
) -> None:
    """Measure how many episodes of a task are collected in an hour, and what one costs by stage.

    Args:
        task: A simulated task, for example push_t.
        episodes: How many are collected, into a temporary folder of $HIWM_HOME.
        workers: Processes that simulate and encode.
        seed: Another seed gives other scenes.
        json: File for the figures.
    """
    from hiwm.bench.collect import bench_collect

    _report(bench_collect(task, episodes, workers, seed), json)


def expert(task: Positional[str], episodes: int = 100, first: int = 0, json: Path | None = None) -> None:
    """Measure how often a task's scripted expert succeeds on scenes of the evaluation split, and at what cost.

    Args:
        task: A simulated task, for example push_t.
        episodes: How many scenes.
        first: Number of the first scene.
        json: File for the figures.
    """
    _require_some("--episodes", episodes)
    from hiwm.bench.expert import bench_expert
    from hiwm.sims.tasks import load_task

    _report(bench_expert(load_task(task), episodes, first), json)


def reader(folder: Positional[Path], windows: int = 128, seed: int = 0, json: Path | None = None) -> None:
    """Compare the speed and the values of hiwm's reader with those of LeRobot's own, on the same windows.

    Args:
        folder: Folder of a dataset.
        windows: How many random windows both read.
        seed: Seed of their choice.
        json: File for the figures.
    """
    _require_some("--windows", windows)
    from hiwm.bench.reader import bench_reader

    _report(bench_reader(folder, count=windows, seed=seed), json)


def world(
    task: Positional[str],
    world: Path,
    estimator: Path,
    clips: int = 20,
    steps: int = 64,
    episodes: int = 200,
    long_steps: int = 6000,
    only: tuple[Literal["clips", "success", "actions", "long", "speed"], ...] = (),
    seed: int = 0,
    threads: int | None = None,
    sheets: Path | None = None,
    json: Path | None = None,
) -> None:
    """Measure how faithful a learned world is in held-out scenes, beside baselines, and how fast it is.

    Args:
        task: The simulated task that the world was learned from, for example push_t.
        world: Folder of the world, or the name of a shipped one.
        estimator: Folder of an estimator trained on the same task (hiwm train-estimator).
        clips: How many clips of each kind of episodes; trust is read from them too.
        steps: Length of a clip.
        episodes: How many whole episodes are judged, half of them successes.
        long_steps: Length of the long run; 0 leaves it out.
        only: Groups of figures to measure; by default all.
        seed: Another seed takes other moments of the episodes and other noise.
        threads: Threads of the processor; by default as many as there are cores.
        sheets: Folder for contact sheets of simulator, world and frozen object, of the long run, and for the plot of
            trust.
        json: File for the figures, written after each group.
    """
    _require_some("--clips", clips)
    import torch
    from rich.console import Console

    from hiwm.sims.rendering import choose_renderer

    choose_renderer()  # before anything imports mujoco, as the benchmark does
    from hiwm.bench.world import bench_world, setting_of
    from hiwm.bench.world_parts import GROUPS, Plan
    from hiwm.bench.world_report import groups_table, world_table
    from hiwm.runfolder import write_json
    from hiwm.sims.tasks import load_task
    from hiwm.worldmodel.checkpoint import load_world
    from hiwm.worldmodel.shipped import find_world

    if threads is not None:
        torch.set_num_threads(threads)
    world = find_world(world)
    shown_task = load_task(task, setting_of(load_world(world)))
    plan = Plan(clips, steps, episodes, long_steps, seed, only or GROUPS)
    keep = None if json is None else partial(write_json, json)
    figures = bench_world(shown_task, world, estimator, plan, sheets, keep=keep)
    if "kinds" in figures:
        Console().print(world_table(figures))
    Console().print(groups_table(figures))


def loop(
    task: Positional[str],
    world: str | None = None,
    sim: str | None = None,
    policy: str = "push_t",
    sessions: int = 1,
    steps: int = 200,
    threads: int | None = None,
    json: Path | None = None,
) -> None:
    """Measure how many steps a second a policy makes in a world, with judge and trust; chunks told apart.

    Args:
        task: The simulated task that scenes are taken from, for example push_t.
        world: Folder of a world, or the name of a shipped one; by default the task's.
        sim: Measure in this simulated task in place of a world.
        policy: Folder of a policy, or a name that hiwm knows.
        sessions: How many scenes are stepped together.
        steps: How many steps are timed.
        threads: Threads of the processor; by default as many as there are cores.
        json: File for the figures.
    """
    _require_some("--sessions", sessions)
    _require_some("--steps", steps)
    from hiwm.bench.loop import bench_loop
    from hiwm.bench.setting import open_setting

    with open_setting(task, world, sim, policy, sessions, threads) as setting:
        figures = bench_loop(setting.dynamics, setting.policy, setting.scenes, steps)
    _report(setting.about | figures, json)


def rewind(
    task: Positional[str],
    world: str | None = None,
    sim: str | None = None,
    policy: str = "push_t",
    nodes: int = 6000,
    rewinds: int = 500,
    rolled: int = 100,
    seed: int = 0,
    threads: int | None = None,
    json: Path | None = None,
) -> None:
    """Measure how long it takes to rewind to any step of a long session, from the disk.

    Args:
        task: The simulated task that the scene is taken from, for example push_t.
        world: Folder of a world, or the name of a shipped one; by default the task's.
        sim: Measure sessions of this simulated task in place of a world's.
        policy: Folder of a policy, or a name that hiwm knows.
        nodes: Length of the session.
        rewinds: How many rewinds are timed, to nodes drawn at random.
        rolled: Steps of the rollout that the session is made of, over and over.
        seed: Seed of the draw.
        threads: Threads of the processor; by default as many as there are cores.
        json: File for the figures.
    """
    _require_some("--rewinds", rewinds)
    _require_some("--rolled", rolled)
    if nodes < 2:
        raise BadInput(f"expected --nodes of at least 2, got {nodes}")
    from tempfile import TemporaryDirectory

    from hiwm.bench.rewind import bench_rewind
    from hiwm.bench.setting import open_setting
    from hiwm.runfolder import hiwm_home

    with (
        open_setting(task, world, sim, policy, 1, threads) as setting,
        TemporaryDirectory(prefix="bench-rewind-", dir=hiwm_home()) as folder,
    ):
        figures = bench_rewind(
            setting.dynamics, setting.policy, setting.scenes[0], Path(folder), nodes, rewinds, rolled, seed
        )
    _report(setting.about | figures, json)


def server(
    world: str = "push_t",
    policy: str = "hold",
    seconds: float = 20.0,
    operators: int = 4,
    long_steps: int = 6000,
    threads: int = 1,
    json: Path | None = None,
) -> None:
    """Measure the console: time from picture to picture for one and for several operators, rewinds, first picture.

    Args:
        world: Folder of a world, or the name of a shipped one.
        policy: A policy by folder or name; it drives only until the operators take over.
        seconds: How long each group of operators steers.
        operators: How many steer at once in the second group.
        long_steps: Length of the session in which the rewind is measured.
        threads: Threads of the processor for the model.
        json: File for the figures.
    """
    _require_some("--operators", operators)
    from hiwm.bench.server import Load, bench_server

    _report(bench_server(world, policy, Load(seconds, operators, long_steps), threads), json)


def gates(out: Path | None = None, seed: int = 0, small: bool = False) -> None:
    """Run the console's gates in full size: kills, power loss, full disks, cuts, races, malformed messages; hours.

    Args:
        out: File for what each gate found, a JSON object a line; without it, one in $HIWM_HOME.
        seed: Another seed tries other moments.
        small: In the size of the tests.
    """
    from hiwm.bench.gates import gate_lines, run_gates
    from hiwm.runfolder import hiwm_home

    print("\n".join(gate_lines(run_gates(out or hiwm_home() / "bench" / "gates.jsonl", seed, small))))


def _require_some(flag: str, count: int) -> None:
    if count < 1:
        raise BadInput(f"expected {flag} of at least 1, got {count}")


def _report(figures: Mapping[str, Any], json: Path | None) -> None:
    from hiwm.runfolder import write_json

    if json is not None:
        write_json(json, figures)
    rows = list(_rows(figures))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")


def _rows(figures: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """(name, text) of each figure; those of a nested mapping are named `outer.inner`."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{within}{name}.")
        else:
            yield within + name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
