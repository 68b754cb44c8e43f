"""`hiwm train-world`: a dataset in, a folder with a world model out: first its pictures, then its judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import torch
from rich.console import Console

from hiwm.data.source import Source
from hiwm.data.windows import Offsets, Windows, open_windows
from hiwm.errors import BadInput
from hiwm.perception.estimator import Estimator, load_estimator
from hiwm.runfolder import full_disk_is_clear
from hiwm.worldmodel.checkpoint import World, load_world, save_world
from hiwm.worldmodel.config import NetworkConfig, TrainingConfig
from hiwm.worldmodel.eye import Eye
from hiwm.worldmodel.fresh import hands_to_see, robot_sprites, with_eye
from hiwm.worldmodel.judge import Judge, JudgeConfig
from hiwm.worldmodel.judge_training import JudgeTrainer, JudgeTraining, known_labels
from hiwm.worldmodel.training import POLISH_SLOWER, Clock, WorldTrainer
from hiwm.worldmodel.trust_training import TrustTraining, fit_trust

EYE_MOTION_SHARE = 0.4
"""Share of the training in which codes learn to move where an eye reads them: there is less else to learn."""

MANY_BATCH = 64
"""Rollouts a step where many points move: their network costs several times as much."""


class Part(StrEnum):
    """What of a world can learn by itself: reading and painting; how codes and robot move; judge; trust."""

    PICTURES = "pictures"
    MOTION = "motion"
    JUDGE = "judge"
    TRUST = "trust"


@dataclass(frozen=True)
class WorldRecipe:
    """What is trained, and how."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    judge_training: JudgeTraining = field(default_factory=JudgeTraining)
    trust: TrustTraining = field(default_factory=TrustTraining)


def train_world(
    source: Source,
    out: Path,
    minutes: float,
    recipe: WorldRecipe,
    device: str = "auto",
    size: tuple[int, int] | None = None,
    resume: bool = False,
    threads: int | None = None,
    start: Path | None = None,
    only: Sequence[Part] = (),
    eye: Path | None = None,
) -> Path:
    """Trains until `minutes` are spent in all and returns `out`, which then holds the best world so far.

    The judge comes last and gets its share of the time, where the dataset has labels. A training that was killed then
    resumes with the saved world and a judge from the beginning; one that had ended trains its judge again.

    size: (H, W) that pictures are resized to, None for their own. threads: of the processor; None leaves it to torch.
    start: a world to go on from, with half the learning rates, instead of from scratch. only: the parts of it that
    learn from this dataset, all where empty; the others stay as they are. eye: folder of an estimator that reads for
    the world, which then learns to paint and to move only; with `start`, one that reads the same numbers better.
    Raises BadInput where `out` holds a training and `resume` is not given, or the device does not exist.
    """
    place = pick_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    found = (out / "resume.json").exists()
    if found and not resume:
        raise BadInput(f"{out} holds a training already; give --resume to go on with it, or another --out")
    windows = open_windows(source, Offsets.span(recipe.network.past - 1, 0), size)
    begun, estimator = _given(start, eye)
    if only and begun is None:
        raise BadInput("expected a world of which some parts are to learn more; give --start with --only")
    parts = frozenset(only or Part)
    recipe = _suited(recipe, begun, None if estimator is None else Eye.of(estimator), parts)
    console = Console(stderr=True, highlight=False)
    known = known_labels(windows)
    if known.note:
        console.print(known.note)
    share = recipe.judge_training.share if known.progress and Part.JUDGE in parts else 0.0
    moves = bool(parts & {Part.PICTURES, Part.MOTION})
    scalars, close = _tensorboard(out / "tensorboard")
    try:
        if moves:
            trainer = WorldTrainer(windows, recipe.network, recipe.training, out, place, begun, estimator)
            if found:
                trainer.resume()
            trainer.train(Clock(minutes * 60 * (1 - share)), console.print, scalars)
        if begun is not None:
            own = load_world(out) if moves else begun
            save_world(out, dataclasses.replace(own, judge=begun.judge, trust=begun.trust))
        if share:
            clock = Clock(minutes * 60 * (share if moves else 1))
            first = None if begun is None else begun.judge
            _teach_judge(out, windows, recipe, place, clock, first, console.print, scalars)
        if Part.TRUST in parts:
            _fit_trust(out, windows, recipe, console.print)
    finally:
        close()
    return out


def _given(start: Path | None, eye: Path | None) -> tuple[World | None, Estimator | None]:
    """The world to go on from, with another eye where one is given, or the eye of a new world."""
    estimator = None if eye is None else load_estimator(eye)
    if start is None:
        return None, estimator
    begun = load_world(start)
    return (begun if estimator is None else with_eye(begun, estimator)), None


def _suited(recipe: WorldRecipe, begun: World | None, eye: Eye | None, parts: frozenset[Part]) -> WorldRecipe:
    """The recipe for what is there already: a world to go on from, or an eye for a new one.

    A world that does not see the robot's hands from its points, as today's do, learns its motion anew; one that has no
    sprites of the robot is given them.
    """
    network, training = recipe.network, recipe.training
    if begun is not None:
        network, training, eye = begun.network, gentler(training), begun.eye
        if Part.MOTION in parts and network.hands != hands_to_see(eye):
            network = dataclasses.replace(network, hands=hands_to_see(eye))
            training = dataclasses.replace(training, motion_rate=recipe.training.motion_rate)
        if Part.PICTURES in parts and network.robot_sprites != robot_sprites(eye):
            network = dataclasses.replace(network, robot_sprites=robot_sprites(eye))
            training = dataclasses.replace(training, learning_rate=recipe.training.learning_rate)
    if eye is not None:
        training = dataclasses.replace(training, motion_share=EYE_MOTION_SHARE)
        if len(eye.points) > 1:
            training = dataclasses.replace(training, motion_batch=min(training.motion_batch, MANY_BATCH))
    if Part.PICTURES not in parts:
        training = moving_only(training)
    elif Part.MOTION not in parts:
        training = painting_only(training, eye)
    return dataclasses.replace(recipe, network=network, training=training)


def _teach_judge(
    out: Path,
    windows: Windows,
    recipe: WorldRecipe,
    place: torch.device,
    clock: Clock,
    first: Judge | None,
    say: Callable[[str], None],
    scalars: Callable[[str, float, int], None],
) -> None:
    """Gives the world in a folder a judge. first: one to go on from."""
    world = load_world(out)
    judging = JudgeTrainer(world, windows, recipe.judge, recipe.judge_training, place, first)
    judge = judging.train(clock, say, scalars)
    with full_disk_is_clear("writing the judge"):
        save_world(out, dataclasses.replace(world, judge=judge))


def _fit_trust(out: Path, windows: Windows, recipe: WorldRecipe, say: Callable[[str], None]) -> None:
    """Gives the world in a folder its trust."""
    world = load_world(out)
    trust = fit_trust(world, windows, recipe.trust)
    say(f"trust: right in {trust.about['right']:.0%} of {trust.about['n']} kept-out steps")
    with full_disk_is_clear("writing trust"):
        save_world(out, dataclasses.replace(world, trust=trust))


def gentler(training: TrainingConfig) -> TrainingConfig:
    """The recipe for a world that has been trained before."""
    return dataclasses.replace(training, learning_rate=training.learning_rate / 2, motion_rate=training.motion_rate / 2)


def painting_only(training: TrainingConfig, eye: Eye | None) -> TrainingConfig:
    """The recipe in which things move as before, and all time is for painting as it is otherwise done at the end, at
    the rate of its beginning. Raises BadInput for a world that learns to read: what it reads then moves otherwise.
    """
    if eye is None:
        raise BadInput(
            "expected a world whose pictures an estimator reads, this one reads by itself, and must learn to move what "
            "it then reads; give --only pictures motion"
        )
    return dataclasses.replace(
        training, motion_share=0.0, polish_share=1.0, learning_rate=POLISH_SLOWER * training.learning_rate
    )


def moving_only(training: TrainingConfig) -> TrainingConfig:
    """The recipe in which pictures are read and painted as before."""
    return dataclasses.replace(training, motion_share=1.0, polish_share=0.0)


def pick_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one; raises BadInput for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu" or (name.startswith("cuda") and torch.cuda.is_available()):
        return torch.device(name)
    raise BadInput(f"expected --device auto, cpu or cuda on a machine with a GPU, got {name}")


def _tensorboard(folder: Path) -> tuple[Callable[[str, float, int], None], Callable[[], None]]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def write(name: str, value: float, step: int) -> None:
        writer.add_scalar(name, value, step)

    return write, writer.close
