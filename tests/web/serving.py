"""A server over a tiny model, on a port of its own in a thread: connections are real, and so are their ends."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from phin.cli.web import listen, samplers
from phin.generation.draw import Step
from phin.generation.recipe import Copied
from phin.generation.request import SamplerConfig
from phin.generation.torch_engine import TorchEngine
from phin.web.app import LOOPBACK, create_app
from phin.web.connections import PATIENCE
from phin.web.limits import ServerLimits
from phin.web.server import server
from phin.web.service import Model, Service
from tests.runtime.exported import ENGINE

FREE = {"tunes_a_minute": 100_000, "tunes_at_once": 100_000}
"""Limits for tests that ask often."""


class Slow(TorchEngine):
    """The engine, so slow that a tune can be met in its middle; it remembers who drew, in which thread."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(ENGINE.model, ENGINE.about)
        self.seconds, self.drew = seconds, list[tuple[int, str]]()

    def step(self, count, sampler, streams, window=None) -> Step:
        return _Slowly(self, super().step(count, sampler, streams, window))


class _Slowly:
    def __init__(self, engine: Slow, inner: Step) -> None:
        self.engine, self.inner = engine, inner

    def __call__(self, rows, noise, limits):
        time.sleep(self.engine.seconds)
        self.engine.drew.append((id(self), threading.current_thread().name))
        return self.inner(rows, noise, limits)

    def keep(self, which) -> None:
        self.inner.keep(which)


@dataclass
class Served:
    """A server that runs, and a client of it."""

    client: httpx.Client
    service: Service
    server: Any

    def post(self, path: str, **asked: Any) -> httpx.Response:
        return self.client.post(f"/api/{path}", json=asked)

    def told(self, path: str, **asked: Any) -> Any:
        """What is answered to something that can be asked."""
        answer = self.post(path, **asked)
        assert answer.is_success, answer.text[:500]
        return answer.json()

    def refused(self, status: int, path: str, **asked: Any) -> dict[str, str]:
        """The one line of a refusal."""
        return problem(self.post(path, **asked), status)

    def heard(self, events: str, last: int | None = None, most: int | None = None) -> list["Event"]:
        """Events of a stream until its end, or until there are so many."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        found = list[Event]()
        with self.client.stream("GET", events, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            for event in parsed(answer.iter_lines()):
                found.append(event)
                if len(found) == most:
                    break
        return found


@dataclass
class Event:
    number: int
    kind: str
    data: Any = field(repr=False)


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events, as a browser reads them; comments are none."""
    said = dict[str, str]()
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            said[name] = value
        elif said:
            yield Event(int(said["id"]), said["event"], json.loads(said["data"]))
            said = {}


def problem(answer: httpx.Response, status: int) -> dict[str, str]:
    """What is said of a mistake: three lines, each of one line, and nothing else."""
    assert answer.status_code == status, answer.text[:500]
    said = answer.json()
    assert set(said) == {"where", "reason", "remedy"}
    assert all(text and "\n" not in text and "Traceback" not in text for text in said.values()), said
    return said


def file(content: bytes | str, form: str, **more: Any) -> dict[str, Any]:
    """A TuneSource of a file."""
    content = content.encode() if isinstance(content, str) else content
    return {"form": form, "content": base64.b64encode(content).decode(), **more}


@contextmanager
def serving(
    engine: Any = ENGINE,
    sampler: SamplerConfig | None = None,
    patience: float = PATIENCE,
    origins: Sequence[str] = (),
    copied: Copied | None = None,
    hosts: Sequence[str] = LOOPBACK,
    **limits: Any,
) -> Iterator[Served]:
    """A server with these limits, until the block ends."""
    model = Model(engine, "tiny", "0123", sampler=sampler or SamplerConfig(), copied=copied)
    service = Service(model, ServerLimits(**{**FREE, **limits}))
    with listen("127.0.0.1", 0) as listening:
        runs = server(create_app(service, hosts, origins), service, patience)
        thread = threading.Thread(target=runs.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
                yield Served(client, service, runs)
        finally:
            runs.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "a server that is told to stop does"


@contextmanager
def serving_all(**how: Any) -> Iterator[Served]:
    """A server that names its samplers, as phin-web does."""
    with serving(**how) as served:
        served.service.model = replace(served.service.model, samplers=samplers())
        yield served
