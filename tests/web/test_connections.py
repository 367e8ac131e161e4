"""Rude clients, and clients who go away: sockets, processes and places come back, and who behaves notices nothing."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest

from phin.web.asked import TuneSource
from phin.web.errands import Errand, Errands
from phin.web.limits import ServerLimits
from phin.web.refusals import Refusal
from phin.web.server import FAREWELL, NO_LISTENERS
from tests.web.serving import FREE, Event, Served, Slow, file, problem, serving

PAGE = "| ---ล | -ด-ร | -ม-ซ | ---ล |\n"
LONG = {"notes": [{"onset": 24 * each, "duration": 24, "pitch": 60 + each % 7} for each in range(950)], "tempo": 100.0}
"""Takes seconds to become sound, and megabytes."""
SOUND = {"of": {"tune": LONG}, "to": "wav"}


def connected(served: Served, said: str = "") -> socket.socket:
    """A connection of a client who says so much, and no more."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(10)
    made.connect(("127.0.0.1", served.client.base_url.port))
    made.sendall(said.replace("\n", "\r\n").encode())
    return made


def half_a_body(served: Served) -> socket.socket:
    head = "POST /api/read HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nContent-Length: 1000\n\n"
    return connected(served, head + "{")


def is_over(connection: socket.socket) -> bool:
    """Whether the server ends a connection within ten seconds, without an answer."""
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (there := what()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return there


@pytest.mark.parametrize("said", ["", "GET /api/health HTTP/1.1\nHost: 127.0.0.1\n", "half a body"])
def test_who_says_half_of_it_is_waited_for_no_longer_than_patience(said: str) -> None:
    """Fails: a telephone that lost its line, or a rude program, holds a socket for ever, until there are none."""
    with serving(patience=0.5) as served:
        assert is_over(half_a_body(served) if said == "half a body" else connected(served, said))
        assert not served.server.server_state.connections
        assert served.client.get("/api/health").is_success


def test_who_listens_is_not_who_keeps_waiting() -> None:
    """Fails: a tune that rests, or a slow machine, costs its listeners the connection."""
    with serving(Slow(0.7), patience=0.3) as served:
        made = served.told("streams", endless=True)
        began = time.monotonic()
        with served.client.stream("GET", made["events"]) as answer:
            for _ in answer.iter_bytes():
                if time.monotonic() - began > 3.5:
                    break
            else:
                pytest.fail("the server ended it")
        served.client.delete(f"/api/streams/{made['id']}")


@pytest.mark.long
def test_who_never_reads_what_was_sent_is_dropped() -> None:
    """Fails: a page that sleeps keeps megabytes and a connection for ever."""
    with serving(patience=0.5) as served:
        content = httpx.Request("POST", "http://a", json=SOUND).content.decode()
        head = "POST /api/convert HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nContent-Length: "
        with connected(served, f"{head}{len(content)}\n\n{content}"):
            assert within(60, lambda: any(each.flow.write_paused for each in served.server.server_state.connections))
            assert within(5, lambda: not served.server.server_state.connections)
            assert within(5, lambda: not served.server.server_state.tasks)
        served.told("read", **file(PAGE, "txt"))


@pytest.mark.long
def test_a_crowd_that_says_nothing_makes_room_for_who_does() -> None:
    """Fails: a thousand connections that say nothing leave no file to open, and nobody is answered."""
    most = 1 + NO_LISTENERS
    with serving(Slow(0.03), most_listeners=1, ahead_seconds=1000.0) as served:
        made = served.told("streams", endless=True)
        heard = list[Event]()
        listens = threading.Thread(target=lambda: heard.extend(served.heard(made["events"], most=100)))
        listens.start()
        assert within(5, lambda: served.service.streams.find(made["id"]).events.num_listeners == 1)
        crowd = [connected(served) for _ in range(most + 60)]
        try:
            assert within(5, lambda: len(served.server.server_state.connections) <= most)
            for _ in range(3):
                assert httpx.get(f"{served.client.base_url}/api/health", trust_env=False).is_success
            assert is_over(crowd[0]), "who was there first and said nothing"
        finally:
            for each in crowd:
                each.close()
        listens.join(30)
        assert [event.number for event in heard] == list(range(100)), "who listens has heard all"
        served.client.delete(f"/api/streams/{made['id']}")


def test_who_goes_away_gives_up_the_file_that_is_read_for_them() -> None:
    """Fails: a page that is reloaded while its sound is made keeps all others waiting until that is done."""
    with serving() as served:
        served.told("read", **file(PAGE, "txt"))
        process = served.service.errands._process
        assert process is not None
        with pytest.raises(httpx.ReadTimeout):
            served.client.post("/api/convert", json=SOUND, timeout=0.3)
        assert within(2, lambda: not process.is_alive())
        served.told("read", **file(PAGE, "txt"))


class Hasty(Errands):
    """Whoever sent the first file gives it up just as the process for it has come to be."""

    ended: bool | None = None

    def _started(self, process: BaseProcess) -> None:
        if first := self.ended is None:
            assert self._at is not None
            self.give_up(self._at)
        super()._started(process)
        if first:
            process.join(5)
            self.ended = not process.is_alive()


def test_a_file_that_is_given_up_before_a_process_has_it_is_not_read() -> None:
    """Fails: who reloads the page at once keeps all others waiting until a file is read for nobody."""
    errands = Hasty(ServerLimits(**FREE))
    try:
        given_up = errands.submit(Errand("convert", TuneSource.model_validate(SOUND["of"]), "wav"))
        with pytest.raises(Refusal):
            given_up.result(60)
        assert errands.submit(Errand("read", TuneSource.model_validate(file(PAGE, "txt")))).result(60).notes
        assert errands.ended
    finally:
        errands.close()


def test_a_reader_that_is_killed_costs_the_file_that_it_was_at_and_no_other() -> None:
    """Fails: a system short of memory ends the process, and whoever waits for a file waits for ever."""
    with serving() as served:
        served.told("read", **file(PAGE, "txt"))
        process = served.service.errands._process
        assert process is not None
        assert process.pid is not None
        lies = Path(served.service.errands.folder) / "tune.txt"
        lies.unlink()
        answers = dict[str, httpx.Response]()
        asks = [
            threading.Thread(target=lambda path=path, asked=asked: answers.update({path: served.post(path, **asked)}))
            for path, asked in [("convert", {"of": file(PAGE * 250, "txt"), "to": "wav"}), ("read", file(PAGE, "txt"))]
        ]
        asks[0].start()
        assert within(20, lies.exists), "the process is at it"
        asks[1].start()
        os.kill(process.pid, signal.SIGKILL)
        for each in asks:
            each.join(30)
        assert "SIGKILL" in problem(answers["convert"], 422)["reason"]
        assert answers["read"].is_success


def test_a_server_that_stops_waits_neither_for_a_file_nor_for_who_says_half(caplog: pytest.LogCaptureFixture) -> None:
    """Fails: Ctrl-C takes as long as the longest file, or prints a page of traceback for each who was rude."""
    answers = list[Any]()
    with serving() as served:
        served.told("read", **file(PAGE, "txt"))
        folder = served.service.errands.folder
        half = [half_a_body(served) for _ in range(5)]
        asks = [
            threading.Thread(target=lambda path=path, asked=asked: answers.append(served.post(path, **asked)))
            for path, asked in [("convert", SOUND), ("read", file(PAGE, "txt"))]
        ]
        asks[0].start()
        assert within(5, lambda: served.service.errands._at is not None)
        asks[1].start()
        assert within(5, lambda: len(served.server.server_state.tasks) == 7)
        began = time.monotonic()
        served.server.should_exit = True
        for each in asks:
            each.join(10)
        assert within(10, lambda: not served.server.server_state.connections)
        assert time.monotonic() - began < FAREWELL
    assert [problem(answer, 503)["where"] for answer in answers] == ["server", "server"]
    assert all(is_over(each) for each in half)
    assert not os.path.exists(folder)
    assert not [record for record in caplog.records if record.levelno > logging.INFO], "no traceback"
