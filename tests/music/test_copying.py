"""What stands in another tune, free of key and tempo, against a search letter by letter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.music.augment import change_chan
from phin.music.copying import LONGEST, SHORTEST, CopyIndex, stretches, turns
from phin.music.phrase import DURATION, ONSET, PITCH, VOICE, Phrase, Voice
from tests.tunes import wander, with_drone


def melody(notes: list[tuple[int, int]]) -> Phrase:
    """A melody of (step, pitch)."""
    onsets = np.cumsum([step for step, _ in notes])
    rows = [(onset, 3, pitch, -1, -1, Voice.MELODY) for onset, (_, pitch) in zip(onsets.tolist(), notes, strict=True)]
    return Phrase(np.array(rows))


def naive_turns(phrase: Phrase) -> list[tuple[int, tuple[int, int]]]:
    tune = phrase.melody
    steps, pitches = np.diff(tune.onset).tolist(), tune.pitch.tolist()
    found = []
    for place in range(len(steps) - 1):
        divisor = np.gcd(steps[place], steps[place + 1])
        ratio = steps[place + 1] // divisor, steps[place] // divisor
        found.append((pitches[place + 1] - pitches[place], ratio))
    return found


def naive_longest(phrase: Phrase, others: list[Phrase], length: int) -> int:
    """Notes of the longest run of stretches of `length` turns that each stand in one of the others; 0 for none."""
    own = naive_turns(phrase)
    there = set()
    for other in others:
        told = naive_turns(other)
        there |= {tuple(told[place : place + length]) for place in range(len(told) - length + 1)}
    run = longest = 0
    for place in range(len(own) - length + 1):
        run = run + 1 if tuple(own[place : place + length]) in there else 0
        longest = max(longest, run)
    return longest and longest - 1 + length + 2


def naive_longest_in_one(phrase: Phrase, other: Phrase) -> int:
    """Notes of the longest stretch that stands whole in the other."""
    own, theirs = naive_turns(phrase), naive_turns(other)
    lengths = (
        length
        for first in range(len(own))
        for length in range(1, len(own) - first + 1)
        if any(theirs[at : at + length] == own[first : first + length] for at in range(len(theirs)))
    )
    return max(lengths, default=-2) + 2


few_notes = st.lists(st.tuples(st.sampled_from([6, 12, 18]), st.integers(60, 63)), min_size=1, max_size=40).map(melody)


@given(few_notes, st.lists(few_notes, min_size=1, max_size=3), st.integers(1, 6))
def test_the_longest_stretch_is_the_one_found_by_looking(phrase: Phrase, others: list[Phrase], length: int) -> None:
    """Fails: a copy is overlooked, or a tune is accused of one."""
    index = CopyIndex.of([turns(each) for each in others], length)
    copied = index.longest(phrase)
    assert (copied.notes if copied else 0) == naive_longest(phrase, others, length)
    if copied:
        own, theirs = naive_turns(phrase), naive_turns(others[copied.tune])
        stretch = own[copied.first : copied.first + length]
        assert any(theirs[place : place + length] == stretch for place in range(len(theirs)))


@given(few_notes, few_notes)
def test_turns_are_alike_if_and_only_if_their_numbers_are(one: Phrase, other: Phrase) -> None:
    """Fails: two motifs are taken for one, or one for two."""
    told, numbers = naive_turns(one) + naive_turns(other), turns(one).tolist() + turns(other).tolist()
    pairs = set(zip(told, numbers, strict=True))
    assert len(pairs) == len(set(told)) == len(set(numbers))


@given(few_notes, st.lists(few_notes, min_size=1, max_size=3), st.integers(1, 4))
def test_what_is_said_to_stand_in_a_tune_stands_in_it_whole(phrase: Phrase, others: list[Phrase], length: int) -> None:
    """Fails: a tune is said to copy forty notes of another that has twenty-six of them."""
    index = CopyIndex.of([turns(each) for each in others], length)
    copied = index.longest_in_one(phrase, lambda tune: turns(others[tune]))
    assert (copied is None) == (index.longest(phrase) is None)
    if copied:
        own, theirs = naive_turns(phrase), naive_turns(others[copied.tune])
        stretch = own[copied.first : copied.first + copied.notes - 2]
        assert len(stretch) == copied.notes - 2 >= length
        assert any(theirs[place : place + len(stretch)] == stretch for place in range(len(theirs)))
        if len(others) == 1:
            assert copied.notes == naive_longest_in_one(phrase, others[0])


def test_of_a_tune_pieced_from_two_the_longer_piece_is_told() -> None:
    """Fails: both pieces are put down to the tune of the first."""
    one, other = wander(3, num_notes=26), wander(4, num_notes=40)
    tail = other.rows[5:].copy()
    tail[:, ONSET] += one.rows[-1, ONSET] + 12 - tail[0, ONSET]
    pieced = Phrase(np.concatenate([one.rows, tail]))
    tunes = [turns(one), turns(other)]
    copied = CopyIndex.of(tunes, 4).longest_in_one(pieced, tunes.__getitem__)
    assert copied is not None
    assert copied.tune == 1
    assert copied.notes in (35, 36)


def moved(phrase: Phrase, semitones: int) -> Phrase:
    rows = phrase.rows.copy()
    rows[:, PITCH] += semitones
    return replace(phrase, rows=rows)


def test_key_tempo_place_and_drone_do_not_hide_a_copy() -> None:
    """Fails: a copy a fifth higher, in other note values, over a drone, is called new."""
    tune = wander(3, num_notes=60)
    index = CopyIndex.of([turns(wander(1, num_notes=90)), turns(tune)], 12)
    later = tune.rows.copy()
    later[:, ONSET] += 36
    doubled = change_chan(tune, 2, 1)
    assert doubled is not None
    copies = [tune, moved(tune, 5), replace(tune, rows=later), doubled, with_drone(tune), replace(tune, tempo=900_000)]
    for copy in copies:
        assert index.longest(copy) == (60, 0, 1)
    longer = tune.rows.copy()
    longer[:, DURATION] = 1  # how long notes sound is no part of it: letters do not say
    assert index.longest(replace(tune, rows=longer)) == (60, 0, 1)
    assert index.longest(wander(4, num_notes=200)) is None


def test_half_a_copy_is_found_where_it_stands() -> None:
    """Fails: it is said that something is copied, and not what."""
    tune, new = wander(3, num_notes=40), wander(4, num_notes=30)
    head = new.rows[:20]
    tail = tune.rows[10:35].copy()
    tail[:, ONSET] += head[-1, ONSET] + 12 - tail[0, ONSET]
    copied = CopyIndex.of([turns(tune)], 10).longest(Phrase(np.concatenate([head, tail])))
    assert copied is not None
    assert copied.tune == 0
    assert copied.notes in (25, 26)  # by chance the way into it may be the same
    assert copied.first == 45 - copied.notes


def test_a_stretch_without_a_new_note_is_no_copy() -> None:
    """Fails: who continues a known tune is told that the tune is known."""
    tune = wander(4, 30)
    index, new = CopyIndex.of([turns(tune)], 6), np.zeros(30, bool)
    assert index.longest(tune, new) is None
    new[20] = True
    assert index.longest(tune, new) == (15, 13, 0), "notes 14 to 28: all stretches of eight notes that it is in"
    new[:] = True
    assert index.longest(tune, new) == index.longest(tune) == (30, 0, 0)


def test_chance_is_what_unrelated_tunes_repeat() -> None:
    """Fails: every tune is accused because folk tunes share their turns."""
    learned = [turns(wander(seed, num_notes=80)) for seed in range(20)]
    far = [turns(wander(seed, num_notes=80)) for seed in range(100, 160)]
    index = CopyIndex.beyond_chance(learned, far)
    assert sum(bool(index.holds(each).any()) for each in far) <= 0.01 * len(far)
    if index.length > SHORTEST:
        shorter = CopyIndex.of(learned, index.length - 1)
        assert sum(bool(shorter.holds(each).any()) for each in far) > 0.01 * len(far)
    assert CopyIndex.beyond_chance(learned, learned).length == LONGEST
    assert CopyIndex.beyond_chance(learned, []).length == SHORTEST


@pytest.mark.parametrize("notes", [0, 1, 2, 3])
def test_what_is_too_short_repeats_nothing(notes: int) -> None:
    """Fails: a tune of two notes ends in an error."""
    tune = Phrase(wander(3, num_notes=10).rows[:notes])
    index = CopyIndex.of([turns(wander(3, num_notes=10)), turns(tune)], 4)
    assert len(turns(tune)) == max(notes - 2, 0)
    assert index.longest(tune) is None
    assert CopyIndex.of([], 4).longest(wander(3, num_notes=10)) is None


def test_stretches_do_not_hang_on_where_they_stand() -> None:
    """Fails: the hash of a stretch is another at the end of a long tune, and copies are missed there."""
    turned = turns(wander(3, num_notes=3000))
    far = stretches(turned, 9)
    for place in (0, 1, 1500, len(far) - 1):
        assert far[place] == stretches(turned[place : place + 9], 9)[0]
    rows = wander(3, num_notes=30).rows
    assert rows[:, VOICE].tolist() == [0] * 30
