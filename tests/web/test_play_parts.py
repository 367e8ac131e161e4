"""What a page that draws by itself works out around the graph, against Python, part by part, on many cases at once."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from phin.generation.all_limits import AllLimits
from phin.generation.constraints import (
    AboutLength,
    Chords,
    ClosesOn,
    Constraint,
    GivenNotes,
    InLai,
    Length,
    MostNotes,
    OnFretboard,
    OnlyMelody,
    OverDrone,
    Repetition,
    Rhythm,
)
from phin.generation.limits import FORBIDDEN
from phin.generation.random import gumbel
from phin.generation.reading import read
from phin.generation.request import Stream
from phin.generation.rows import after, beginning, hear
from phin.generation.slots import Slots
from phin.generation.verses import gone_on, latest, verse_of
from phin.music.fretboard import Drone, Tuning, drone
from phin.music.lai import LAI
from phin.music.phrase import Phrase, let_restruck_strings_stop, rows_from_columns
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    NUM_SYMBOLS,
    SIZES,
    STEP,
    TECHNIQUE,
    UNKNOWN_ID,
    VELOCITY,
    Encoded,
    Metre,
    Tokenizer,
)
from phin.web.tune import Tune, to_json, to_phrase
from tests.tiny import PHRASE, melodies
from tests.web.playing import Playground, unpacked

pytestmark = pytest.mark.slow
TUNES = [PHRASE, *melodies(7, num_notes=30)]
OF_ROWS = ("ids", "onset", "melody", "melody_before", "motif", "place")

NOISE = """async ([cases]) => {
  const { Noise } = await import("/play/random.js");
  return cases.map(([seed, tune, row]) => base64(new Noise(BigInt(seed), tune).ofRow(row)));
}"""
READ = """async ([cases]) => {
  const { beginning } = await import("/play/rows.js");
  const { Reading } = await import("/play/reading.js");
  const { Slots } = await import("/play/slots.js");
  return cases.map(({ encoded, streams, first }) => {
    const rows = beginning(encoded), slots = new Slots(), found = [];
    for (let at = 0; at < rows.length; at = Math.max(at + 1, first)) {
      const now = rows.slice(at, Math.max(at + 1, first));
      const reading = new Reading(streams, now.length, slots.size);
      reading.write(now, slots, encoded);
      const { lookups, position, began, melody, landing } = reading;
      const words = [lookups, position, began, melody, landing].map(({ values }) => base64(values));
      found.push([...words, base64(reading.sees)]);
      slots.makeRoom(now.length);
      slots.take(now);
    }
    return found;
  });
}"""
LIMIT = """async ([cases]) => {
  const made = await import("/play/constraints.js");
  const { Bound } = await import("/play/draw.js");
  const { hear } = await import("/play/rows.js");
  const { beginning, after } = await import("/play/rows.js");
  const { Tuning } = await import("/play/fretboard.js");
  const told = (value) => (value?.tuning ? Tuning.parse(value.tuning) : value);
  return cases.map(({ bound, encoded, drawn }) => {
    const constraints = bound.map(([name, ...given]) => new made[name](...given.map(told)));
    const rows = beginning(encoded), heard = hear(rows), all = new Bound(constraints);
    let row = { ...rows.at(-1) };
    return [null, ...drawn].map((ids) => {
      if (ids) row = after(row, ids, heard);
      const { step, after: tables, kind, recalled, recalledCost } = all.limits(heard);
      return [step, tables, kind, recalled, recalledCost].map(base64);
    });
  });
}"""
HEARD = """async ([cases]) => {
  const { goneOn, latest, verseOf } = await import("/play/verses.js");
  return cases.map(({ tune, drawn }) => {
    const verse = verseOf(tune.bar), whole = goneOn(tune, drawn); // prettier-ignore
    return [verse, whole, ...latest(whole, verse)];
  });
}"""
TUNE = """async ([tunes]) => {
  const { toJson, toPhrase } = await import("/play/tune.js");
  return Promise.all(tunes.map((tune) => answered(() => toJson(toPhrase(tune)))));
}"""
CODE = """async ([cases]) => {
  const { decode, encode } = await import("/play/tokenizer.js");
  const { Metre } = await import("/play/phrase.js");
  const { toPhrase } = await import("/play/tune.js");
  return cases.map(({ tune, ids, metre }) => [encode(toPhrase(tune)), decode(ids, Metre.parse(metre)).notes]);
}"""


def test_random_numbers_are_the_same_to_the_last_bit(ground: Playground) -> None:
    """Fails: a link that was made on a laptop plays another tune on a phone."""
    rng = np.random.default_rng(0)
    seeds = [0, 1, 2**31, 2**32 + 5, 2**53 - 1, 2**63 - 1]
    cases = [[str(seed), int(rng.integers(2**32)), int(rng.integers(5000))] for seed in seeds for _ in range(20)]
    for (seed, tune, row), told in zip(cases, ground.run(NOISE, cases), strict=True):
        expected = gumbel(int(seed), [tune], row)[0, 0].astype(np.float32)
        assert np.array_equal(unpacked(told, np.uint32), expected.view(np.uint32))


def test_a_step_reads_the_same_of_the_same_rows(ground: Playground) -> None:
    """Fails: the model is told another place in the bar, another motif or another past than it learned to read."""
    cases, expected = list[dict[str, Any]](), list[list[list[np.ndarray]]]()
    for number, phrase in enumerate(TUNES):
        whole = Tokenizer().encode(replace(phrase, metre=Metre(*((2, 4), (3, 4), (6, 8), (7, 8))[number % 4])))
        later = 5 + int(np.flatnonzero(np.diff(whole.onset[5:-1]))[0])
        encoded = whole.future_first(later) if number % 2 else whole
        encoded = encoded.closing_told() if number % 3 else encoded
        streams = [Stream(1.0, np.array([of, 2, 1, 3 - of, of])) for of in range(1 + number % 3)]  # in one metre
        first = (1, 7, 12)[number // 3]
        told = [{"weight": 1, "conditions": each.conditions.tolist()} for each in streams]
        cases.append({"encoded": told_of(encoded), "streams": told, "first": first})
        rows, slots, found = beginning([encoded], streams[0].conditions[None]), Slots(1), list[list[np.ndarray]]()
        edges = [0, *range(first, len(encoded.ids) + 1)]
        for at, stop in pairwise(edges):
            now = rows._replace(**{name: getattr(rows, name)[:, at:stop] for name in OF_ROWS})
            reading = read(now, slots, streams)
            found.append([*reading[:2], reading.began, reading.melody, reading.landing, reading.sees])
            slots.room_for(now)
            slots.take(now)
        expected.append(found)
    for told, found in zip(ground.run(READ, cases), expected, strict=True):
        for texts, arrays in zip(told, found, strict=True):
            for text, array in zip(texts, arrays, strict=True):
                assert np.array_equal(unpacked(text, array.dtype, *array.shape), array)


YAI, SE = LAI[0], LAI[2]
BOUND: dict[str, list[tuple[Constraint, list[Any]]]] = {
    "an exact length": [(Length(96), ["Length", 96])],
    "about a length": [(AboutLength(60, 120, 0.5), ["AboutLength", 60, 120, 0.5])],
    "a lai and its tonic": [
        (Length(120), ["Length", 120]),
        (InLai(SE), ["InLai", {"pitch_classes": sorted(SE.pitch_classes)}]),
        (ClosesOn((SE.tonic,)), ["ClosesOn", SE.tonic]),
    ],
    "frets": [(OnFretboard(Tuning.parse("E-A-E")), ["OnFretboard", {"tuning": "E-A-E"}])],
    "a hand that stays": [(OnFretboard(Tuning.parse("A-D-A"), 5), ["OnFretboard", {"tuning": "A-D-A"}, 5])],
    "one note at a time": [(OnlyMelody(), ["OnlyMelody"])],
    "a rhythm": [(Rhythm((0, 12, 36, 37, 96)), ["Rhythm", [0, 12, 36, 37, 96]])],
    "given notes": [
        (Length(96), ["Length", 96]),
        (InLai(YAI), ["InLai", {"pitch_classes": sorted(YAI.pitch_classes)}]),
        (GivenNotes(((0, 61), (48, 66), (96, 69))), ["GivenNotes", [[0, 61], [48, 66], [96, 69]]]),
    ],
    "a given note after what is free": [
        (Length(96), ["Length", 96]),
        (GivenNotes(((96, 69),), free=(24, 72)), ["GivenNotes", [[96, 69]], [24, 72]]),
    ],
    "a pace": [(MostNotes(12, (48, 96)), ["MostNotes", 12, [48, 96]])],
    "dear repetition": [(Repetition(1.5, 2.5), ["Repetition", 1.5, 2.5])],
}


def test_what_may_be_drawn_is_the_same_whatever_binds(ground: Playground) -> None:
    """Fails: a wish binds otherwise in a page, and the tune leaves its lai, its frets or its length."""
    rng = np.random.default_rng(1)
    cases, expected = list[dict[str, Any]](), list[list[tuple[np.ndarray, ...]]]()
    for number, (name, bound) in enumerate(BOUND.items()):
        begun = TUNES[number % len(TUNES)] if name in ("dear repetition", "frets") else None
        encoded = Tokenizer().encode(begun) if begun else _start()
        encoded = Encoded(encoded.ids[:-1], encoded.onset[:-1], encoded.bar) if begun else encoded
        drawn, tables = _drawn([Chords(), *(each for each, _ in bound)], encoded, rng)
        told = [["Chords"], *(each for _, each in bound)]
        cases.append({"bound": told, "encoded": told_of(encoded), "drawn": drawn})
        expected.append(tables)
    if (yai_drone := drone(YAI, Tuning.parse("E-A-E"))) is not None:
        cases.append(_over_drone(yai_drone))
        expected.append(_drawn([Chords(), OverDrone(yai_drone, Tuning.parse("E-A-E"))], _start(), rng)[1][:1])
    for case, told, tables in zip(cases, ground.run(LIMIT, cases), expected, strict=True):
        for number, (texts, (step, after_it, kind, recalled, cost)) in enumerate(zip(told, tables, strict=True)):
            where = f"{case['bound']}, row {number}"
            assert np.array_equal(unpacked(texts[0], np.float32), step), where
            assert np.array_equal(unpacked(texts[1], np.float32), after_it), where
            assert np.array_equal(unpacked(texts[2], np.uint8), kind), where
            costs = unpacked(texts[4], np.float32)
            assert np.array_equal(costs, cost), where
            assert np.array_equal(unpacked(texts[3], np.int32, 2, -1)[:, costs > 0], recalled[:, costs > 0]), where


@pytest.mark.parametrize("metre", ["2/4", "3/4", "6/8", "7/8", None])
def test_what_is_heard_of_a_tune_without_end_is_the_same(ground: Playground, metre: str | None) -> None:
    """Fails: after a few minutes a page plays another tune than phin-play."""
    rng = np.random.default_rng(4)
    bar = 0 if metre is None else Metre.parse(metre).bar
    cases, expected = list[dict[str, Any]](), list[list[Any]]()
    for count in (1, 20, 60, 120, 500, 900):
        tune = replace(_start(), bar=bar)
        drawn = np.stack([rng.integers(NUM_SYMBOLS, size, count) for size in SIZES], axis=1)
        drawn[:, STEP] = NUM_SYMBOLS + (rng.integers(0, 385, count) if count == 60 else rng.integers(0, 40, count))
        cases.append({"tune": told_of(tune), "drawn": drawn.tolist()})
        whole, verse = gone_on(tune, list(drawn)), verse_of(bar)
        heard, moved = latest(whole, verse)
        expected.append([verse, told_of(whole), told_of(heard), moved])
    assert ground.run(HEARD, cases) == expected
    assert {moved > 0 for *_, moved in expected} == {True, False}


def test_rows_become_phrases_and_phrases_rows_alike(ground: Playground) -> None:
    """Fails: a tune that was sent is heard otherwise than it was written, or one that was drawn is told otherwise."""
    rng = np.random.default_rng(2)
    cases, expected = list[dict[str, Any]](), list[tuple[Encoded, Phrase]]()
    for number, phrase in enumerate(TUNES):
        ids = np.stack([rng.integers(NUM_SYMBOLS, size, 25) for size in SIZES], axis=1)
        ids[:, STEP] = np.minimum(ids[:, STEP], NUM_SYMBOLS + 7)
        ids[(rng.random(ids.shape) < 0.1) & np.isin(np.arange(6), (TECHNIQUE, DURATION, VELOCITY))] = UNKNOWN_ID
        ids[20, STEP] = END_ID if number % 2 else ids[20, STEP]
        tune = json.loads(to_json(phrase).model_dump_json())
        cases.append({"tune": tune, "ids": ids.tolist(), "metre": ("2/4", "6/8")[number % 2]})
        expected.append((Tokenizer().encode(phrase), Tokenizer().decode(ids, Metre.parse(cases[-1]["metre"]))))
    for (encoded, notes), (wanted, phrase) in zip(ground.run(CODE, cases), expected, strict=True):
        assert encoded == told_of(wanted)
        columns = ("onset", "duration", "pitch", "velocity", "technique", "voice")
        assert [[note[name] for name in columns] for note in notes] == phrase.rows.tolist()


def test_a_tune_has_the_same_page_and_the_same_places_on_the_neck(ground: Playground) -> None:
    """Fails: letters, tablature or frets of a tune hang on whether a server was there."""
    rng = np.random.default_rng(3)
    tunes = [json.loads(to_json(_scattered(rng, number)).model_dump_json()) for number in range(120)]
    told = ground.run(TUNE, tunes)
    assert {True, False} == {tune["letters"] is None for tune in tunes}
    assert any("fitted to the phin" in line for tune in tunes for line in tune["said"])
    for tune, made in zip(tunes, told, strict=True):
        assert made == json.loads(to_json(to_phrase(Tune.model_validate(tune))).model_dump_json())


def told_of(encoded: Encoded) -> dict[str, Any]:
    """Rows as a page has them."""
    return {
        "ids": encoded.ids.tolist(),
        "onset": encoded.onset.tolist(),
        "bar": encoded.bar,
        "given": encoded.given,
        "closing": encoded.closing,
    }


def _start() -> Encoded:
    return Encoded(np.full((1, 6), 1), np.array([-48]), 48)


def _drawn(
    constraints: Sequence[Constraint], encoded: Encoded, rng: np.random.Generator
) -> tuple[list[list[int]], list[tuple[np.ndarray, ...]]]:
    """Rows drawn evenly of what may be drawn, and the tables of limits before each and after the last."""
    rows = beginning([encoded], np.zeros((1, 5), np.int64))
    heard, all_limits = hear(rows), AllLimits(constraints, 1)
    drawn, tables = list[list[int]](), list[tuple[np.ndarray, ...]]()
    for _ in range(28):
        limits = all_limits.limits(heard)
        step, after_it, kind, recalled, cost = (each.copy() for each in limits.tables)
        tables.append((step[0], after_it.ravel(), kind[0], recalled[0], cost[0]))
        ids = np.zeros((1, 6), np.int64)
        near = np.arange(SIZES[STEP]) < NUM_SYMBOLS + 13
        ids[0, STEP] = _any(rng, step[0], FIELDS[STEP].size, near)
        if ids[0, STEP] == END_ID:
            break
        for field in range(1, 6):
            ids[0, field] = _any(rng, limits.added(ids)[0][sum(SIZES[:field]) :][: SIZES[field]], SIZES[field])
        drawn.append(ids[0].tolist())
        rows = after(rows, ids, heard)
    return drawn[: len(tables) - 1], tables


def _any(rng: np.random.Generator, added: np.ndarray, size: int, near: np.ndarray | None = None) -> int:
    """An id that is not forbidden; one of those near, if there is one."""
    may = (added > FORBIDDEN) & (np.arange(size) >= NUM_SYMBOLS)
    may = may & near if near is not None and (may & near).any() else may
    return int(rng.choice(np.flatnonzero(may))) if may.any() else END_ID


def _over_drone(held: Drone) -> dict[str, Any]:
    given = [{"pitch": held.pitch, "string": held.string}, {"tuning": "E-A-E"}]
    return {"bound": [["Chords"], ["OverDrone", *given]], "encoded": told_of(_start()), "drawn": []}


def _scattered(rng: np.random.Generator, number: int) -> Phrase:
    """Notes anywhere: chords, notes that ring on, pitches without a fret or a letter, strokes off the slots."""
    count = int(rng.integers(1, 26))
    grid = (6, 12, 3, 4, 1)[number % 5]
    onset = grid * np.sort(rng.integers(-4, count, count))
    pitch = rng.integers(*((52, 89), (57, 77), (48, 95))[number % 3], count)
    if number % 4 < 2:
        scale = sorted(LAI[number % 6].pitch_classes)
        pitch = pitch // 12 * 12 + np.array(scale)[pitch % 5]
    rows = rows_from_columns(
        onset,
        rng.integers(1, 60, count),
        pitch,
        rng.integers(1, 128, count),
        rng.integers(-1, 14, count),
        (rng.random(count) < 0.3 * (number % 2)).astype(int),
    )
    return Phrase(
        let_restruck_strings_stop(rows),
        metre=(None, Metre(2, 4), Metre(3, 4), Metre(6, 8))[number % 4],
        tempo=(None, 600_000, 412_345)[number % 3],
        lai=(None, "none", LAI[number % 6].name)[number % 3],
        title=("", "a tune", "ลาย  ใหญ่")[number % 3],
        tuning=(None, "E-A-E", "E-A", "E-A-E-A", "D-A-G")[number % 5],
        drone=((), (52,), (57, 64))[number % 3],
    )
