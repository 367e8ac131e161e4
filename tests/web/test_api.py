"""Each endpoint answers what the contract says, and each mistake is one line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI

from phin.generation.choice import Choice, choose, falls_silent
from phin.generation.given import Given, Use, kept_to
from phin.generation.play import play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.wishes import Wishes
from phin.music.fingering import finger
from phin.music.fretboard import Tuning
from phin.music.phrase import Phrase
from phin.web.tune import Tune, to_json, to_phrase
from tests.runtime.exported import ENGINE
from tests.tiny import PHRASE
from tests.tunes import wander
from tests.web.serving import Served, problem, serving

PAGE = "title: mine\n\n| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |\n"


def generated(
    request: TuneRequest,
    seed: int,
    count: int = 1,
    wishes: Wishes | None = None,
    given: Given | None = None,
    first: int = 0,
    sampler: SamplerConfig | None = None,
) -> list[Phrase]:
    """What phin-generate makes of it."""
    wishes = wishes or Wishes()
    constraints = kept_to(wishes, request, given)
    begins = given.beginning(ENGINE.about.tokenizer) if given else None

    def draw(numbers):
        numbers = [first + number for number in numbers]
        played = play(ENGINE, request, numbers, seed, sampler, constraints=constraints, begins=begins)
        return [each._replace(phrase=given.finished(each.phrase)) for each in played] if given else played

    chosen = choose(draw, count, Choice(), [lambda phrase: falls_silent(phrase, given)])
    return [wishes.finished(each.played.phrase, request)[0] for each in chosen]


def phrases(told: Any) -> list[Phrase]:
    return [to_phrase(Tune.model_validate(tune)) for tune in told["tunes"]]


def test_health_and_about_say_what_there_is(server: Served) -> None:
    """Fails: the page draws a neck of another instrument, or does not say whose tunes these are."""
    health = server.client.get("/api/health").json()
    assert health == {"status": "ok", "streams": 0, "most_streams": 8}
    about = server.client.get("/api/about").json()
    assert about["licence"] == "nobody's"
    assert (about["name"], about["graph"], about["corpus"], about["precision"]) == ("tiny", "0123", "tiny", "fp32")
    assert about["sources"] == ["essen", "han"]
    assert len(about["lai"]) == 6
    assert len(about["techniques"]) == 14
    assert about["limits"]["most_count"] == 16
    eae = about["tunings"][0]
    assert (eae["name"], eae["strings"]) == ("E-A-E", [64, 57, 52])
    assert len(eae["frets"]) == len(eae["distances"]) == 16
    octave = eae["frets"].index(12)
    assert eae["distances"][octave] == pytest.approx(0.5), "the octave halves the string"


def test_tunes_are_those_that_generate_makes_of_a_seed(server: Served) -> None:
    """Fails: a link with a seed gives one tune in the browser and another in the terminal."""
    told = server.told("generate", count=3, seed=7, lines=1)
    assert phrases(told) == generated(TuneRequest(lines=1), 7, 3)
    assert phrases(server.told("generate", count=2, number=1, seed=7, lines=1)) == generated(
        TuneRequest(lines=1), 7, 2, first=1
    )


def test_every_field_of_a_request_is_heard(server: Served) -> None:
    """Fails: a slider of the page changes nothing."""
    request = TuneRequest(lines=1, metre="4/4", lai="yai", source="han", tempo=90.0, density=1.5, guidance=1.5)
    wishes = Wishes(lai=True, tonic=True, tuning="E-A-E", drone=True, most_notes=6.0, motif=1.0, pitch=1.0)
    sampler = SamplerConfig(0.8, {"pitch": 0.9}, 12, 0.9, 0.01)
    asked = {
        "lines": 1,
        "metre": "4/4",
        "lai": "yai",
        "source": "han",
        "tempo": 90,
        "density": 1.5,
        "guidance": 1.5,
        "seed": 0,
        "keep": {"lai": True, "tonic": True, "tuning": "E-A-E", "drone": True, "most_notes": 6, "motif": 1, "pitch": 1},
        "sampler": {"temperature": 0.8, "temperatures": {"pitch": 0.9}, "top_k": 12, "top_p": 0.9, "min_p": 0.01},
    }
    (tune,) = phrases(server.told("generate", **asked))
    assert [tune] == generated(request, 0, wishes=wishes, sampler=sampler)
    other = {"blend": 0.5, "other": {"source": "essen"}}
    (blended,) = phrases(server.told("generate", **{**asked, "guidance": 1, **other}))
    assert blended != tune
    assert phrases(server.told("generate", hong=5, seed=9)) == generated(TuneRequest(hong=5), 9)


def test_what_a_sampler_does_not_say_is_as_the_server_was_started() -> None:
    """Fails: who sets a temperature loses the nucleus, and hears the model's rare mistakes."""
    with serving(sampler=SamplerConfig(top_p=0.5)) as served:
        told = served.told("generate", seed=3, lines=1, sampler={"temperature": 0.9})
        assert phrases(told) == generated(TuneRequest(lines=1), 3, sampler=SamplerConfig(0.9, top_p=0.5))
        told = served.told("generate", seed=3, lines=1, sampler={"top_p": 1.0})
        assert phrases(told) == generated(TuneRequest(lines=1), 3)


@pytest.mark.parametrize("use", ["decorate", "rhythm", "rewrite"])
def test_a_given_tune_is_made_something_of(server: Served, use: str) -> None:
    """Fails: what is drawn on the page is thrown away."""
    given = wander(3, 30, title="mine")
    hong = [2, 4] if use == "rewrite" else None
    asked = Given(given, Use(use), tuple(hong) if hong else None)
    told = server.told("generate", seed=6, use=use, rewrite=hong, given={"tune": to_json(given).model_dump()})
    assert phrases(told) == generated(asked.request(TuneRequest()), 6, given=asked)


def test_an_example_says_its_tempo_and_density(server: Served) -> None:
    """Fails: "like this one" is heard as "like any"."""
    example = replace(wander(3, 30), tempo=500_000)
    told = server.told("generate", seed=2, lines=1, like={"tune": to_json(example).model_dump()})
    expected = generated(TuneRequest(lines=1, tempo=120.0, density=2.0), 2)
    assert phrases(told) == expected
    said = server.refused(
        422, "generate", like={"tune": to_json(example).model_dump()}, tempo=100, density=1, lai="yai"
    )
    assert said["where"].startswith("like=")


def test_a_tune_says_where_a_hand_plays_it_and_its_pages(server: Served) -> None:
    """Fails: the neck shows strings that the tablature does not."""
    (tune,) = server.told("generate", seed=4, lines=2, keep={"tuning": "E-A-E", "melody": True})["tunes"]
    phrase = to_phrase(Tune.model_validate(tune))
    fingering = finger(phrase, Tuning.parse("E-A-E"))
    assert [(note["string"], note["fret"]) for note in tune["notes"]] == list(
        zip(fingering.string.tolist(), fingering.fret.tolist(), strict=True)
    )
    assert "|" in tune["letters"]
    assert "|" in tune["tablature"]
    (free,) = server.told("generate", seed=3, lines=2)["tunes"]
    missing = [note for note in free["notes"] if note["string"] is None]
    assert bool(missing) == any("no fingering" in line for line in free["said"])


def test_techniques_are_written_on_more_notes_the_more_are_asked_for(server: Served) -> None:
    """Fails: the slider for ornaments does nothing, or plays ornaments nobody asked for."""
    numbers, asked = [], (0, 0.1, 0.35, 0.5, 1)
    for techniques in asked:
        (tune,) = server.told("generate", seed=3, lines=4, techniques=techniques)["tunes"]
        numbers.append(sum(note["technique"] not in (None, "plain") for note in tune["notes"]))
    melody = sum(note["voice"] == "melody" for note in tune["notes"])
    assert numbers == [round(techniques * melody) for techniques in asked]


def test_a_tune_survives_its_way_to_the_page_and_back() -> None:
    """Fails: a tune that is sent back is another one."""
    for phrase in (PHRASE, wander(1), replace(wander(2), tempo=533_333, lai="yai", tuning="E-B-E", drone=(52,))):
        assert to_phrase(Tune.model_validate(json.loads(to_json(phrase).model_dump_json()))) == phrase


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"cuont": 1}, "cuont"),
    ({"keep": {"tunning": "E-A-E"}}, "keep.tunning"),
    ({"other": {"lia": "yai"}, "blend": 0.5}, "other.lia"),
    ({"sampler": {"top_q": 1}}, "sampler.top_q"),
    ({"lines": 0}, "lines=0"),
    ({"hong": 513}, "hong=513"),
    ({"hong": 4, "lines": 3}, "lines=3"),
    ({"lines": "2"}, "lines"),
    ({"lines": 2.5}, "lines"),
    ({"lines": True}, "lines"),
    ({"lines": 10**300}, "lines"),
    ({"lines": 65}, "lines=65"),
    ({"count": 0}, "count"),
    ({"count": 17}, "count=17"),
    ({"number": -1}, "number"),
    ({"number": 9999, "count": 2}, "number=9999"),
    ({"seed": -1}, "seed=-1"),
    ({"seed": 2**63}, f"seed={2**63}"),
    ({"lai": "yia"}, "lai=yia"),
    ({"lai": "x" * 900_000}, "lai="),
    ({"lai": "y\nai"}, "lai=y ai"),
    ({"source": "oneill"}, "source=oneill"),
    ({"metre": "2/5"}, "metre"),
    ({"tempo": float("nan")}, "tempo=nan"),
    ({"tempo": float("inf")}, "tempo=inf"),
    ({"guidance": 2}, "guidance=2"),
    ({"blend": 0.5}, "blend=0.5"),
    ({"techniques": 2}, "techniques"),
    ({"techniques": float("nan")}, "techniques"),
    ({"endless": True}, "endless=true"),
    ({"use": "continue", "rewrite": [1, 2]}, "rewrite"),
    ({"use": "rewrite"}, "use=rewrite"),
    ({"use": "sing"}, "use"),
    ({"keep": {"lai": True}}, "keep.lai=true"),
    ({"keep": {"hand": 3}}, "keep.hand=3"),
    ({"keep": {"tuning": "H-A-E"}}, "keep.tuning=H-A-E"),
    ({"keep": {"most_notes": 0}}, "keep.most_notes=0"),
    ({"sampler": {"temperature": 0}}, "sampler.temperature=0"),
    ({"sampler": {"temperatures": {"loudness": 1}}}, "sampler.temperatures.loudness"),
    ({"sampler": {"top_k": 1}, "count": 2}, "count=2"),
    ({"sampler": {"top_k": 1, "temperatures": {"pitch": 0.5}}}, "sampler.temperatures"),
    ({"hong": 4, "lines": 2}, "lines=2"),
    ({"sampler": {"temperatures": {"velocity": 0.5}}}, "sampler.temperatures.velocity=0.5"),
    ({"given": {}}, "tune"),
    ({"given": {"form": "mid"}}, "tune"),
    ({"given": {"tune": {"notes": []}}}, "the given tune"),
    ({"given": {"tune": {"notes": []}, "form": "mid", "content": ""}}, "tune"),
    ({"given": {"form": "exe", "content": ""}}, "given.form"),
    ({"given": {"tune": {"notes": [{"onset": 0, "pitch": 128}]}}}, "given.tune.notes.0.pitch"),
    ({"given": {"tune": {"notes": [{"onset": 0, "pitch": 60, "technique": "tap"}]}}}, "tune"),
    ({"given": {"tune": {"lai": "yia", "notes": [{"onset": 0, "pitch": 60}]}}}, "tune"),
    ({"given": {"tune": {"metre": "7/0", "notes": [{"onset": 0, "pitch": 60}]}}}, "metre 7/0"),
]


@pytest.mark.parametrize(("asked", "where"), MISTAKES, ids=[where for _, where in MISTAKES])
def test_what_cannot_be_asked_for_is_one_line(server: Served, asked: dict[str, Any], where: str) -> None:
    """Fails: a slip on the page ends in a page of pydantic, or in a tune that nobody asked for."""
    body = json.dumps(asked)
    answer = server.client.post("/api/generate", content=body, headers={"Content-Type": "application/json"})
    said = problem(answer, 422)
    assert said["where"].startswith(where)
    assert max(map(len, said.values())) <= 401


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"lines": 4, "endless": True}, "lines=4"),
        ({"about": 0.5, "endless": True}, "about=0.5"),
        ({"number": 3, "endless": True}, "number=3"),
        ({"count": 3}, "count"),
        ({"lai": "yai", "keep": {"tonic": True}, "endless": True}, "keep.tonic=true"),
        ({"lai": "yai", "keep": {"drone": True}, "endless": True}, "keep.drone=true"),
        ({"use": "rhythm", "endless": True, "given": {"tune": to_json(PHRASE).model_dump()}}, "use=rhythm"),
    ],
    ids=["lines", "about", "number", "count", "tonic", "drone", "use"],
)
def test_what_a_stream_cannot_be_asked_for_is_one_line(server: Served, asked: dict[str, Any], where: str) -> None:
    """Fails: a wish is heard in silence."""
    assert server.refused(422, "streams", **asked)["where"] == where


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{no", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"3", "application/json"),
        (b"\xff\xfe{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"seed": 1' + b"0" * 5000 + b"}", "application/json"),
        (b'{"lai": "\\ud800"}', "application/json"),
        (b'{"\\ud800": 1}', "application/json"),
        (b'{"seed": 1}', "text/plain"),
        (b"seed=1", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_request_is_one_line(server: Served, content: bytes, kind: str) -> None:
    """Fails: noise on the line is a fault of the server's; or another site's form draws tunes here (text/plain)."""
    for path in ("generate", "streams", "read", "convert", "suggest"):
        problem(server.client.post(f"/api/{path}", content=content, headers={"Content-Type": kind}), 422)


def test_what_is_not_there_is_said_in_the_same_shape(server: Served) -> None:
    """Fails: the page shows "undefined" where an error should stand."""
    for method, path, status in [
        ("GET", "/api/tunes", 404),
        ("GET", "/api/streams/x/events", 404),
        ("DELETE", "/api/streams/x", 404),
        ("PUT", "/api/about", 405),
        ("GET", "/api/generate", 405),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
    ]:
        problem(server.client.request(method, path), status)


def test_the_page_is_served_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who opens the address that the command prints sees a line of JSON."""
    (tmp_path / "index.html").write_text("<p>phin", encoding="utf-8")
    (tmp_path / "page.js").write_text("phin", encoding="utf-8")
    monkeypatch.setattr("phin.web.app.STATIC", tmp_path)
    with serving() as served:
        assert served.client.get("/").text == "<p>phin"
        assert served.client.get("/static/page.js").text == "phin"
        problem(served.client.get("/static/other.js"), 404)
        problem(served.client.get("/static/%2e%2e/secret"), 404)


def test_the_description_is_whole_and_valid(server: Served) -> None:
    """Fails: who writes another page finds endpoints without a word, or a description that no tool reads."""
    told = server.client.get("/openapi.json").json()
    OpenAPI.model_validate(told)
    schemas = told["components"]["schemas"]
    references = set[str]()

    def refer(part: Any) -> None:
        if isinstance(part, dict):
            references.update([part["$ref"]] if "$ref" in part else [])
            any(map(refer, part.values()))
        elif isinstance(part, list):
            any(map(refer, part))

    refer(told)
    assert {reference.rpartition("/")[2] for reference in references} <= set(schemas)
    paths = {(method, path) for path, methods in told["paths"].items() for method in methods}
    assert paths == {
        ("get", "/api/health"),
        ("get", "/api/about"),
        ("post", "/api/generate"),
        ("post", "/api/streams"),
        ("get", "/api/streams/{id}/events"),
        ("delete", "/api/streams/{id}"),
        ("post", "/api/read"),
        ("post", "/api/convert"),
        ("post", "/api/suggest"),
    }
    for methods in told["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            assert "HTTPValidationError" not in json.dumps(operation)
    for name, schema in schemas.items():
        assert schema.get("description"), name
        for field, meaning in schema.get("properties", {}).items():
            told_elsewhere = "$ref" in meaning or name not in ("TuneAsked", "TunesAsked", "Sampler", "Keep", "Note")
            assert "description" in meaning or told_elsewhere, (name, field)
