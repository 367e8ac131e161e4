"""The batch: padding says nothing, and every label is one that somebody knows and the model was not told."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phin.batch import PARTS, Item, PhinBatch, collate, coming_onsets, label_counts, label_masks
from phin.music.phrase import LABEL_SOURCES, UNKNOWN, Inferred, Metre, Phrase, Voice, rows_from_columns
from phin.tokenizer import (
    DURATION,
    LAI_CONDITION,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    UNKNOWN_ID,
    Encoded,
    Tokenizer,
)
from tests.tunes import tunes, wander

TOKENIZER = Tokenizer()
NOTHING_KNOWN = np.zeros(5, dtype=np.int64)


def item(phrase: Phrase, lai: int = -1, root: int = -1, conditions: np.ndarray = NOTHING_KNOWN, tune: int = 0) -> Item:
    return Item(TOKENIZER.encode(phrase), conditions, lai, root, tune)


@st.composite
def items(draw: st.DrawFn) -> Item:
    """A tune or a window of it, labelled or not, its lai told or hidden."""
    phrase = draw(tunes(min_notes=1))
    start = draw(st.integers(0, len(phrase) - 1))
    encoded = TOKENIZER.encode(phrase).window(start, draw(st.integers(1, 20)))
    conditions = np.array([draw(st.integers(0, 3)) for _ in range(5)])
    labels = draw(st.integers(-1, 5)), draw(st.integers(-1, 11)), draw(st.integers(0, 99))
    inferred = draw(st.frozensets(st.sampled_from(Inferred)))
    return Item(encoded, conditions, *labels, inferred, draw(st.sampled_from(LABEL_SOURCES)))


def rows_of(batch: PhinBatch, place: int, num_rows: int) -> list[object]:
    """What a batch says of one of its tunes, without padding."""
    of_rows = [getattr(batch, name)[place, :num_rows].tolist() for name in ("ids", "onset", "melody")]
    facts = ("bar", "conditions", "lai", "root", "tune", "onset_inferred", "octave_inferred", "techniques_from")
    of_tune = [getattr(batch, name)[place].tolist() for name in facts]
    return [*of_rows, *of_tune]


@given(st.lists(items(), min_size=1, max_size=4))
def test_a_tune_is_the_same_alone_and_in_a_batch(several: list[Item]) -> None:
    """What a tune teaches would depend on the tunes that happen to stand beside it."""
    together = collate(several)
    assert len(together) == len(several)
    for place, one in enumerate(several):
        num_rows = len(one.encoded.ids)
        alone = collate([one])
        assert rows_of(together, place, num_rows) == rows_of(alone, 0, num_rows)
        assert alone.ids[0].tolist() == one.encoded.ids.tolist()
        assert alone.onset[0].tolist() == one.encoded.onset.tolist()
        masks, mask = label_masks(together), label_masks(alone)
        for part in PARTS:
            assert masks[part][place, : num_rows - 1].tolist() == mask[part][0].tolist(), part
        onsets = coming_onsets(together)[place, : num_rows - 1]
        assert onsets.tolist() == coming_onsets(alone)[0].tolist()


@given(st.lists(items(), min_size=2, max_size=4))
def test_padding_is_no_row_no_note_and_no_label(several: list[Item]) -> None:
    """The ancestor scored its padding: the shorter a tune, the more silence the model learned to play."""
    batch = collate(several)
    masks, onsets = label_masks(batch), coming_onsets(batch)
    for place, one in enumerate(several):
        padding = slice(len(one.encoded.ids), None)
        assert (batch.ids[place, padding] == PAD_ID).all()
        assert (batch.onset[place, padding] == one.encoded.onset[-1]).all()
        targets = slice(len(one.encoded.ids) - 1, None)
        assert not batch.is_row[place, targets].any()
        assert not batch.is_note[place, targets].any()
        assert not any(mask[place, targets].any() for mask in masks.values())
        assert not onsets[place, targets].any()


@pytest.mark.long
@given(st.lists(items(), min_size=1, max_size=4))
def test_labels_are_counted_as_they_are_masked(several: list[Item]) -> None:
    """A loss would be divided by the wrong number, and its weight would drift with the batch."""
    batch = collate(several)
    masks = label_masks(batch)
    assert set(masks) == set(PARTS)
    for source, name in enumerate(LABEL_SOURCES):
        mine = [place for place, one in enumerate(several) if one.techniques_from == name]
        assert label_counts(batch)[:, source].tolist() == [masks[part][mine].sum().item() for part in PARTS]
    assert (label_counts(batch) == sum(label_counts(collate([one])) for one in several)).all()


def two_notes_and_a_chord() -> Phrase:
    """A drone under the first note; one stroke whose technique is known, two whose velocity is."""
    return Phrase(
        rows_from_columns(
            onset=np.array([0, 0, 12, 48]),
            duration=np.array([48, 12, 12, 24]),
            pitch=np.array([52, 60, 62, 64]),
            velocity=np.array([UNKNOWN, 80, 90, UNKNOWN]),
            technique=np.array([UNKNOWN, UNKNOWN, 3, UNKNOWN]),
            voice=np.array([Voice.ACCOMPANIMENT, Voice.MELODY, Voice.MELODY, Voice.MELODY]),
        ),
        metre=Metre(2, 4),
    )


def test_the_masks_of_a_small_tune_are_those_worked_out_by_hand() -> None:
    """Unknown loudness would be learned as loudness, or a known technique never learned at all."""
    batch = collate([item(two_notes_and_a_chord(), lai=0, root=0)])
    worked = {
        #             drone 60 62 64 END
        "pitch": [1, 1, 1, 1, 0],
        "voice": [1, 1, 1, 1, 0],
        "step": [1, 1, 1, 1, 1],
        "duration": [1, 1, 1, 1, 0],
        "quarter": [1, 1, 1, 1, 1],
        "technique": [0, 0, 1, 0, 0],
        "velocity": [0, 1, 1, 0, 0],
        "mode": [1, 1, 1, 1, 1],
        "pentatonic": [1, 1, 1, 1, 0],
    }
    masks = label_masks(batch)
    assert {part: masks[part][0].int().tolist() for part in PARTS} == worked
    assert label_counts(batch)[:, 0].tolist() == [sum(worked[part]) for part in PARTS]
    assert (label_counts(batch)[:, 1:] == 0).all(), "nobody said where its techniques come from"


def test_a_duration_that_nobody_wrote_down_is_no_label() -> None:
    """Thai letters do not say how long a note rings: the guess would be learned as if it had been played."""
    encoded = TOKENIZER.encode(two_notes_and_a_chord())
    ids = encoded.ids.copy()
    ids[3, DURATION] = UNKNOWN_ID
    batch = collate([Item(Encoded(ids, encoded.onset, encoded.bar), NOTHING_KNOWN)])
    assert label_masks(batch)["duration"][0].int().tolist() == [1, 1, 0, 1, 0]
    assert label_masks(batch)["pitch"][0].int().tolist() == [1, 1, 1, 1, 0]


def test_a_rhythm_that_nobody_wrote_down_is_no_label_and_is_read_all_the_same() -> None:
    """A player's shorthand says no rhythm: what we made up would be learned as if it had been played."""
    known = item(two_notes_and_a_chord(), lai=0, root=0)
    batch = collate([known, replace(known, inferred=frozenset({Inferred.ONSET}))])
    masks = label_masks(batch)
    for part in PARTS:
        expected = torch.zeros_like(masks[part][0]) if part in ("step", "quarter") else masks[part][0]
        assert torch.equal(masks[part][1], expected), part
    assert not masks["step"][1].any(), "nor is the end a label"
    assert masks["step"][0].all()
    assert torch.equal(batch.ids[0], batch.ids[1])
    assert torch.equal(batch.onset[0], batch.onset[1])


@pytest.mark.parametrize(
    ("lai", "told", "root", "mode", "pentatonic"),
    [(2, 0, 7, True, True), (2, 4, 7, False, True), (-1, 0, 7, False, True), (-1, 1, -1, False, False)],
)
def test_a_lai_is_asked_for_only_where_there_is_one_and_it_was_hidden(
    lai: int, told: int, root: int, mode: bool, pentatonic: bool
) -> None:
    """The model would learn to read the lai off its own input instead of off the notes."""
    conditions = NOTHING_KNOWN.copy()
    conditions[LAI_CONDITION] = told
    masks = label_masks(collate([item(wander(0, 8), lai, root, conditions)]))
    assert masks["mode"].any().item() is mode
    assert masks["pentatonic"].any().item() is pentatonic


def test_the_end_of_a_tune_is_learned_and_has_no_pitch() -> None:
    """The model would never stop, or would play one more note while stopping."""
    masks = label_masks(collate([item(wander(0, 8))]))
    assert masks["step"].sum() == 9
    assert masks["pitch"].sum() == 8


def test_the_onsets_of_the_coming_quarter_are_those_worked_out_by_hand() -> None:
    """Rhythm would be learned a step early or late, and a phrase would never fall on its beat."""
    batch = collate([item(two_notes_and_a_chord())])
    begins = [[1 + int(bit) for bit in row.nonzero().flatten()] for row in coming_onsets(batch)[0]]
    # START at -48, drone and 60 at 0, 62 at 12, 64 at 48 (36 steps on: too far)
    assert begins == [[], [12], [12], [], []]
    exactly = collate([item(Phrase(wander(0, 2).rows * np.array([2, 1, 1, 1, 1, 1])))])
    assert coming_onsets(exactly)[0, 1].nonzero().flatten().tolist() == [23]


def naive_onsets(batch: PhinBatch) -> torch.Tensor:
    B, R = batch.onset.shape
    bits = torch.zeros(B, R - 1, 24)
    for tune in range(B):
        for row in range(R - 1):
            for later in range(row + 1, R):
                lag = int(batch.onset[tune, later] - batch.onset[tune, row])
                if batch.ids[tune, later, PITCH] >= NUM_SYMBOLS and 1 <= lag <= 24:
                    bits[tune, row, lag - 1] = 1
    return bits


@given(st.lists(items(), min_size=1, max_size=3))
def test_the_onsets_of_the_coming_quarter_equal_a_plain_double_loop(several: list[Item]) -> None:
    """The same, for chords, rests, padding and windows."""
    batch = collate(several)
    assert torch.equal(coming_onsets(batch), naive_onsets(batch))


def test_a_window_is_not_asked_for_a_quarter_that_it_does_not_hold() -> None:
    """Where a tune was cut, the model would be taught that nothing follows."""
    tune = wander(0, 20)  # a note every 12 steps
    window = TOKENIZER.encode(tune).window(4, 6)
    mask = label_masks(collate([Item(window, NOTHING_KNOWN)]))["quarter"][0]
    # read rows stand at notes 4 (unknown) to 9, the last known onset is that of note 10: 8 is the last with 24 steps
    assert window.onset.tolist() == [36, 48, 60, 72, 84, 96, 108]
    assert mask.tolist() == [True, True, True, True, True, False]
    to_the_end = label_masks(collate([Item(TOKENIZER.encode(tune).window(14, 6), NOTHING_KNOWN)]))["quarter"][0]
    assert to_the_end.all()
    assert len(to_the_end) == 7


@given(tunes(min_notes=1), st.data())
def test_a_labelled_quarter_is_the_same_in_a_window_and_in_the_whole_tune(phrase: Phrase, data: st.DataObject) -> None:
    """The same, for any tune: what is learned from a piece would contradict the piece beside it."""
    start = data.draw(st.integers(0, len(phrase) - 1))
    window = TOKENIZER.encode(phrase).window(start, data.draw(st.integers(1, 20)))
    piece = collate([Item(window, NOTHING_KNOWN)])
    mask = label_masks(piece)["quarter"][0]
    in_whole = coming_onsets(collate([item(phrase)]))[0, start : start + len(mask)]
    assert torch.equal(coming_onsets(piece)[0][mask], in_whole[mask])


def test_a_batch_moves_whole_and_keeps_what_its_step_counts() -> None:
    """On a GPU half of a batch would stay behind, or its loss be divided by another step's count."""
    batch = collate([item(wander(0, 8)), item(wander(1, 5))])
    assert batch.to("cpu") is batch, "it is there"
    counted = replace(batch, step_counts=label_counts(batch))
    assert batch.to("meta").step_counts is None
    meta = counted.to("meta")
    assert all(getattr(meta, field.name).is_meta for field in fields(PhinBatch))
    for field in fields(PhinBatch):
        before, after = getattr(counted, field.name), getattr(meta, field.name)
        assert (after.shape, after.dtype) == (before.shape, before.dtype), field.name


def test_a_tune_told_from_its_end_is_asked_for_its_past_alone() -> None:
    """What is given as the future would be learned as if it came after nothing; or infilling would learn nothing."""
    encoded = TOKENIZER.encode(two_notes_and_a_chord())
    first = int(np.flatnonzero(np.diff(encoded.onset[1:-1]))[-1]) + 1  # the last onset
    told = encoded.future_first(first)
    rows = len(encoded.ids) - 2
    assert told.ids.tolist() == [
        encoded.ids[0].tolist(),
        [UNKNOWN_ID, *encoded.ids[first + 1, 1:].tolist()],
        *encoded.ids[first + 2 : -1].tolist(),
        *encoded.ids[: first + 2].tolist(),
    ]
    assert told.onset.tolist() == [
        encoded.onset[0],
        *encoded.onset[first + 1 : -1].tolist(),
        *encoded.onset[: first + 2].tolist(),
    ]
    assert told.given == 1 + rows - first
    batch, whole = (collate([Item(each, NOTHING_KNOWN, lai=0, root=0)]) for each in (told, encoded))
    masks, all_masks = label_masks(batch), label_masks(whole)
    for part in set(PARTS) - {"quarter"}:
        assert not masks[part][0, : told.given].any()
        assert masks[part][0, told.given :].tolist() == all_masks[part][0, : first + 1].tolist(), part
    known = masks["quarter"][0, told.given :]
    assert known.tolist() == [onset + 24 <= encoded.onset[first + 1] for onset in encoded.onset[: first + 1]]
    said = coming_onsets(batch)[0, told.given :]
    assert torch.equal(said[known], coming_onsets(whole)[0, : first + 1][known])


def test_a_future_begins_with_an_onset_of_its_own() -> None:
    """Half a chord would be the future, and half the past."""
    encoded = TOKENIZER.encode(two_notes_and_a_chord())
    for note in (0, len(encoded.ids) - 2, 1 + int(np.flatnonzero(np.diff(encoded.onset[1:-1]) == 0)[0])):
        with pytest.raises(ValueError, match="begins no future"):
            encoded.future_first(note)
