"""Files that people send: read in a process of its own, refused in one line, written under no name of theirs."""

import io
import json
import os
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from phin.music.midi import read_midi_bytes, write_midi
from phin.music.notation import parse_letters
from phin.music.phrase import Phrase
from phin.music.suggestion import load
from phin.music.tablature import parse_tablature
from phin.music.technique import word
from phin.web.asked import TuneSource
from phin.web.errands import Errand
from phin.web.refusals import Refusal
from phin.web.tune import Tune, to_json, to_phrase
from tests.midi_defects import defect_files
from tests.tiny import PHRASE
from tests.tunes import tunes, wander
from tests.web.serving import Served, file, problem, serving

PAGE = "title: mine\n\n| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |\n"
ABC = "X:1\nT:two\nM:2/4\nL:1/8\nK:C\nCDEF|GABc|c4|]\n"
PLAYABLE = replace(wander(1, 24, scale=(64, 67, 69, 72, 74, 76)), tempo=500_000, title="mine")


def midi(phrase: Phrase, folder: Path) -> bytes:
    path = folder / "tune.mid"
    write_midi(phrase, path)
    return path.read_bytes()


def test_a_file_of_each_form_is_read(server: Served, tmp_path: Path) -> None:
    """Fails: who drops a file on the page sees an empty one."""
    told = server.told("read", **file(midi(PHRASE, tmp_path), "mid"))
    assert to_phrase(Tune.model_validate(told)).rows.tolist() == PHRASE.rows.tolist()
    told = server.told("read", **file(PAGE, "txt", name="../../other.txt"))
    assert told["title"] == "mine"
    letters = PAGE.partition("\n\n")[2]
    assert told["letters"].replace(" ", "").endswith(letters.replace(" ", ""))
    assert told["inferred"] == ["duration", "octave"]
    assert [note["string"] for note in told["notes"]] == [1] * 14
    tablature = server.told("read", **file(told["tablature"], "tab", name="mine.tab"))
    assert [note["pitch"] for note in tablature["notes"]] == [note["pitch"] for note in told["notes"]]
    assert server.told("read", **file(ABC, "abc"))["title"] == "two"
    untitled = server.told("read", **file(PAGE.partition("\n\n")[2], "txt", name="lai yai.txt"))
    assert untitled["title"] == "lai yai"
    assert server.told("read", tune=to_json(PHRASE).model_dump())["notes"] == to_json(PHRASE).model_dump()["notes"]


GARBAGE = [b"", b"\0" * 100, b"MThd", os.urandom(500), b"\xff" * 10_000, b"X:1\nK:C\n", b"|", PAGE.encode()[:20]]


@pytest.mark.parametrize("form", ["mid", "txt", "abc", "tab"])
def test_garbage_in_each_form_is_one_line_that_names_no_file_of_the_servers(server: Served, form: str) -> None:
    """Fails: a torn file is a fault of the server's, or shows what lies on it."""
    for content in GARBAGE:
        answer = server.post("read", **file(content, form, name="mine.x"))
        if answer.status_code != 200:
            said = problem(answer, 422)
            assert "/tmp" not in str(said)
            assert server.service.errands.folder not in str(said)
            assert "mine.x" in str(said)
    said = server.refused(422, "read", form=form, content="no base64!")
    assert "base64" in said["reason"]


SHORT = ("one-note.mid", "seven-notes-over-drums.mid")
"""No tunes to learn from, and yet tunes."""


@pytest.mark.parametrize("defect", defect_files())
def test_every_defect_of_a_midi_file_is_one_line(server: Served, defect: str) -> None:
    """Fails: a file that phin-convert names the fault of has none on the page."""
    content, _ = defect_files()[defect]
    answer = server.post("read", **file(content, "mid"))
    if defect in SHORT:
        assert answer.status_code == 200
    else:
        problem(answer, 413 if len(content) > 1_000_000 else 422)


def test_a_file_may_hold_only_one_tune_and_so_many_notes(server: Served) -> None:
    """Fails: the page shows the first of two tunes and says nothing; or is sent a hundred thousand notes."""
    assert "2 tunes" in server.refused(422, "read", **file(ABC + "\n" + ABC.replace("X:1", "X:2"), "abc"))["reason"]
    long = "| ลลลล " * 1100 + "|"
    assert "4,096" in server.refused(413, "read", **file(long, "txt"))["reason"]


def test_what_is_too_large_is_not_read(server: Served) -> None:
    """Fails: a film that is dropped on the page fills the memory."""
    server.refused(413, "read", **file(b"x" * 1_000_001, "txt"))
    said = server.refused(413, "read", **file(b"x" * 3_000_000, "txt"))
    assert said["where"] == "body"

    def chunks():
        for _ in range(100):
            yield b" " * 100_000

    problem(server.client.post("/api/read", content=chunks(), headers={"Content-Type": "application/json"}), 413)
    notes = [{"onset": number, "pitch": 60, "duration": 1} for number in range(4097)]
    server.refused(413, "read", tune={"notes": notes})
    server.refused(413, "generate", given={"tune": {"notes": notes}})


@pytest.mark.long
def test_a_reader_that_takes_too_long_or_dies_costs_one_file_alone() -> None:
    """Fails: one strange file, and nobody's file is read any more."""
    with serving(read_seconds=1.0) as served:
        notes = [{"onset": 6 * number, "pitch": 52 + number % 36, "duration": 600} for number in range(3900)]
        for note in notes:
            note["duration"] = 6 * 36
        hungry = {"tune": {"tempo": 100, "notes": notes}}
        for _ in range(2):
            said = served.refused(422, "convert", of=hungry, to="wav")
            assert "takes longer than 1 s" in said["reason"]
            served.told("read", **file(PAGE, "txt"))
        (folder,) = {served.service.errands.folder}
        assert Path(folder).is_dir()
    assert not Path(folder).exists(), "nothing stays"


FORMS = {
    "mid": b"MThd",
    "txt": b"title: mine",
    "tab": b"title: mine",
    "wav": b"RIFF",
    "html": b"<!doctype html>",
    "png": b"\x89PNG",
    "svg": b"<?xml",
    "neck.png": b"\x89PNG",
    "neck.svg": b"<?xml",
}


@pytest.mark.parametrize("to", FORMS)
def test_a_tune_is_had_in_each_form_under_a_safe_name(server: Served, to: str) -> None:
    """Fails: a button gives nothing, or a file that is called what another site wants."""
    phrase = replace(PLAYABLE, title='mine/../"x"\r\nSet-Cookie: a=b')
    answer = server.post("convert", of={"tune": to_json(phrase).model_dump()}, to=to)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.content.lstrip().startswith(FORMS[to][:4])
    assert answer.headers["Content-Disposition"] == f'attachment; filename="mine-x-Set-Cookie-a-b.{to}"'
    assert "Set-Cookie" not in answer.headers


def test_what_is_converted_is_the_tune(server: Served) -> None:
    """Fails: what is saved is not what was heard."""
    source = {"tune": to_json(PLAYABLE).model_dump()}
    saved = read_midi_bytes(server.post("convert", of=source, to="mid").content, "saved").phrase
    assert saved == replace(PLAYABLE, source=PLAYABLE.source)
    letters = parse_letters(server.post("convert", of=source, to="txt").text).phrase
    tablature = parse_tablature(server.post("convert", of=source, to="tab").text).phrase
    for page in (letters, tablature):
        assert page.pitch.tolist() == PLAYABLE.pitch.tolist()
        assert page.onset.tolist() == PLAYABLE.onset.tolist()
    with wave.open(io.BytesIO(server.post("convert", of=source, to="wav").content)) as sound:
        assert sound.getnframes() / sound.getframerate() >= 24 * 12 / 24 * 0.5


def test_a_drone_is_struck_where_it_is_asked_for_and_known(server: Served) -> None:
    """Fails: the drone button is silent and says nothing."""
    source = {"tune": to_json(replace(PLAYABLE, lai="yai")).model_dump()}
    saved = read_midi_bytes(server.post("convert", of=source, to="mid", drone=True).content, "saved").phrase
    assert len(saved) > len(PLAYABLE)
    assert set(saved.pitch[~saved.is_melody].tolist()) == {57}
    nobody = server.refused(422, "convert", of={"tune": to_json(PLAYABLE).model_dump()}, to="mid", drone=True)
    assert "drone" in nobody["reason"]
    assert server.refused(422, "convert", of=source, to="txt", drone=True)["where"] == "drone=true"


def test_what_cannot_be_converted_is_one_line(server: Served) -> None:
    """Fails: a tune of hours, or one that no hand can take, is a fault of the server's."""
    hours = {"tune": {"tempo": 20, "notes": [{"onset": 0, "pitch": 60}, {"onset": 24 * 60 * 399, "pitch": 60}]}}
    assert "600 s" in server.refused(413, "convert", of=hours, to="wav")["reason"]
    off = {"tune": {"notes": [{"onset": step, "pitch": 64, "duration": 1} for step in range(40)]}}
    assert "slot" in server.refused(422, "convert", of=off, to="tab")["reason"]
    assert server.refused(422, "convert", of={"tune": {"notes": []}}, to="exe")["where"] == "to"
    assert server.refused(422, "convert", of={}, to="mid")["where"] == "tune"


def test_suggestions_are_those_of_phin_suggest_and_say_what_they_learned_from(server: Served) -> None:
    """Fails: the page shows rules as if players had said so, or on other notes."""
    told = server.told("suggest", tune=to_json(PHRASE).model_dump())
    expected = load().suggest(PHRASE)
    assert "synthetic" in told["said"]
    assert [each["note"] for each in told["suggestions"]] == PHRASE.is_melody.nonzero()[0].tolist()
    for each, suggestion in zip(told["suggestions"], expected, strict=True):
        assert each["technique"] == (None if suggestion.technique is None else word(suggestion.technique))
        assert each["ornament"] == (None if suggestion.ornament is None else word(suggestion.ornament))
        for name, shares in (("probabilities", suggestion.probability), ("if_ornamented", suggestion.if_ornamented)):
            assert each[name] == pytest.approx({word(key): share for key, share in shares.items()}, abs=1e-4)
        assert next(iter(each["if_ornamented"])) == word(suggestion.likeliest_ornament)
        assert each["why"] == suggestion.reasons[suggestion.likeliest]
        assert each["why_ornament"] == suggestion.reasons[suggestion.likeliest_ornament]
    assert told["tune"]["notes"] == to_json(PHRASE).model_dump()["notes"]
    assert "no melody" in server.refused(422, "suggest", tune={"notes": []})["reason"]


@settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tune=tunes(max_notes=8), to=st.sampled_from(sorted(FORMS)), drone=st.booleans(), title=st.text(max_size=20))
def test_no_tune_is_a_fault_of_the_servers(server: Served, tune: Phrase, to: str, drone: bool, title: str) -> None:
    """Fails: some tune that can be drawn on the page ends in "Internal Server Error"."""
    sent = {**to_json(tune).model_dump(), "title": title}
    source = {"tune": json.loads(json.dumps(sent))}
    for path, asked in [
        ("read", source),
        ("suggest", source),
        ("convert", {"of": source, "to": to, "drone": drone and to != "txt"}),
    ]:
        answer = server.post(path, **asked)
        if answer.status_code != 200:
            problem(answer, 422)


def test_too_many_files_at_once_are_told_to_come_again() -> None:
    """Fails: a hundred files wait in memory, and the hundredth for an hour."""
    source = TuneSource.model_validate(file(PAGE, "txt"))
    with serving(most_waiting=1) as served:
        waiting, refused = list[Any](), list[Refusal]()
        for _ in range(4):
            try:
                waiting.append(served.service.errands.submit(Errand("read", source)))
            except Refusal as refusal:
                refused.append(refusal)
        assert {refusal.status for refusal in refused} == {503}
        assert all(each.result(60).title == "mine" for each in waiting)
        served.told("read", **file(PAGE, "txt"))
