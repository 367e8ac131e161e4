"""Streams: the tunes that `play` makes, note by note; heard again from anywhere; ended at once; fair to each other."""

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from phin.generation.given import Given, Use
from phin.generation.play import play
from phin.generation.request import TuneRequest
from phin.generation.stream import stream
from phin.generation.wishes import Wishes
from phin.music.fingering import reaches
from phin.music.fretboard import DEFAULT, positions
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH, Phrase
from phin.web.drawing import Hand
from phin.web.tune import to_json, to_phrase
from tests.runtime.exported import ENGINE
from tests.tunes import wander
from tests.web.serving import Event, Served, Slow, problem, serving


def notes(events: list[Event]) -> list[tuple[int, int | None, int, str]]:
    told = (event.data for event in events if event.kind == "note")
    return [(note["onset"], note["duration"], note["pitch"], note["voice"]) for note in told]


def rows(tune: dict[str, Any]) -> list[tuple[int, int | None, int, str]]:
    return [(note["onset"], note["duration"], note["pitch"], note["voice"]) for note in tune["notes"]]


def drawn(seed: int, number: int = 0, lines: int = 2, wishes: Wishes | None = None) -> Phrase:
    request = TuneRequest(lines=lines)
    constraints = wishes.constraints(request) if wishes else ()
    return play(ENGINE, request, [number], seed, constraints=constraints)[0].phrase


@pytest.mark.parametrize("number", [0, 3])
def test_a_stream_is_the_tune_that_play_makes_of_its_seed_and_number(server: Served, number: int) -> None:
    """Fails: what is heard in the browser is not what the seed on its link gives elsewhere."""
    made = server.told("streams", seed=5, number=number)
    events = server.heard(made["events"])
    assert [event.number for event in events] == list(range(len(events)))
    assert [event.kind for event in events] == ["begin", *["note"] * (len(events) - 2), "tune"]
    phrase = drawn(5, number)
    assert to_phrase_of(events[-1]) == phrase
    told = [(onset, pitch) for onset, _, pitch, _ in notes(events)]
    assert set(zip(phrase.onset.tolist(), phrase.pitch.tolist(), strict=True)) == set(told)
    begin = events[0].data
    assert (begin["seed"], begin["number"], begin["graph"]) == (5, number, "0123")
    assert (begin["tempo"], begin["metre"], begin["begins"]) == (100, "2/4", -42)


def to_phrase_of(event: Event) -> Phrase:
    from phin.web.tune import Tune

    return to_phrase(Tune.model_validate(event.data))


def test_two_streams_at_once_are_the_tunes_that_each_is_alone() -> None:
    """Fails: who else plays changes what is played, and no link can be trusted."""
    with serving(Slow(0.002)) as served:
        made = [served.told("streams", seed=seed) for seed in (1, 2)]
        found = dict[int, list[Event]]()

        def hear(place: int) -> None:
            found[place] = served.heard(made[place]["events"])

        threads = [threading.Thread(target=hear, args=(place,)) for place in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for place, seed in enumerate((1, 2)):
        assert to_phrase_of(found[place][-1]) == drawn(seed)


@pytest.mark.long
def test_streams_take_turns_on_one_thread_and_so_do_answers_of_several_tunes() -> None:
    """Fails: the second to come hears nothing until the first one's tune is over."""
    engine = Slow(0.01)
    with serving(engine) as served:
        made = [served.told("streams", seed=seed, lines=12) for seed in (1, 2)]
        served.told("generate", count=2, lines=12, seed=3)
        for each in made:
            served.heard(each["events"])
    assert {name for _, name in engine.drew} == {"stage"}
    players = [player for player, _ in engine.drew]
    together = [len(set(players[place : place + 3])) == 3 for place in range(len(players) - 2)]
    assert sum(together) > 20
    first, last = together.index(True), len(together) - 1 - together[::-1].index(True)
    assert sum(together[first:last]) > 0.8 * (last - first), "a note of each, while all three are there"


def test_who_lost_the_connection_hears_the_rest_and_nothing_twice(server: Served) -> None:
    """Fails: a train goes through a tunnel, and the tune has a hole or a stutter."""
    made = server.told("streams", seed=8)
    whole = server.heard(made["events"])
    for last in (-1, 0, 7, len(whole) - 2):
        again = server.heard(made["events"], last=last if last >= 0 else None)
        assert again == whole[last + 1 :]
    assert server.heard(f"{made['events']}?last=7") == whole[8:]
    assert server.heard(f"{made['events']}?last=2", last=7) == whole[8:], "the header is newer than the address"
    assert server.client.get(f"{made['events']}?last={len(whole) - 1}").status_code == 204


def test_a_stream_is_heard_in_pieces_while_it_is_drawn() -> None:
    """Fails: a connection that is lost in the middle costs what was drawn meanwhile."""
    with serving(Slow(0.01)) as served:
        made = served.told("streams", seed=8)
        heard = served.heard(made["events"], most=5)
        assert heard[-1].kind == "note"
        time.sleep(0.1)
        heard += served.heard(made["events"], last=4, most=4)
        heard += served.heard(made["events"], last=8)
        assert [event.number for event in heard] == list(range(len(heard)))
        assert to_phrase_of(heard[-1]) == drawn(8)


@pytest.mark.parametrize("last", ["x", "-1", "1" * 40, "1.5"])
def test_a_last_event_that_is_none_is_refused(server: Served, last: str) -> None:
    """Fails: a torn header is a fault of the server's."""
    made = server.told("streams", seed=8, lines=1)
    said = problem(server.client.get(made["events"], headers={"Last-Event-ID": last}), 422)
    assert said["where"] == "Last-Event-ID"


def test_ending_a_stream_frees_its_place_within_a_note_and_ends_its_answer() -> None:
    """Fails: tunes that nobody hears keep the others waiting."""
    engine = Slow(0.02)
    with serving(engine, most_streams=1) as served:
        made = served.told("streams", endless=True, seed=1)
        heard = list[Event]()
        listens = threading.Thread(target=lambda: heard.extend(served.heard(made["events"])))
        listens.start()
        while not engine.drew:
            time.sleep(0.01)
        assert served.client.delete(f"/api/streams/{made['id']}").status_code == 204
        before = len(engine.drew)
        listens.join(5)
        assert heard[-1].kind == "error"
        time.sleep(0.3)
        assert len(engine.drew) <= before + 1
        assert served.client.get("/api/health").json()["streams"] == 0
        served.told("streams", seed=2, lines=1)
        problem(served.client.get(made["events"]), 404)
        problem(served.client.delete(f"/api/streams/{made['id']}"), 404)


@pytest.mark.long
def test_who_ends_a_stream_or_hears_its_end_has_a_place_at_once() -> None:
    """Fails: "another one" is answered by "full", because the last one's place was not free yet."""
    with serving(Slow(0.4), most_streams=1) as served:
        for _ in range(3):
            made = served.told("streams", endless=True)
            served.heard(made["events"], most=2)
            assert served.client.delete(f"/api/streams/{made['id']}").status_code == 204
        assert served.client.get("/api/health").json()["streams"] == 0
    with serving(most_streams=1) as served:
        for seed in range(30):
            (*_, last) = served.heard(served.told("streams", lines=1, seed=seed)["events"])
            assert last.kind == "tune"


def test_an_endless_tune_is_the_one_that_stream_draws_and_runs_no_farther_ahead_than_it_may() -> None:
    """Fails: a forgotten page draws a night's tune in a minute, and holds it in memory."""
    with serving(ahead_seconds=5.0) as served:
        made = served.told("streams", endless=True, seed=4, tempo=100)
        began = time.monotonic()
        time.sleep(1.0)
        there = len(served.service.streams.find(made["id"]).events)
        most = 5.0 + time.monotonic() - began
        heard = served.heard(made["events"], most=there)
        served.client.delete(f"/api/streams/{made['id']}")
    alone = stream(ENGINE, TuneRequest(tempo=100.0), 4)
    expected = [next(alone) for _ in range(there - 1)]
    assert [(note.onset, note.pitch) for note in expected] == [(onset, pitch) for onset, _, pitch, _ in notes(heard)]
    seconds = [(note.onset - expected[0].onset) / 24 * 0.6 for note in expected]
    assert seconds[-2] <= most
    assert seconds[-1] >= 5.0, "the last one is why it waits"


def test_an_endless_tune_ends_when_it_has_as_many_notes_as_it_may(server: Served) -> None:
    """Fails: memory is bounded for all but the one who listens longest."""
    with serving(ahead_seconds=10_000.0, most_notes=30) as served:
        events = served.heard(served.told("streams", endless=True, seed=4)["events"])
    assert [event.kind for event in events] == ["begin", *["note"] * 30, "tune"]
    assert "broken off" in events[-1].data["said"][0]
    assert len(events[-1].data["notes"]) == 30


def test_an_endless_tune_that_nobody_hears_ends() -> None:
    """Fails: closed pages fill the stage until nobody can come."""
    with serving(ahead_seconds=0.1, unheard_seconds=0.3) as served:
        made = served.told("streams", endless=True, seed=4)
        deadline = time.monotonic() + 10
        while served.client.get("/api/health").json()["streams"] and time.monotonic() < deadline:
            time.sleep(0.05)
        (*_, last) = served.heard(made["events"])
        assert last.kind == "error"
        assert "to nobody" in last.data["reason"]


def test_what_has_ended_is_forgotten_in_time_and_in_number() -> None:
    """Fails: memory grows with every tune that was ever heard."""
    with serving(kept_seconds=300.0, most_kept=2) as served:
        made = []
        for seed in range(4):  # one after the other: which ended first is known
            made.append(served.told("streams", seed=seed, lines=1))
            while served.service.stage.num_players:
                time.sleep(0.01)
        there = [served.client.get(each["events"]).status_code for each in made]
        assert there == [404, 404, 200, 200]
    with serving(kept_seconds=0.5) as served:
        made = served.told("streams", lines=1)
        while served.service.stage.num_players:
            time.sleep(0.01)
        time.sleep(0.6)
        problem(served.client.get(made["events"]), 404)


def test_a_full_stage_says_when_to_come_again() -> None:
    """Fails: the ninth to come makes the tunes of all others stutter."""
    with serving(Slow(0.02), most_streams=2) as served:
        for seed in (1, 2):
            served.told("streams", endless=True, seed=seed)
        assert served.client.get("/api/health").json() == {"status": "ok", "streams": 2, "most_streams": 2}
        for path in ("streams", "generate"):
            answer = served.post(path, seed=3)
            problem(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0


def test_no_more_listen_than_may() -> None:
    """Fails: one page that connects in a loop takes every socket."""
    with serving(Slow(0.02), most_listeners=1) as served:
        made = served.told("streams", endless=True, seed=1)
        with served.client.stream("GET", made["events"]) as first:
            heard = first.iter_bytes()
            next(heard)
            problem(served.client.get(made["events"]), 503)
        until_nobody_listens(served, made["id"])
        assert served.heard(made["events"], most=1)[0].kind == "begin"
        served.client.delete(f"/api/streams/{made['id']}")


def test_no_more_listen_than_may_where_many_come_at_once() -> None:
    """Fails: a burst of connections is let in whole, because none is counted before its answer begins."""

    async def come(url: str, count: int) -> list[int]:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            asked = [client.build_request("GET", url) for _ in range(count)]
            answers = await asyncio.gather(*(client.send(each, stream=True) for each in asked))
            statuses = [answer.status_code for answer in answers]
            await asyncio.gather(*(answer.aclose() for answer in answers))
            return sorted(statuses)

    with serving(Slow(0.02), most_listeners=2) as served:
        made = served.told("streams", endless=True, seed=1)
        url = f"{served.client.base_url}{made['events']}"
        for _ in range(3):
            assert asyncio.run(come(url, 16)) == [200] * 2 + [503] * 14
            until_nobody_listens(served, made["id"])
        served.client.delete(f"/api/streams/{made['id']}")


def until_nobody_listens(served: Served, id: str) -> None:
    deadline = time.monotonic() + 5
    while served.service.streams.find(id).events.num_listeners and time.monotonic() < deadline:
        time.sleep(0.01)


def test_who_goes_away_frees_the_place_of_the_tunes_that_were_asked_for() -> None:
    """Fails: a page that is reloaded ten times keeps the stage full for a minute."""
    engine = Slow(0.02)
    with serving(engine, most_streams=1) as served:
        with pytest.raises(httpx.ReadTimeout):
            served.client.post("/api/generate", json={"count": 16, "lines": 16}, timeout=0.3)
        deadline = time.monotonic() + 2
        while served.service.stage.num_players and time.monotonic() < deadline:
            time.sleep(0.02)
        assert served.service.stage.num_players == 0
        before = len(engine.drew)
        time.sleep(0.2)
        assert len(engine.drew) == before


def test_a_server_that_stops_tells_who_listens() -> None:
    """Fails: Ctrl-C hangs as long as someone listens, or a page waits for ever."""
    heard = list[Event]()
    with serving(Slow(0.02)) as served:
        made = served.told("streams", endless=True, seed=1)
        listens = threading.Thread(target=lambda: heard.extend(served.heard(made["events"])))
        listens.start()
        while not heard and served.service.streams.find(made["id"]).events.unheard_for():
            time.sleep(0.01)
        served.server.should_exit = True
        listens.join(10)
        assert not listens.is_alive()
    assert heard[-1].kind == "error"
    assert "stopped" in heard[-1].data["reason"]


def test_a_tune_that_goes_on_is_streamed_without_what_was_given_and_told_with_it(server: Served) -> None:
    """Fails: who lets a tune go on hears another."""
    given = wander(3, 24, title="mine")
    asked = Given(given, Use.CONTINUE)
    request = asked.request(TuneRequest(lines=1))
    begins = asked.beginning(ENGINE.about.tokenizer)
    (expected,) = play(ENGINE, request, [0], 6, begins=begins)
    made = server.told("streams", seed=6, lines=1, given={"tune": to_json(given).model_dump()})
    events = server.heard(made["events"])
    assert to_phrase_of(events[-1]).rows.tolist() == expected.phrase.rows.tolist()
    assert len(notes(events)) == expected.num_drawn
    assert min(onset for onset, *_ in notes(events)) >= given.onset[-1]


def test_the_first_guess_of_the_hand_gives_the_pitches_and_one_string_a_note(server: Served) -> None:
    """Fails: the neck lights up where another note lies."""
    made = server.told("streams", seed=2, lines=16, keep={"tuning": "E-B-E"})
    events = server.heard(made["events"])
    assert events[0].data["tuning"] == "E-B-E"
    opened = {1: 64, 2: 59, 3: 52}
    frets = (0, 1, 2, 3, 5, 7, 8, 10, 12, 13, 15, 17, 19, 20, 22, 24)
    struck = dict[int, list[int]]()
    told = [event.data for event in events if event.kind == "note"]
    for note in told:
        assert opened[note["string"]] + frets[note["fret"]] == note["pitch"]
        struck.setdefault(note["onset"], []).append(note["string"])
    assert all(len(set(strings)) == len(strings) for strings in struck.values())
    assert len(told) > 20


def test_an_endless_tune_that_goes_on_is_told_with_what_was_given() -> None:
    """Fails: who lets a tune go on without end keeps its second half."""
    given = wander(3, 24, title="mine")
    with serving(ahead_seconds=10_000.0, most_notes=30) as served:
        made = served.told("streams", seed=6, endless=True, given={"tune": to_json(given).model_dump()})
        events = served.heard(made["events"])
    told, whole = notes(events), to_phrase_of(events[-1])
    assert len(told) == 30
    assert min(onset for onset, *_ in told) >= given.onset[-1]
    heard = [(onset, pitch) for onset, _, pitch, _ in told]
    expected = [*zip(given.onset.tolist(), given.pitch.tolist(), strict=True), *heard]
    assert set(zip(whole.onset.tolist(), whole.pitch.tolist(), strict=True)) == set(expected)


def test_what_a_streamed_tune_copies_is_told_at_its_end() -> None:
    """Fails: who presses play hears a tune of the corpus as a new one; only who asks for whole tunes is told."""
    with serving(copied=lambda phrase, new: f"{len(phrase)} notes of another's tune") as served:
        events = served.heard(served.told("streams", seed=5)["events"])
    assert f"{len(events[-1].data['notes'])} notes of another's tune" in events[-1].data["said"]


def test_a_note_is_shown_where_the_hand_is_that_was_asked_to_stay() -> None:
    """Fails: the neck lights where the hand is not, until the tune is over."""
    free, stays, others = Hand(DEFAULT), Hand(DEFAULT, 5), 0
    for onset, pitch in enumerate(range(LOWEST_PITCH, HIGHEST_PITCH + 1)):
        string, fret = stays.takes(24 * onset, pitch)
        under_it = {place for place in positions(pitch, DEFAULT) if not place[1] or reaches(5, place[1])}
        assert (string, fret) in (under_it or {(None, None)})
        others += (string, fret) != free.takes(24 * onset, pitch)
    assert others, "a free hand goes where it need go the least way to"
