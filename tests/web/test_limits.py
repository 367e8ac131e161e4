"""How often one may ask: a bucket for each client, which fills again."""

import math

import pytest

from phin.errors import InvalidConfig
from phin.web.limits import MOST_CLIENTS, Buckets, ServerLimits
from phin.web.refusals import Refusal
from tests.web.serving import Served, file, problem, serving


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(buckets: Buckets, client: str, tokens: int = 1) -> int | None:
    """In how many seconds one may come again; None for who may now."""
    try:
        buckets.take(client, tokens)
    except Refusal as refusal:
        return refusal.retry_after if refusal.status == 429 else -1
    return None


def test_a_bucket_empties_fills_and_is_each_clients_own() -> None:
    """Fails: one page in a loop draws for nobody else; or who waited is still refused."""
    clock = Clock()
    buckets = Buckets(60, 5, clock)
    assert [waits(buckets, "a") for _ in range(5)] == [None] * 5
    assert waits(buckets, "a") == 2
    assert waits(buckets, "b", 5) is None
    clock.now += 2.0
    assert [waits(buckets, "a"), waits(buckets, "a"), waits(buckets, "a")] == [None, None, 2]
    clock.now += 1000.0
    assert [waits(buckets, "a") for _ in range(6)] == [None] * 5 + [2], "it holds no more than it holds"


def test_who_asks_for_more_than_a_bucket_holds_pays_by_waiting() -> None:
    """Fails: sixteen tunes at once can never be had, however long one waits; or cost no more than five."""
    clock = Clock()
    buckets = Buckets(60, 5, clock)
    assert waits(buckets, "a", 16) is None
    clock.now += 10.0
    assert waits(buckets, "a") == 3
    clock.now += 2.0
    assert waits(buckets, "a") is None


def test_clients_are_forgotten_before_memory_is_full() -> None:
    """Fails: a million addresses fill the memory."""
    buckets = Buckets(60, 1)
    for number in range(MOST_CLIENTS + 100):
        buckets.take(str(number))
    assert len(buckets._left) == MOST_CLIENTS


def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    """Fails: a page in a loop keeps a server busy."""
    page = file("| ---ล |", "txt")
    asked = {"generate": {"lines": 1}, "streams": {"lines": 1}, "read": page, "suggest": page}
    asked["convert"] = {"of": page, "to": "mid"}
    with serving(tunes_a_minute=6, tunes_at_once=7) as served:
        served.told("generate", count=2, lines=1)
        for path, words in asked.items():
            assert served.post(path, **words).is_success, path
        for path, words in asked.items():
            answer = served.post(path, **words)
            problem(answer, 429)
            assert 1 <= int(answer.headers["Retry-After"]) <= 11
        disguised = {"X-Forwarded-For": "192.0.2.7"}
        problem(served.client.post("/api/generate", json=asked["generate"], headers=disguised), 429)
        assert served.client.get("/api/health").status_code == 200, "to be there costs nothing"


def test_who_asks_for_far_too_many_is_refused_and_not_shut_out() -> None:
    """Fails: a slip of the hand, 1000000 tunes, is answered by "wait a moment" for a week."""
    with serving(tunes_a_minute=6, tunes_at_once=20) as served:
        assert served.refused(422, "generate", count=10**6, lines=1)["where"] == "count=1000000"
        served.told("generate", count=2, lines=1)


def test_what_takes_too_long_is_given_up() -> None:
    """Fails: sixteen tunes of sixty-four lines keep a connection for an hour."""
    from tests.web.serving import Slow

    with serving(Slow(0.05), draw_seconds=0.2) as served:
        assert "0.2 s" in served.refused(503, "generate", count=2, lines=8)["reason"]
        assert served.service.stage.num_players == 0


@pytest.mark.parametrize("name", ["most_streams", "read_seconds", "tunes_a_minute"])
def test_a_limit_that_is_none_is_refused(name: str) -> None:
    """Fails: a server is started that answers nobody."""
    with pytest.raises(InvalidConfig, match=rf"limits\.{name}=0"):
        ServerLimits(**{name: type(getattr(ServerLimits, name))(0)})
    if name.endswith("seconds"):
        for value in (math.nan, math.inf):
            with pytest.raises(InvalidConfig, match=rf"limits\.{name}={value}"):
                ServerLimits(**{name: value})
    with pytest.raises(InvalidConfig, match=r"limits\.most_lines=65"):
        ServerLimits(most_lines=65)


def test_a_server_holds_tunes_to_its_own_length_and_number() -> None:
    """Fails: limits are told, and not kept."""
    with serving(most_lines=1, most_count=2) as served:
        assert served.refused(422, "generate", lines=2)["where"] == "lines=2"
        assert served.refused(422, "generate", lines=1, count=3)["where"] == "count=3"
        assert served.refused(422, "streams")["where"] == "lines=2", "the default is no exception"
        assert served.post("streams", endless=True).status_code == 201, "which has no length"
        assert len(served.told("generate", lines=1, count=2)["tunes"]) == 2


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_who_calls_the_server_by_another_name_is_refused(server: Served, host: str) -> None:
    """Fails: a page on the net, whose name was bent to this machine, draws and reads through a visitor's browser."""
    for path in ("/", "/api/health"):
        said = problem(server.client.get(path, headers={"Host": host}), 403)
        assert "is no name of this server" in said["reason"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:9"])
def test_who_calls_it_by_its_own_is_not(server: Served, host: str) -> None:
    """Fails: http://localhost:8000 is refused."""
    assert server.client.get("/api/health", headers={"Host": host}).status_code == 200
