"""Commands for the stages: each reads folders and writes a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from hiwm.cli.data import Dataset


def tour(out: Path | None = None) -> None:
    """Show each task: a success, a failure, an edge case; and the success's actions in the task's learned world.

    Args:
        out: Folder for the films and the contact sheet; without it, one in $HIWM_HOME.
    """
    from hiwm.pipeline.tour import tour as run_tour

    run_tour(out)


def collect(
    task: Positional[str],
    out: Path,
    demos: int = 0,
    failures: int = 0,
    edges: int = 0,
    workers: int = 2,
    seed: int = 0,
    look: str = "plain",
    cameras: tuple[str, ...] = ("top",),
    size: int | None = None,
    mistakes: tuple[str, ...] = (),
) -> None:
    """Collect a dataset of a simulated task; the same command again goes on where it was stopped.

    Args:
        task: A simulated task, for example push_t.
        out: Folder of the dataset (LeRobot v3).
        demos: Successful episodes of the scripted expert.
        failures: Episodes with scripted lapses.
        edges: Sweeps along the limits of workspace and motion.
        workers: Processes that simulate and encode.
        seed: Another seed gives other scenes.
        look: How the scene looks: plain, appearance, background, distractors, light, camera or all.
        cameras: Which cameras see it: top, angle.
        size: Side of the square pictures in pixels; by default 128 (gym_pusht: 96).
        mistakes: Of which lapses failures have some, for example missed_grasp; by default any.
    """
    from hiwm.pipeline.collect import collect as run_collect
    from hiwm.sims.task import Setting
    from hiwm.sims.tasks import load_task

    source = partial(load_task, task, Setting(look, cameras, size, mistakes))
    report = run_collect(source, out, demos=demos, failures=failures, edges=edges, workers=workers, seed=seed)
    for kind, count in report.counts.items():
        print(f"{kind:<8} {count:>6} episodes, {report.successes[kind]} end in success")
    speed = "" if report.episodes_per_hour is None else f", {report.episodes_per_hour:,.0f} episodes an hour"
    print(f"{out}: {report.bytes_per_episode / 1e3:,.0f} kB an episode{speed}")


def train_world(
    dataset: Dataset,
    out: Path,
    minutes: float = 60.0,
    device: str = "auto",
    size: tuple[int, int] | None = None,
    resume: bool = False,
    threads: int | None = None,
    start: str | None = None,
    only: tuple[Literal["pictures", "motion", "judge", "trust"], ...] = (),
    eye: Path | None = None,
) -> None:
    """Train a world model on a dataset; it stops by the clock, and the best world so far is always in the folder.

    Args:
        dataset: Which dataset.
        out: Folder of the world.
        minutes: How long to train in all, earlier runs included.
        device: auto, cpu or cuda.
        size: Height and width that pictures are resized to; by default their own.
        resume: Go on with the training in the folder.
        threads: Threads of the processor; by default as many as there are cores.
        start: A world to go on from, a folder or a shipped name: on new data, or for a longer training.
        only: The parts of that world that learn from this dataset; by default all.
        eye: Folder of an estimator that reads the pictures for the world, which then does not learn to read. With
            --start: another one of the same numbers.
    """
    from hiwm.pipeline.train_world import Part, WorldRecipe
    from hiwm.pipeline.train_world import train_world as run_training
    from hiwm.worldmodel.shipped import find_world

    begun = None if start is None else find_world(start)
    print(
        run_training(
            dataset.open(),
            out,
            minutes,
            WorldRecipe(),
            device,
            size,
            resume,
            threads,
            begun,
            [Part(name) for name in only],
            eye,
        )
    )


def world_card(
    world: Positional[Path],
    bench: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="FILE")] = (),
    command: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="TEXT")] = (),
) -> None:
    """Write MODEL_CARD.md into the folder of a world: data, recipe, commands, figures.

    Args:
        world: Folder of the world.
        bench: Figures of this world (hiwm bench world --json); give it again for groups that were measured apart.
        command: A command that the world was made by; give it again for each, in order.
    """
    from hiwm.pipeline.world_card import write_world_card

    print(write_world_card(world, bench, command))


def train_estimator(
    dataset: Dataset,
    out: Path,
    minutes: float = 10.0,
    size: tuple[int, int] | None = None,
    threads: int | None = None,
) -> None:
    """Train an estimator, which reads from a picture where object and hands are and whether the object is whole.

    Args:
        dataset: Which dataset.
        out: Folder of the estimator.
        minutes: How long to train.
        size: Height and width that pictures are resized to; by default their own.
        threads: Threads of the processor; by default as many as there are cores.
    """
    from hiwm.pipeline.train_estimator import summary
    from hiwm.pipeline.train_estimator import train_estimator as run_training

    estimator = run_training(dataset.open(), out, minutes, size, threads)
    print("\n".join([*summary(estimator), str(out)]))
