"""What a row recalls: the motif that came before, found by looking at every earlier place."""

import numpy as np
import pytest
from hypothesis import given, settings

from phin.motif import COLUMNS, LONGEST, SHORTEST, SIZES, MotifMemory, motif_ids
from phin.music.phrase import Phrase
from phin.tokenizer import (
    DURATION,
    END_ID,
    LONGEST_STEP,
    NUM_PITCHES,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    STEP,
    UNKNOWN_ID,
    VOICE,
    Encoded,
    Tokenizer,
)
from tests.strategies import phrases
from tests.tiny import PHRASE
from tests.tunes import wander, with_drone

TOKENIZER = Tokenizer()


def recalled_naively(encoded: Encoded, row: int) -> list[int]:
    """COLUMNS of one row, from it and the rows before it, one earlier place after another."""
    notes = [
        (int(at), int(ids[PITCH]), int(ids[DURATION]))
        for ids, at in zip(encoded.ids[: row + 1], encoded.onset, strict=False)
        if ids[VOICE] == NUM_SYMBOLS and ids[PITCH] >= NUM_SYMBOLS
    ]

    def agree(last: int, earlier: int) -> int:
        """How many intervals up to two notes are the same, in the same rhythm."""
        count = 0
        while earlier - count > 0 and count < LONGEST:
            pairs = [[notes[end - count - 1], notes[end - count]] for end in (last, earlier)]
            (mine, theirs) = [(after[0] - before[0], after[1] - before[1]) for before, after in pairs]
            if mine != theirs:
                break
            count += 1
        return count

    best = max(((agree(len(notes) - 1, place), place) for place in range(len(notes) - 1)), default=(0, 0))
    if best[0] < SHORTEST:
        return [0, 0, 0, 0]
    (at, pitch, _), (then, next_pitch, duration) = notes[best[1]], notes[best[1] + 1]
    step = (then - at) - (int(encoded.onset[row]) - notes[-1][0])
    if not 0 <= step <= LONGEST_STEP:
        return [0, 0, 0, 0]
    return [step + 1, next_pitch - pitch + NUM_PITCHES, duration, best[0]]


def assert_as_naively(phrase: Phrase) -> None:
    encoded = TOKENIZER.encode(phrase)
    expected = [recalled_naively(encoded, row) for row in range(len(encoded.ids))]
    assert motif_ids(encoded.ids, encoded.onset).tolist() == expected


def repeated(phrase: Phrase, times: int, up: int = 0) -> Phrase:
    """A tune, and again, each time `up` semitones higher."""
    length = 24 * (1 + int(phrase.end.max()) // 24)
    rows = [phrase.rows + np.array([length * k, 0, up * k, 0, 0, 0]) for k in range(times)]
    return Phrase(np.concatenate(rows))


@pytest.mark.parametrize(
    "phrase",
    [PHRASE, wander(1, 40), repeated(wander(2, 9), 3), repeated(wander(3, 6), 3, up=2), with_drone(wander(4, 30))],
    ids=["with chords", "once", "three times", "rising", "over a drone"],
)
def test_a_row_recalls_what_followed_the_longest_and_latest_motif_like_the_last(phrase: Phrase) -> None:
    """Fails: the model is told of another place, and what it was taught to trust is noise."""
    assert_as_naively(phrase)


@settings(max_examples=60, deadline=None)
@given(phrases())
def test_whatever_the_tune_a_row_recalls_what_looking_everywhere_finds(phrase: Phrase) -> None:
    """Fails: rests, chords, drones or short tunes are recalled otherwise than they were played."""
    if TOKENIZER.holds(phrase):
        assert_as_naively(phrase)


def test_a_tune_played_again_is_recalled_note_by_note() -> None:
    """Fails: nothing is recalled, and every test above compares zeros."""
    tune = repeated(wander(2, 9), 2, up=2)
    encoded = TOKENIZER.encode(tune)
    recalled = motif_ids(encoded.ids, encoded.onset)
    again = range(9 + 1 + SHORTEST, 9 + 9)  # rows of the second time that have two intervals behind them
    for row in again:
        step, interval, duration, agree = recalled[row]
        assert step - 1 == encoded.ids[row + 1, STEP] - NUM_SYMBOLS
        assert interval - NUM_PITCHES == encoded.ids[row + 1, PITCH] - encoded.ids[row, PITCH]
        assert duration == encoded.ids[row + 1, DURATION]
        assert agree >= SHORTEST
    assert recalled[:, 3].max() > SHORTEST


@pytest.mark.parametrize("seed", range(3))
def test_the_memory_hears_row_by_row_what_all_rows_together_tell(seed: int) -> None:
    """Fails: in playing, a row recalls something else than in training."""
    tunes = [
        *(repeated(wander(seed * 10 + k, 7 + 4 * k), 12 // (k + 1)) for k in range(3)),
        with_drone(wander(seed, 80)),
        PHRASE,
    ]
    encoded = [TOKENIZER.encode(tune) for tune in tunes]
    assert max(len(each.ids) for each in encoded) > 64, "room is made for more notes"
    memory = MotifMemory(len(tunes))
    for row in range(max(len(each.ids) for each in encoded)):
        ids = np.stack([each.ids[min(row, len(each.ids) - 1)] for each in encoded])
        onset = np.array([each.onset[min(row, len(each.ids) - 1)] for each in encoded])
        heard = memory.hear(ids, onset)
        for tune, each in enumerate(encoded):
            if row < len(each.ids):
                assert heard[tune].tolist() == motif_ids(each.ids, each.onset)[row].tolist(), (tune, row)


@given(phrases())
@settings(max_examples=40, deadline=None)
def test_what_is_recalled_has_a_place_in_the_tables(phrase: Phrase) -> None:
    """Fails: a tune stops training with an index out of range."""
    if TOKENIZER.holds(phrase):
        encoded = TOKENIZER.encode(phrase)
        recalled = motif_ids(encoded.ids, encoded.onset)
        assert recalled.shape == (len(encoded.ids), len(COLUMNS))
        assert (recalled >= 0).all()
        assert (recalled < np.array(SIZES)).all()


def test_nothing_is_recalled_of_a_tune_without_melody() -> None:
    """Fails: a drone alone stops the program."""
    ids = np.full((4, 6), PAD_ID)
    ids[1:3] = UNKNOWN_ID
    ids[3, STEP] = END_ID
    assert not motif_ids(ids, np.zeros(4, dtype=np.int64)).any()
    assert not MotifMemory(1).hear(ids[1:2], np.zeros(1, dtype=np.int64)).any()
