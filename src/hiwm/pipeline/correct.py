"""`hiwm correct`: a scripted operator works through an inbox, on copies of the sessions, by the sessions' commands.

A copy takes its place when all is done in it; killed at any moment, the same command goes on with the others.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hiwm.errors import BadInput
from hiwm.interfaces import Policy
from hiwm.operators.desk import Desk, Start
from hiwm.operators.work import Budget, work
from hiwm.pipeline.dynamics import reopen_dynamics
from hiwm.pipeline.find_failures import INBOX, read_inbox
from hiwm.pipeline.manifest import begin_stage, write_manifest
from hiwm.pipeline.rollout import require_rollout
from hiwm.pipeline.rollout_worker import SESSIONS, SMALL_CACHE, WORK, about_policy
from hiwm.pipeline.scripted_operators import open_operator
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.runfolder import full_disk_is_clear
from hiwm.session.copying import copy_session
from hiwm.session.file import SessionFile
from hiwm.session.inbox import Why
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.session.tree import Tree

STAGE = "correct"
DEPTHS = (0, 10, 5, 15, 20)
"""How many steps further back the first, second ... correction of one failure state begins. Of a stall it is so many
steps later, turned about from stall to stall: some notice at once that nothing comes any more, others after a while."""
LAST_STEPS = 10
"""An untargeted takeover comes at a random step, but not among so many at the end."""
RANDOM = "random moment"


@dataclass(frozen=True)
class Work:
    """What shall be corrected, and how.

    rollouts: folder of a rollout with an inbox. task: whose operator; None for that of the sessions. untargeted: take
    over at random moments of all attempts instead of at failure states. per_state: corrections of each. steps: how many
    steps may be steered in all, None for as many as it takes.
    """

    rollouts: Path
    estimator: Path
    task: str | None = None
    untargeted: bool = False
    per_state: int = 1
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class CorrectReport:
    """What was done in a folder of corrected sessions."""

    sessions: int
    takeovers: int
    steered: int
    outcomes: Mapping[str, int]


def correct(order: Work, out: Path, batch: int = 16, device: str = "cpu", progress: bool = True) -> CorrectReport:
    """Corrects what is in the inbox, best first, into `out/sessions`.

    Raises BadInput where the rollout is not finished or has no inbox, where its world or policy are others by now, or
    `out` holds other corrections; UnknownName for a task without a scripted operator.
    """
    if order.per_state < 1 or batch < 1 or (order.steps is not None and order.steps < 1):
        asked = f"{order.per_state}, {batch} and {order.steps}"
        raise BadInput(f"expected at least 1 as --per-state, --batch and --steps, got {asked}")
    know_stored_values()
    sessions = require_rollout(order.rollouts)
    places = random_places(sessions, order.seed) if order.untargeted else inbox_places(order.rollouts)
    if not places:
        raise BadInput(f"there is nothing to correct in {order.rollouts}: no attempt failed; roll out more scenes")
    inputs = {"rollouts": order.rollouts / SESSIONS, "estimator": order.estimator}
    if not order.untargeted:
        inputs["inbox"] = order.rollouts / INBOX
    about = _one_origin(sessions)
    settings = {
        "task": order.task or about.task,
        "untargeted": order.untargeted,
        "per_state": order.per_state,
        "steps": order.steps,
        "seed": order.seed,
    }
    begin_stage(out, STAGE, inputs, settings)
    _work_through(order, about, out, places, batch, device, progress)
    report = report_of(out)
    write_manifest(out, STAGE, inputs, settings, {**vars(report), "outcomes": dict(report.outcomes)})
    return report


@dataclass(frozen=True)
class Place:
    """A session file, the node at which an operator shall begin, and why. end: where the attempt ended."""

    session: Path
    node: int
    reason: str
    end: int


def inbox_places(rollouts: Path) -> list[Place]:
    """The failure states of an inbox, in its order."""
    items = read_inbox(rollouts).items
    return [Place(rollouts / SESSIONS / item.session, item.node, str(item.why), item.end) for item in items]


def random_places(sessions: Sequence[Path], seed: int) -> list[Place]:
    """A random moment of each attempt, in random order: what corrections are worth that nobody aims at failures."""
    rng = np.random.default_rng([seed, 4])
    found = []
    for path in sessions:
        with opened(path, read_only=True) as file:
            tree = Tree(file.rows())
        end = tree.end(0)
        steps = tree.path(end)
        found.append(Place(path, steps[int(rng.integers(0, max(1, len(steps) - LAST_STEPS)))], RANDOM, end))
    return [found[i] for i in rng.permutation(len(found))]


def starts_of(place: Place, tree: Tree, count: int, seed: int) -> list[Start]:
    """Several ways to begin at one place: further back each time, or at another moment of a stall; and another hand."""
    path = tree.path(place.end)
    at = path.index(place.node)
    scene = int.from_bytes(place.session.stem.encode()[-8:], "little")
    starts = []
    for k in range(count):
        if place.reason == Why.STALL:
            node = path[min(len(path) - 1, at + DEPTHS[(scene + k) % len(DEPTHS)])]
        else:
            node = path[max(0, at - DEPTHS[k % len(DEPTHS)])]
        drawn = int(np.random.SeedSequence([seed, k, scene]).generate_state(1)[0])
        starts.append(Start(node, place.reason, drawn))
    return starts


def report_of(out: Path) -> CorrectReport:
    """What has been done in the sessions of a folder."""
    outcomes: Counter[str] = Counter()
    sessions = sorted((out / SESSIONS).glob("*.hiwm"))
    takeovers = steered = 0
    for path in sessions:
        with opened(path, read_only=True) as file:
            session = Session(file, cache_bytes=0)
            corrections = session.corrections()
            takeovers += len(corrections)
            steered += sum(len(correction.nodes) for correction in corrections)
            outcomes.update(str(label) for label in session.labels.values())
    return CorrectReport(len(sessions), takeovers, steered, dict(sorted(outcomes.items())))


@contextmanager
def opened(path: Path, read_only: bool = False) -> Iterator[SessionFile]:
    """A session file for the time of the block; what is not known here stays sealed when it is only read."""
    file = SessionFile.open(path, read_only=read_only, sealed=read_only)
    try:
        yield file
    finally:
        file.close()


def _one_origin(sessions: Sequence[Path]) -> SessionAbout:
    """What the sessions are about; raises BadInput where they come from several worlds or policies."""
    abouts = []
    for path in sessions:
        with opened(path, read_only=True) as file:
            abouts.append(file.about)
    first = abouts[0]
    for path, about in zip(sessions, abouts, strict=True):
        if (about.dynamics, about.policy) != (first.dynamics, first.policy):
            raise BadInput(
                f"{path.name} was made by another policy or in another world than {sessions[0].name}; correct the "
                "rollouts of each in a folder of their own"
            )
    return first


def _open_policy(about: SessionAbout, device: str) -> Policy:
    from hiwm.policies.loading import load_policy

    now = about_policy(about.policy["name"])
    if now["hash"] != about.policy["hash"]:
        raise BadInput(f"the sessions were made by another policy than {about.policy['name']} is now; roll out again")
    return load_policy(about.policy["name"], about.spec, device=device, task_prompt=about.prompt)


def _work_through(
    order: Work, about: SessionAbout, out: Path, places: Sequence[Place], batch: int, device: str, progress: bool
) -> None:
    for folder in (SESSIONS, WORK):
        (out / folder).mkdir(exist_ok=True)
    done = report_of(out)
    budget = Budget(order.steps, done.steered)
    missing = [place for place in places if not (out / SESSIONS / place.session.name).exists()]
    if not missing or not budget.allows():
        return
    dynamics = reopen_dynamics(about.dynamics)
    try:
        policy = _open_policy(about, device)
        operator, habits = open_operator(order.task or about.task, dynamics.spec, order.estimator)

        def desks() -> Iterator[Desk]:
            for place in missing:
                beside = out / WORK / place.session.name
                _discard(beside)
                copy_session(place.session, beside)
                session = Session(SessionFile.open(beside), SMALL_CACHE)
                starts = starts_of(place, session.tree, order.per_state, order.seed)
                yield Desk(session, operator, habits, starts)

        with _bar(len(missing), order.steps, budget.spent, progress) as shown, full_disk_is_clear(f"writing {out}"):

            def leave(desk: Desk) -> None:
                path = desk.session.file.path
                desk.session.close()
                if desk.steered:
                    path.rename(out / SESSIONS / path.name)
                else:
                    _discard(path)
                shown(desk.steered)

            work(desks(), operator, policy, dynamics, batch, budget, leave)
    finally:
        dynamics.close()
    shutil.rmtree(out / WORK)


def _discard(path: Path) -> None:
    """Removes a copy that was left unfinished, with what SQLite keeps beside it."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()


@contextmanager
def _bar(places: int, steps: int | None, spent: int, show: bool) -> Iterator[Any]:
    """A bar on stderr over sessions, or over steered steps where they are counted."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    what = f"correcting {places} sessions" if steps is None else f"steering {steps} steps"
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not show) as bar:
        row = bar.add_task(what, total=steps or places, completed=spent if steps else 0)
        yield lambda steered: bar.advance(row, steered if steps else 1)
