"""What the workers of a collection do: simulate an episode into the journal, write a part, join the parts.

Workers are processes of one thread each, or none: then the collection itself does the work.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import connection
from pathlib import Path
from typing import Any

from hiwm.data.episode import episode_from_path, load_episode, save_episode
from hiwm.data.join import Tally, join_datasets, tally_kinds
from hiwm.data.writer import folder_bytes, lerobot_ready, write_dataset
from hiwm.interfaces import Dynamics
from hiwm.pipeline.collect_plan import Part, Slot, WorkFolder
from hiwm.rollout import run
from hiwm.runfolder import full_disk_is_clear, require_space
from hiwm.sims.task import ScriptedPolicy, ScriptMemory, SimTask
from hiwm.spec import RobotSpec
from hiwm.types import Kind

JOURNAL_PART = 1 / 10
"""Upper bound of journal bytes to raw picture bytes (measured on simulated pictures: 1/22)."""
VIDEO_PART = 1 / 30
"""Upper bound of dataset bytes to raw picture bytes (measured on simulated pictures: 1/37)."""


type TaskSource = SimTask | str | Callable[[], SimTask]
"""A task itself, its name, or what makes it. Worker processes get a copy of this, so it must pickle."""


@dataclass(frozen=True)
class Job:
    """What every worker of a collection knows."""

    task: TaskSource
    seed: int
    work: WorkFolder


@dataclass(frozen=True)
class About:
    """What a task will write: of which robot, and at most how many bytes of uncompressed pictures an episode."""

    spec: RobotSpec
    raw_bytes: int


@dataclass(frozen=True)
class Done:
    """A finished piece of work: CPU seconds by stage."""

    cpu_s: dict[str, float]


@dataclass(frozen=True)
class Joined(Done):
    """A joined dataset: what is in it, and its bytes on disk."""

    kinds: Mapping[Kind, Tally]
    bytes: int


class Worker:
    """Makes episodes one after the other in one simulator, which opens on first use."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.policies: dict[Kind, ScriptedPolicy] = {}

    @cached_property
    def task(self) -> SimTask:
        """The task, loaded."""
        return load(self.job.task)

    @cached_property
    def dynamics(self) -> Dynamics:
        """The simulator of this worker."""
        return self.task.open()

    def describe(self) -> About:
        """What this collection is about."""
        pixels = sum(camera.height * camera.width for camera in self.dynamics.spec.cameras)
        return About(self.dynamics.spec, 3 * pixels * self.task.max_steps)

    def make_episode(self, slot: Slot) -> Done:
        """Simulates one episode and journals it."""
        began = time.process_time()
        scene = slot.scene(self.task.name, self.job.seed)
        policy = self.policies.setdefault(slot.kind, self.task.script(slot.kind))
        [path] = run(policy, self.dynamics, [scene], self.task.max_steps, lambda p: policy.finished(p[-1].memory))
        episode = episode_from_path(path, slot.kind, scene.id, self.task.prompt, _lapse)
        episode.check(self.dynamics.spec)
        simulated = time.process_time()
        with full_disk_is_clear(f"journaling {scene.id}"):
            save_episode(self.job.work.journal_file(slot), episode)
        return Done({"simulate": simulated - began, "journal": time.process_time() - simulated})

    def write_part(self, part: Part) -> Done:
        """Writes the journaled episodes of a part as a dataset, then deletes their journal files."""
        work, clock = self.job.work, time.process_time
        began = clock()
        lerobot_ready()
        imported = clock()
        target = work.part_folder(part)
        beside = target.with_name(target.name + ".tmp")
        shutil.rmtree(beside, ignore_errors=True)
        # beside what it writes, LeRobot stages the pictures of one episode as files for the encoder
        files = [work.journal_file(slot) for slot in part.slots]
        with full_disk_is_clear(f"writing {target}"):
            require_space(beside, sum(f.stat().st_size for f in files) + self.describe().raw_bytes // 2, "a part")
            episodes = (load_episode(file) for file in files)
            write_dataset(episodes, self.dynamics.spec, beside, self.task.name, self.task.truth_names)
            os.rename(beside, target)
        for file in files:
            file.unlink()
        return Done({"import": imported - began, "encode": clock() - imported})

    def join(self, sources: Sequence[Path]) -> Joined:
        """Joins finished datasets into the work folder and verifies the result."""
        began, folder = time.process_time(), self.job.work.joined
        with full_disk_is_clear("joining the parts"):
            join_datasets(sources, folder)
        kinds = tally_kinds(folder)
        return Joined({"join": time.process_time() - began}, kinds, folder_bytes(folder))

    def close(self) -> None:
        """Closes the simulator."""
        if "dynamics" in self.__dict__:
            self.dynamics.close()


def load(task: TaskSource) -> SimTask:
    """The task; raises UnknownName."""
    if isinstance(task, SimTask):
        return task
    if not isinstance(task, str):
        return task()
    from hiwm.sims.tasks import load_task

    return load_task(task)


def _lapse(memory: Any) -> str:
    return memory.lapse if isinstance(memory, ScriptMemory) else ""


type Submit = Callable[..., Future[Any]]
"""submit(Worker.method, *arguments): calls a method of a free worker."""


@contextmanager
def crew(job: Job, workers: int) -> Iterator[Submit]:
    """So many worker processes, or, for 0, a thread of this one; what is not begun when the block ends is dropped."""
    with _processes(job, workers) if workers else _thread(job) as submit:
        yield submit


@contextmanager
def _thread(job: Job) -> Iterator[Submit]:
    worker, pool = Worker(job), ThreadPoolExecutor(1)
    try:
        yield lambda method, *args: pool.submit(method, worker, *args)
    finally:
        pool.submit(worker.close)  # in the thread that opened the renderer
        pool.shutdown()


@contextmanager
def _processes(job: Job, workers: int) -> Iterator[Submit]:
    with _environment(job.work):
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_process, (job,))
        try:
            yield lambda method, *args: pool.submit(_in_process, method, *args)
        finally:
            pool.shutdown(cancel_futures=True)


_worker: Worker | None = None
"""The worker of this process; set once, in worker processes only."""


def _begin_process(job: Job) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the collection decides
    job.work.hold()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(job)
    atexit.register(_worker.close)


def _end_with_parent() -> None:
    """Ends this process when the collection is killed: a pool's workers would wait for ever, and go on writing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _in_process(method: Callable[..., Any], *args: Any) -> Any:
    return method(_worker, *args)


@contextmanager
def _environment(work: WorkFolder) -> Iterator[None]:
    """What worker processes inherit: one thread each (llvmpipe's too), no hub, no bars, a cache of their own."""
    wanted = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"), "1")
    wanted |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "HF_DATASETS_CACHE": str(work.root / "cache")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
