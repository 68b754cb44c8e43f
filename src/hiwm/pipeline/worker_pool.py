"""Worker processes of one thread each that end with their parent; a stage sends them calls of one object's methods."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, Protocol

from hiwm.errors import HiwmError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS")

type Submit = Callable[..., Future[Any]]
"""submit("method", *arguments): calls that method of a free worker's object."""


class Closing(Protocol):
    """What works: made once in each worker, closed at the end."""

    def close(self) -> None:
        """Frees what it holds."""
        ...


@contextmanager
def worker_pool(workers: int, make: Callable[[], Closing]) -> Iterator[Submit]:
    """So many processes with an object of `make` each (it must pickle), or, for 0, one in a thread of this process.

    What is not begun when the block ends is dropped. What hiwm raises on purpose in a worker arrives as HiwmError.
    """
    with _processes(workers, make) if workers else _thread(make) as submit:
        yield submit


@contextmanager
def _thread(make: Callable[[], Closing]) -> Iterator[Submit]:
    pool, sent = ThreadPoolExecutor(1), list[Future[Any]]()
    worker = pool.submit(make).result()

    def submit(method: str, *args: Any) -> Future[Any]:
        sent.append(pool.submit(getattr(worker, method), *args))
        return sent[-1]

    try:
        yield submit
    finally:
        for future in sent:
            future.cancel()
        pool.submit(worker.close).result()  # in the thread that opened the renderer
        pool.shutdown()


@contextmanager
def _processes(workers: int, make: Callable[[], Closing]) -> Iterator[Submit]:
    with _one_thread_each():
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (make,))
        try:
            yield lambda method, *args: pool.submit(_call, method, *args)
        finally:
            pool.shutdown(cancel_futures=True)


_make: Callable[[], Closing] | None = None
_worker: Closing | None = None
"""What this worker process works with; set once, in worker processes only."""


def _begin(make: Callable[[], Closing]) -> None:
    global _make
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _make = make


def _call(method: str, *args: Any) -> Any:
    global _worker
    assert _make is not None
    try:
        if _worker is None:  # here and not in `_begin`, whose errors a pool swallows
            _worker = _make()
        return getattr(_worker, method)(*args)
    except HiwmError as error:
        raise HiwmError(str(error)) from None  # errors with arguments of their own do not pickle


def _end_with_parent() -> None:
    """Ends this process when its parent is killed: a pool's workers would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """What worker processes inherit: one thread each (llvmpipe's too), no hub, no bars."""
    wanted = dict.fromkeys(THREADS, "1") | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
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
