"""The tokenizer: what it takes comes back whole, what it cannot hold it refuses by name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import Defect, InvalidTune
from phin.music.lai import LAI
from phin.music.letters import LETTERS
from phin.music.notation import parse_letters
from phin.music.phrase import (
    UNKNOWN,
    Inferred,
    Metre,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    let_ring,
    rows_from_columns,
)
from phin.tokenizer import (
    CONDITIONS,
    DENSITY_CONDITION,
    DENSITY_EDGES,
    DURATION,
    END_ID,
    FIELDS,
    LAI_CONDITION,
    LONGEST_STEP,
    METRE_CONDITION,
    METRES,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    SOURCE_CONDITION,
    START_ID,
    STEP,
    TECHNIQUE,
    TEMPO_CONDITION,
    TEMPO_EDGES,
    UNKNOWN_ID,
    VELOCITY,
    VOICE,
    Tokenizer,
    density,
    first_origin,
    melody_ids,
    octave_shift,
)
from tests.strategies import phrases
from tests.tunes import tunes, wander, with_drone

TOKENIZER = Tokenizer(sources=("essen", "midi"))
TWO_FOUR = Metre(2, 4)


def notes(*rows: tuple[int, int, int], metre: Metre | None = TWO_FOUR, **facts: str) -> Phrase:
    """A phrase of (onset, duration, pitch)."""
    onset, duration, pitch = np.array(rows, dtype=int).reshape(-1, 3).T
    return Phrase(rows_from_columns(onset, duration, pitch), metre=metre, **facts)


@given(tunes())
def test_what_is_encoded_is_decoded_whole(phrase: Phrase) -> None:
    """What the model hears would not be what was played: its ancestor trained every tune as 64 times middle C."""
    encoded = TOKENIZER.encode(phrase)
    assert TOKENIZER.decode(encoded.ids, phrase.metre) == phrase
    assert encoded.onset[1:-1].tolist() == phrase.onset.tolist()


def is_held(phrase: Phrase) -> bool:
    """By the words of the contract: range, gaps and lengths, looked at note by note."""
    before = first_origin(phrase.metre)
    for onset, duration, pitch, _velocity, technique, _voice in phrase.rows.tolist():
        duration = 1 if Inferred.DURATION in phrase.inferred else duration
        if not (0 <= onset - before <= 384 and duration <= 384 and 52 <= pitch <= 88 and technique < 14):
            return False
        before = onset
    return True


@given(phrases())
def test_any_phrase_is_either_held_whole_or_refused(phrase: Phrase) -> None:
    """A note would be clipped or moved in silence, and the player given a tune that nobody wrote."""
    assert TOKENIZER.holds(phrase) == is_held(phrase)
    if not is_held(phrase):
        with pytest.raises(InvalidTune):
            TOKENIZER.encode(phrase)
        return
    expected = Phrase(phrase.rows, metre=phrase.metre)
    if Inferred.DURATION in phrase.inferred and len(phrase):
        expected = rung(phrase)
    assert TOKENIZER.decode(TOKENIZER.encode(phrase).ids, phrase.metre) == expected


def rung(phrase: Phrase) -> Phrase:
    """The notes of a phrase as letters let them ring, whatever their durations were."""
    rows = phrase.rows.copy()
    rows[:, 1] = UNKNOWN
    inferred = frozenset({Inferred.DURATION})
    return Phrase(let_restruck_strings_stop(let_ring(rows)), metre=phrase.metre, inferred=inferred)


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Letters in hong of four slots, some of them shared; a letter stands in the very last one."""
    slot = st.sampled_from(["-", *LETTERS, LETTERS[0] + LETTERS[3], LETTERS[5] + LETTERS[1] + LETTERS[2]])
    slots = [*draw(st.lists(slot, min_size=7, max_size=7 + 32)), draw(st.sampled_from(LETTERS))]
    slots = slots[len(slots) % 4 :]
    return "| " + " | ".join(" ".join(slots[at : at + 4]) for at in range(0, len(slots), 4)) + " |"


@given(pages())
def test_a_tune_in_letters_comes_back_as_it_was_read(page: str) -> None:
    """The model would play another rhythm of ringing than the page it learned from."""
    phrase = parse_letters(page).phrase
    again = TOKENIZER.decode(TOKENIZER.encode(phrase).ids, phrase.metre)
    assert again == Phrase(phrase.rows, metre=phrase.metre, inferred=frozenset({Inferred.DURATION}))
    assert Inferred.DURATION in phrase.inferred


def test_hyphens_behind_the_last_letter_are_all_that_a_page_loses() -> None:
    """It would be taken for a note that the tokenizer clips: a page's last letter may ring on, and rings one hong."""
    phrase = parse_letters("| - - - ล | - - - - | - - - - |").phrase
    again = TOKENIZER.decode(TOKENIZER.encode(phrase).ids, phrase.metre)
    assert phrase.duration.tolist() == [24 + 30]
    assert again.duration.tolist() == [24]
    assert again.onset.tolist() == phrase.onset.tolist()


@given(tunes(min_notes=1))
def test_no_row_says_an_inferred_duration(phrase: Phrase) -> None:
    """A letter rings until the next: its duration would give the next step away, and rhythm would look easy."""
    letters = replace(phrase, inferred=frozenset({Inferred.DURATION}))
    ids = TOKENIZER.encode(letters).ids
    assert (ids[1:-1, DURATION] == UNKNOWN_ID).all()
    others = [field for field in range(len(FIELDS)) if field != DURATION]
    assert (ids[:, others] == TOKENIZER.encode(phrase).ids[:, others]).all()


def test_of_rows_that_say_some_durations_the_others_ring() -> None:
    """A note whose length is known would be lengthened, or one whose length is not would break the reader."""
    ids = TOKENIZER.encode(notes((0, 6, 60), (12, 6, 62), (36, 6, 64))).ids
    ids[2:4, DURATION] = UNKNOWN_ID
    phrase = TOKENIZER.decode(ids, TWO_FOUR)
    assert phrase.duration.tolist() == [6, 24, 24]
    assert phrase.inferred == {Inferred.DURATION}


@pytest.mark.parametrize(
    ("phrase", "defect", "words"),
    [
        (
            notes((0, 6, 60), (385, 6, 60)),
            Defect.GAP_TOO_LONG,
            "16.04 quarters pass before note 2 begins, and 16 quarters",
        ),
        (notes((-49, 6, 60)), Defect.GAP_TOO_LONG, "note 1 begins more than a bar before the first downbeat"),
        (notes((0, 385, 60)), Defect.NOTE_TOO_LONG, "note 1 has duration 385, and 1 to 384"),
        (notes((0, 6, 60), (6, 6, 51)), Defect.RANGE_TOO_WIDE, "note 2 has pitch 51, and 52 to 88"),
        (notes((0, 6, 60), (6, 6, 89)), Defect.RANGE_TOO_WIDE, "note 2 has pitch 89, and 52 to 88"),
    ],
)
def test_what_cannot_be_held_is_refused_by_its_name_and_note(phrase: Phrase, defect: Defect, words: str) -> None:
    """Whoever gave the tune could not find the note that is wrong with it."""
    with pytest.raises(InvalidTune, match=words) as refused:
        TOKENIZER.encode(replace(phrase, title="ลายใหญ่"))
    assert refused.value.defect is defect
    assert str(refused.value).startswith("ลายใหญ่: ")


@pytest.mark.parametrize(("column", "value"), [(3, 0), (3, 128), (3, -2), (4, 16), (4, -2), (5, 2)])
def test_a_velocity_technique_or_voice_that_does_not_exist_is_refused(column: int, value: int) -> None:
    """It would be read as another field's symbol, or as a technique that nobody plays."""
    rows = wander(0, 8).rows.copy()
    rows[4, column] = value
    with pytest.raises(InvalidTune, match="note 5 has") as refused:
        TOKENIZER.encode(Phrase(rows))
    assert refused.value.defect is Defect.BAD_NOTATION


def test_the_longest_gap_and_the_longest_note_are_held() -> None:
    """The vocabulary would promise sixteen quarters and hold one step less."""
    phrase = notes((LONGEST_STEP - 48, LONGEST_STEP, 52), (2 * LONGEST_STEP - 48, LONGEST_STEP, 88))
    ids = TOKENIZER.encode(phrase).ids
    assert TOKENIZER.decode(ids, phrase.metre) == phrase
    assert (ids[1:-1] < [field.size for field in FIELDS]).all()
    assert ids[1, STEP] == FIELDS[STEP].size - 1
    assert ids[2, PITCH] == FIELDS[PITCH].size - 1


def test_padding_start_end_and_unknown_are_four_different_symbols_and_no_values() -> None:
    """The ancestor used one number for rest, padding and end: a low note would end the tune."""
    assert len({PAD_ID, START_ID, END_ID, UNKNOWN_ID}) == 4
    assert max(PAD_ID, START_ID, END_ID, UNKNOWN_ID) < NUM_SYMBOLS
    lowest = Phrase(rows_from_columns(np.array([-96]), np.array([1]), np.array([52]), 1, 0, Voice.MELODY))
    row = TOKENIZER.encode(lowest).ids[1]
    assert (row == NUM_SYMBOLS).all()  # the lowest value of every field is still not a symbol


def test_start_stands_before_the_notes_and_end_behind_them() -> None:
    """The model would not know where a tune begins, and never learn to stop."""
    encoded = TOKENIZER.encode(notes((0, 6, 60), (12, 6, 62)))
    assert (encoded.ids[0] == START_ID).all()
    assert encoded.ids[-1].tolist() == [END_ID] + [PAD_ID] * 5
    assert len(encoded.ids) == len(encoded.onset) == 4
    assert encoded.onset.tolist() == [-48, 0, 12, 12]
    assert encoded.bar == 48


def test_what_nobody_wrote_down_is_unknown_and_not_a_value() -> None:
    """A folk tune without dynamics would be learned as if it were played at one loudness throughout."""
    row = TOKENIZER.encode(notes((0, 6, 60))).ids[1]
    assert row[VELOCITY] == row[TECHNIQUE] == UNKNOWN_ID
    assert row[VOICE] == NUM_SYMBOLS + Voice.MELODY


@pytest.mark.parametrize(("metre", "origin"), [(Metre(2, 4), -48), (Metre(6, 8), -72), (None, -96)])
def test_the_first_step_is_counted_from_a_bar_before_the_downbeat(metre: Metre | None, origin: int) -> None:
    """A pickup would need a negative step, and three tunes in four begin with one."""
    phrase = notes((origin, 6, 60), (0, 6, 62), metre=metre)
    encoded = TOKENIZER.encode(phrase)
    assert encoded.onset[0] == origin
    assert encoded.ids[1, STEP] == NUM_SYMBOLS
    assert TOKENIZER.encode(notes((0, 6, 60), metre=metre)).ids[1, STEP] == NUM_SYMBOLS - origin
    assert TOKENIZER.decode(encoded.ids, metre) == phrase


@given(tunes())
def test_decoding_stops_at_the_end_or_at_padding_and_needs_no_start(phrase: Phrase) -> None:
    """What a batch pads a tune with, or what a model writes after the end, would sound as notes."""
    ids = TOKENIZER.encode(phrase).ids
    rubbish = np.full((3, 6), NUM_SYMBOLS + 1)
    padding = np.full((2, 6), PAD_ID)
    for written in (ids[1:], ids[:-1], np.concatenate([ids, rubbish]), np.concatenate([ids[:-1], padding, rubbish])):
        assert TOKENIZER.decode(written, phrase.metre) == phrase


def test_what_a_model_draws_across_its_own_notes_is_still_a_phrase() -> None:
    """A generated tune would end in a traceback because one string was struck while it rang."""
    ids = TOKENIZER.encode(notes((0, 24, 60), (6, 6, 64), (12, 6, 62), (24, 24, 65))).ids
    ids[2, PITCH] = ids[1, PITCH]  # 60 again while it rings
    ids[4, STEP], ids[4, PITCH] = NUM_SYMBOLS, ids[3, PITCH] - 1  # a chord with its higher note first
    phrase = TOKENIZER.decode(ids, TWO_FOUR)
    assert phrase.rows[:, :3].tolist() == [[0, 6, 60], [6, 6, 60], [12, 24, 61], [12, 6, 62]]


@given(tunes(min_notes=2), st.data())
def test_a_window_keeps_every_note_at_its_time(phrase: Phrase, data: st.DataObject) -> None:
    """A long tune is learned in pieces: each piece would start its bars anew, on the wrong beat."""
    encoded = TOKENIZER.encode(phrase)
    start = data.draw(st.integers(0, len(phrase) - 1))
    length = data.draw(st.integers(1, len(phrase) + 2))
    window = encoded.window(start, length)
    end = min(start + length, len(phrase))
    num_notes, reaches_end = end - start, end == len(phrase)
    assert window.bar == encoded.bar
    assert window.ids[1 : num_notes + 1].tolist() == encoded.ids[start + 1 : end + 1].tolist()
    assert window.onset[1 : num_notes + 1].tolist() == phrase.onset[start:end].tolist()
    assert window.onset[0] == encoded.onset[start]
    assert (window.ids[0] == (UNKNOWN_ID if start else START_ID)).all()
    assert len(window.ids) == len(window.onset) == 1 + num_notes + reaches_end
    assert (window.ids[-1, STEP] == END_ID) == reaches_end


def test_a_window_leaves_the_tune_it_was_cut_from_alone() -> None:
    """The second epoch would read tunes that the first one has blotted out."""
    encoded = TOKENIZER.encode(wander(0, 20))
    before = encoded.ids.copy()
    encoded.window(5, 4)
    assert (encoded.ids == before).all()


def test_the_last_melody_note_is_remembered_through_the_drone() -> None:
    """Intervals would be measured from the drone, and the melody would jump to it and back."""
    phrase = with_drone(notes((0, 12, 60), (12, 12, 62), (24, 24, 64), (48, 24, 65)), pitch=52)
    ids = TOKENIZER.encode(phrase).ids
    first, *rest = [60, 62, 64, 64, 65]
    # START, drone, 60, 62, 64, drone, 65, END
    assert phrase.pitch.tolist() == [52, 60, 62, 64, 52, 65]
    expected = [0, 0, *(pitch - 52 + NUM_SYMBOLS for pitch in (first, *rest, 65))]
    assert melody_ids(ids).tolist() == expected


@given(tunes(), st.integers(0, 8))
def test_the_last_melody_note_equals_a_plain_search_backwards(phrase: Phrase, start: int) -> None:
    """The same, for chords, windows and tunes that begin on the drone."""
    ids = TOKENIZER.encode(phrase).window(min(start, max(0, len(phrase) - 1)), 6).ids
    for row, found in enumerate(melody_ids(ids).tolist()):
        before = [ids[r, PITCH] for r in range(row + 1) if ids[r, VOICE] == NUM_SYMBOLS and ids[r, PITCH] > UNKNOWN_ID]
        assert found == (before[-1] if before else 0)


def test_each_condition_says_what_is_known() -> None:
    """The player's wish for a lai, a tempo or a metre would reach the model as another one."""
    phrase = replace(wander(0, metre=Metre(3, 4)), lai="noi", tempo=600_000, source="midi")
    ids = TOKENIZER.conditions(phrase)
    names = ["none", *(lai.name for lai in LAI)]
    assert ids[LAI_CONDITION] == 1 + names.index("noi")
    assert ids[METRE_CONDITION] == 1 + METRES.index(Metre(3, 4))
    assert ids[SOURCE_CONDITION] == 2
    assert ids[TEMPO_CONDITION] == 1 + sum(edge <= 100 for edge in TEMPO_EDGES)
    assert ids[DENSITY_CONDITION] == 1 + sum(edge <= 2.0 for edge in DENSITY_EDGES)
    assert len(ids) == len(CONDITIONS)


def test_what_is_not_known_or_not_in_the_vocabulary_is_condition_zero() -> None:
    """A wish that the model never learned would be granted as whatever stands first in its list."""
    assert TOKENIZER.condition_ids().tolist() == [0] * 5
    unheard = TOKENIZER.condition_ids(lai="lai of nowhere", metre=Metre(11, 8), source="nobody's")
    assert unheard.tolist() == [0] * 5
    assert Tokenizer().condition_ids(source="essen")[SOURCE_CONDITION] == 0


@given(st.none() | st.floats(1, 1000), st.none() | st.floats(0, 50), st.sampled_from([*METRES, None]))
def test_no_condition_has_an_id_beyond_its_size(
    quarters_a_minute: float | None, notes_a_quarter: float | None, metre: Metre | None
) -> None:
    """An unusually fast tune would crash training in its embedding table."""
    ids = TOKENIZER.condition_ids("soi", quarters_a_minute, metre, "midi", notes_a_quarter)
    assert (ids >= 0).all()
    assert (ids < TOKENIZER.condition_sizes).all()
    assert (ids[TEMPO_CONDITION] == 0) == (quarters_a_minute is None)
    assert (ids[DENSITY_CONDITION] == 0) == (notes_a_quarter is None)


def test_every_condition_can_reach_its_last_id() -> None:
    """Part of the model would be built and never used, or a condition would share another's."""
    most = TOKENIZER.condition_ids("soi", 999.0, METRES[-1], "midi", 99.0)
    assert most.tolist() == [size - 1 for size in TOKENIZER.condition_sizes]


def test_density_counts_melody_notes_a_quarter() -> None:
    """A drone would make a slow tune pass for a busy one."""
    melody = notes((0, 24, 60), (24, 24, 62), (48, 12, 64), (60, 12, 65))
    assert density(melody) == pytest.approx(4 / 3)
    assert density(with_drone(melody)) == density(melody)
    assert density(notes()) is None
    assert density(replace(melody, inferred=frozenset({Inferred.ONSET}))) is None, "nobody wrote how dense it is"


@pytest.mark.parametrize(
    ("low", "high", "shift"), [(52, 88, 0), (51, 76, 12), (40, 76, 12), (64, 89, -12), (100, 120, -36), (20, 40, 36)]
)
def test_a_tune_out_of_range_moves_as_a_whole_by_the_fewest_octaves(low: int, high: int, shift: int) -> None:
    """A flute tune would be refused, or only its high notes would be folded down."""
    assert octave_shift(notes((0, 6, low), (6, 6, high))) == shift


@pytest.mark.parametrize(("low", "high"), [(52, 89), (51, 77), (0, 127)])
def test_a_tune_wider_than_the_phin_is_refused_by_name(low: int, high: int) -> None:
    """A piano piece would lose its outer notes in silence."""
    with pytest.raises(InvalidTune, match=f"pitches {low} to {high}") as refused:
        octave_shift(notes((0, 6, low), (6, 6, high)))
    assert refused.value.defect is Defect.RANGE_TOO_WIDE


def test_a_tokenizer_is_stored_and_restored() -> None:
    """A trained model would lose the meaning of its numbers."""
    restored = Tokenizer.from_dict(TOKENIZER.to_dict())
    assert restored == TOKENIZER
    assert Tokenizer(sources=("midi", "essen")).to_dict() != TOKENIZER.to_dict()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("steps_per_quarter", 12, "steps_per_quarter: 12 there, 24 here"),
        ("version", 2, "version: 2 there, 1 here"),
        ("lai", ["none"], "lai: .* there, .* here"),
        ("swing", 3, "swing: 3 there, None here"),
    ],
)
def test_a_tokenizer_that_means_something_else_is_refused_with_the_difference(
    key: str, value: object, words: str
) -> None:
    """A model made by another version would play its pitches as durations, and nobody would know why."""
    with pytest.raises(ValueError, match=words):
        Tokenizer.from_dict({**TOKENIZER.to_dict(), key: value})
    lacking = {name: stored for name, stored in TOKENIZER.to_dict().items() if name != "fields"}
    with pytest.raises(ValueError, match="fields: None there"):
        Tokenizer.from_dict(lacking)


def test_unknown_is_never_mistaken_for_a_step_back_in_time() -> None:
    """A note before the one before it would be stored as unknown time, and come back nowhere."""
    assert UNKNOWN == -1  # the same number as a step of -1, which must be refused and not stored as UNKNOWN_ID
    ids = TOKENIZER.encode(notes((0, 6, 60), (0, 6, 64), (6, 6, 62))).ids
    assert (ids[1:-1, [STEP, PITCH, DURATION]] > UNKNOWN_ID).all()
    with pytest.raises(InvalidTune):
        TOKENIZER.encode(notes((-49, 6, 60)))


def test_a_technique_without_a_name_is_held_by_no_row() -> None:
    """Fails: a model learns, and draws, a number that nobody can play."""
    rows = np.array([[0, 24, 69, 80, technique, 0] for technique in (13, 14)], np.int64)
    assert len(TOKENIZER.encode(Phrase(rows[:1])).ids) == 3
    with pytest.raises(InvalidTune, match="technique 14, and 0 to 13 can be held"):
        TOKENIZER.encode(Phrase(rows[1:]))
