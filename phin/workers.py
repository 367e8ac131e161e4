"""Work in processes that may fail: an item that hangs, eats the memory or crashes its process costs itself alone.

`concurrent.futures` gives its whole pool up when a process dies. Here each process has a pipe of its own, so it is
known which item it was on: that one gets a named failure, and a new process takes the next.
"""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from phin.errors import Defect, PhinError

try:
    import resource
except ImportError:  # Windows limits no memory
    resource = None

START_SECONDS = 120
"""Within this time a process has imported what it works with, on the slowest machine."""
ORPHAN_SECONDS = 5
"""So long after its time is up a process ends itself, if the one that should have ended it is gone."""

_MEGABYTE = 2**20
_SIZE = Path("/proc/self/statm")


@dataclass(frozen=True)
class Limits:
    """What one item may take.

    `seconds` of the clock on the wall, from when a process sets to work on it. `megabytes` (2**20 bytes) of address
    space beyond what the process had before; they hold where the system tells and limits it (Linux).
    """

    seconds: float
    megabytes: int


@dataclass(frozen=True)
class Failure:
    """Why there is no result: what happened, by name and in words that follow the item's name."""

    defect: Defect
    what: str


def limited(
    task: Callable[[Any], Any],
    items: Iterable[Any],
    num_workers: int,
    limits: Limits,
    started: Callable[[BaseProcess], None] = lambda _: None,
) -> Generator[tuple[int, Any | Failure], None, None]:
    """The number of each item and what `task` makes of it, in the order in which they are done: each one once.

    Items are taken from the iterable as processes become free, so neither they nor the results are ever all in memory.
    `task` is a module's function, or a partial of one. What it raises, but for MemoryError, is a fault of the program
    and becomes a RuntimeError here. `started` is told of each process: who kills one gives its item up.
    """
    waiting = enumerate(items)
    pool = [_Worker(task, limits, started) for _ in range(num_workers)]
    try:
        while True:
            for worker in [worker for worker in pool if worker.number is None]:
                number, item = next(waiting, (None, None))
                if number is None:
                    worker.end()
                    pool.remove(worker)
                else:
                    worker.take(number, item)
            if not pool:
                return
            first = min(worker.deadline for worker in pool)
            wait([worker.pipe for worker in pool], timeout=max(0.0, first - time.monotonic()))
            for worker in pool:
                number = worker.number
                assert number is not None, "who has nothing to do has left the pool"
                for answer in worker.answers():
                    yield number, answer
    finally:
        for worker in pool:
            worker.end()


class _Worker:
    """A process, started when it gets its first item and again when it has died; `number` is None while it has none."""

    def __init__(self, task: Callable[[Any], Any], limits: Limits, started: Callable[[BaseProcess], None]) -> None:
        self.task, self.limits, self.started = task, limits, started
        self.process: BaseProcess | None = None
        self.number: int | None = None
        self.has_begun = False

    def take(self, number: int, item: Any) -> None:
        """Hands it an item."""
        if self.process is None or not self.process.is_alive():
            self._start()
        try:
            self.pipe.send(item)
        except OSError:  # it died with nothing to do
            self._start()
            self.pipe.send(item)
        self.number = number
        self.deadline = time.monotonic() + (self.limits.seconds if self.has_begun else START_SECONDS)

    def answers(self) -> Iterator[Any | Failure]:
        """What became of its item; nothing while it is at it."""
        try:
            while self.pipe.poll():
                kind, answer = self.pipe.recv()
                if kind == "begun":
                    self.has_begun = True
                    self.deadline = time.monotonic() + self.limits.seconds
                    continue
                self.number = None
                if kind == "raised":
                    raise RuntimeError(f"in a worker process: {answer}")
                if kind == "hungry":  # what it still holds would be counted against the next item
                    self.end()
                    answer = Failure(
                        Defect.TOO_HUNGRY, f"takes more than {self.limits.megabytes:,} MB of memory to read"
                    )
                yield answer
                return
        except (EOFError, OSError):
            self.number = None
            yield self._died()
            return
        if time.monotonic() > self.deadline:
            self.number = None
            self.end()
            if not self.has_begun:
                raise _no_workers(f"did not start within {START_SECONDS} s")
            yield Failure(Defect.TOO_SLOW, f"takes longer than {self.limits.seconds:g} s to read")

    def end(self) -> None:
        """Ends the process, whatever it is at: it owns nothing that could be torn."""
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
            self.process = None

    def _start(self) -> None:
        self.end()
        spawn = multiprocessing.get_context("spawn")  # a fork of a process that runs torch's threads can hang
        self.pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, self.task, self.limits), daemon=True)
        process.start()
        self.process = process
        theirs.close()  # so that the end of the process is the end of the pipe
        self.has_begun = False
        self.started(process)

    def _died(self) -> Failure:
        assert self.process is not None, "only a process that was started has a pipe"
        self.process.join()
        status = self.process.exitcode or 0
        how = signal.Signals(-status).name if -status in set(signal.Signals) else f"status {status}"
        if not self.has_begun:
            raise _no_workers(f"ended before it began ({how})")
        self.end()
        return Failure(Defect.BROKE_READER, f"ended the process that read it ({how})")


def _no_workers(reason: str) -> PhinError:
    remedy = "in a script of your own, call from under `if __name__ == '__main__':`"
    return PhinError("worker process", reason, remedy)


def _serve(pipe: Connection, task: Callable[[Any], Any], limits: Limits) -> None:
    """The life of a process: an item in, an answer out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this
    with suppress(EOFError, OSError):
        pipe.send(("begun", None))
        while True:
            pipe.send(_answer(task, pipe.recv(), limits))


def _answer(task: Callable[[Any], Any], item: Any, limits: Limits) -> tuple[str, Any]:
    _limit_time(limits.seconds + ORPHAN_SECONDS)
    _limit_memory(limits.megabytes)
    try:
        return "done", task(item)
    except MemoryError:
        return "hungry", None
    except Exception:
        return "raised", traceback.format_exc()
    finally:
        _limit_memory(None)
        _limit_time(0)


def _limit_time(seconds: float) -> None:
    """The process ends when they have passed; 0 for no limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory(megabytes: int | None) -> None:
    """Room for so much more than there is now; None for as much as the system allows."""
    if resource is None or not _SIZE.exists():
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    room = most
    if megabytes is not None:
        now = int(_SIZE.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        room = now + megabytes * _MEGABYTE
        room = room if most == resource.RLIM_INFINITY else min(room, most)
    resource.setrlimit(resource.RLIMIT_AS, (room, most))
