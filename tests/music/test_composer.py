"""The composer: pieces that can be played, labels that are true, shares that were measured, and no two alike."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from phin.music.composer import FULL_SHAPES, INTERVALS, PLAIN_SHAPES, compose
from phin.music.fingering import Fingering, finger
from phin.music.fretboard import Tuning
from phin.music.grid import page_begins, slot_places
from phin.music.lai import LAI, Lai, label_lai
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import PITCH, TECHNIQUE, UNKNOWN, LabelSource, Metre, Phrase, Voice
from phin.music.technique import Technique
from phin.tokenizer import Tokenizer, first_origin


def piece(seed: int, **wanted: object) -> Phrase:
    return compose(np.random.default_rng(seed), **wanted)


@pytest.fixture(scope="module")
def pieces() -> list[Phrase]:
    return [piece(seed) for seed in range(24)]


@pytest.fixture(scope="module")
def fingerings(pieces: list[Phrase]) -> list[Fingering]:
    """How each piece is played in its tuning."""
    return [finger(phrase, Tuning.parse(phrase.tuning or "")) for phrase in pieces]


def test_every_piece_can_be_fingered_in_its_tuning(pieces: list[Phrase], fingerings: list[Fingering]) -> None:
    """Fails: the machine writes what no hand can play."""
    for phrase, fingering in zip(pieces, fingerings, strict=True):
        assert np.array_equal(fingering.pitch, phrase.pitch)


def test_every_piece_is_in_the_lai_that_it_says(pieces: list[Phrase]) -> None:
    """Fails: the model learns lai yai from pieces in lai se."""
    for phrase in pieces:
        found = label_lai(phrase).lai
        assert found is not None
        assert found.name == phrase.lai
    assert {phrase.lai for phrase in pieces} == {lai.name for lai in LAI}


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_a_lai_that_is_asked_for_is_the_one_that_is_written(lai: Lai) -> None:
    """Fails: asking for a lai changes nothing."""
    assert piece(1, lai=lai).lai == lai.name


def test_the_drone_is_an_open_string_and_lies_apart_from_the_melody(
    pieces: list[Phrase], fingerings: list[Fingering]
) -> None:
    """Fails: the melody silences the drone, or the drone the melody."""
    for phrase, fingering in zip(pieces, fingerings, strict=True):
        droning = phrase.technique == Technique.DRONE
        assert droning.any()
        assert (phrase.rows[droning, PITCH] == phrase.drone[0]).all()
        assert (fingering.fret[droning] == 0).all()
        assert (phrase.voice[droning] == Voice.ACCOMPANIMENT).all()
        assert (phrase.onset[droning] % 12 == 0).all(), "on the beat, or half-way between"


def test_a_tuning_without_a_drone_for_the_lai_is_refused() -> None:
    """Fails: a finger is tied to the drone, and half the tune cannot be reached."""
    po_sai = next(lai for lai in LAI if lai.name == "po sai")
    with pytest.raises(ValueError, match="no open string of E-A-E drones under lai po sai"):
        piece(1, lai=po_sai, tuning=Tuning.parse("E-A-E"))


def test_the_form_is_intro_tune_twice_improvisation_tune_close(pieces: list[Phrase]) -> None:
    """Fails: the pieces have no form to learn."""
    for phrase in pieces:
        assert [text for _, text in phrase.words] == ["เกริ่น", "ทำนองหลัก", "ทำนองหลัก", "ด้น", "ทำนองหลัก", "จบ"]
        starts = [step for step, _ in phrase.words]
        tunes = []
        for part in (1, 2, 4):
            inside = (phrase.melody.onset >= starts[part]) & (phrase.melody.onset < starts[part + 1])
            tunes.append([(n[0] - starts[part], n[2]) for n in phrase.melody.rows[inside].tolist()])
        assert tunes[0] == tunes[1] == tunes[2]
        assert len(tunes[0]) >= 8
        assert all((step - page_begins(phrase.metre)) % (4 * 24) == 0 for step in starts)


def test_tunes_strike_the_slots_of_real_tunes_and_improvisations_those_of_fuller_playing(
    pieces: list[Phrase],
) -> None:
    """Fails: the rhythm is somebody's invention, as the ancestor's eight patterns were."""
    shapes: dict[str, Counter[str]] = {"ทำนองหลัก": Counter(), "เกริ่น": Counter()}
    for phrase in [*pieces, *(piece(seed) for seed in range(24, 48))]:
        edges = [*(step for step, _ in phrase.words), int(phrase.onset[-1]) + 1]
        struck = {place.slot for place in slot_places(phrase.melody, page_begins(phrase.metre))}
        for (step, words), end in zip(phrase.words, edges[1:], strict=True):
            if words in shapes:
                first, last = ((edge - page_begins(phrase.metre)) // 24 for edge in (step, end))
                for hong in range(first, last):
                    shapes[words]["".join("x" if hong * 4 + slot in struck else "-" for slot in range(4))] += 1
    for words, expected in (("ทำนองหลัก", PLAIN_SHAPES), ("เกริ่น", FULL_SHAPES)):
        total = shapes[words].total()
        assert set(shapes[words]) == set(expected)
        for shape, share in expected.items():
            # the last hong of a cell is never empty, so that its last slot is struck
            assert shapes[words][shape] / total == pytest.approx(share / sum(expected.values()), abs=0.06), shape


def test_no_interval_is_struck_that_real_tunes_never_have(pieces: list[Phrase]) -> None:
    """Fails: tritones and semitones, which no lai holds, stand in the pieces."""
    classes: Counter[int] = Counter()
    for phrase in pieces:
        for one, other in pairwise(phrase.melody.pitch.tolist()):
            size = abs(one - other) % 12
            classes[min(size, 12 - size)] += 1
    assert not {size for size, share in INTERVALS.items() if not share} & set(classes)
    assert classes[2] > classes[3] > classes[4]


def test_labels_are_where_their_technique_has_room(pieces: list[Phrase], fingerings: list[Fingering]) -> None:
    """Fails: the model learns tremolo on sixteenths, or a hammer-on that falls."""
    for phrase, fingering in zip(pieces, fingerings, strict=True):
        assert (phrase.technique != UNKNOWN).all()
        assert (phrase.velocity != UNKNOWN).all()
        melody = phrase.melody
        string = fingering.string[phrase.is_melody]
        rise = np.diff(melody.pitch, prepend=melody.pitch[0])
        for place, technique in enumerate(melody.technique.tolist()):
            if technique in (Technique.TREMOLO, Technique.TRILL, Technique.BEND, Technique.VIBRATO):
                assert melody.duration[place] >= 24
            if technique in (Technique.HAMMER_ON, Technique.PULL_OFF, Technique.SLIDE):
                assert 1 <= abs(rise[place]) <= 4
                assert string[place] == string[place - 1]
            if technique == Technique.HAMMER_ON:
                assert rise[place] > 0
            if technique == Technique.PULL_OFF:
                assert rise[place] < 0
    used = set(np.concatenate([phrase.rows[:, TECHNIQUE] for phrase in pieces]).tolist())
    assert used == set(Technique)


def test_a_seed_is_a_piece_and_another_seed_another(pieces: list[Phrase]) -> None:
    """Fails: nobody can make the same training set again; or a thousand pieces are ten."""
    assert piece(5) == pieces[5]
    assert len({phrase.melody.pitch.tobytes() for phrase in pieces}) == len(pieces)


def test_pieces_say_that_they_are_synthetic(pieces: list[Phrase]) -> None:
    """Fails: a machine's piece is taken for a tune of Isan."""
    for phrase in pieces:
        assert phrase.source == "composer"
        assert phrase.title.startswith("synthetic")


def test_pieces_go_through_midi_letters_and_the_tokenizer(pieces: list[Phrase]) -> None:
    """Fails: what the composer writes cannot be trained on, heard or read."""
    for phrase in pieces[:10]:
        assert read_midi_bytes(midi_bytes(phrase), "piece.mid").phrase == phrase
        assert parse_letters(format_letters(phrase)).phrase.pitch.tolist() == phrase.melody.pitch.tolist()
        encoded = Tokenizer().encode(phrase)
        assert np.array_equal(Tokenizer().decode(encoded.ids, phrase.metre).rows, phrase.rows)
        assert phrase.metre == Metre(2, 4)
        assert first_origin(phrase.metre) <= phrase.onset[0]


def test_a_piece_says_that_a_rule_made_its_techniques() -> None:
    """Fails: what our rules invent is learned with the weight of what a player wrote down."""
    assert piece(0).techniques_from is LabelSource.RULE
