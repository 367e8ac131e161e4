"""Items: a tune as an epoch hears it follows from seed, epoch and tune alone."""

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from phin.batch import Item, collate, label_masks
from phin.corpus.store import Store, Tune, write_store
from phin.data.dataset import (
    EVALUATION_WINDOW,
    DataConfig,
    EvaluationTunes,
    TrainingTunes,
)
from phin.errors import InvalidConfig
from phin.music.lai import LAI, LAI_ROOTS, LaiLabel, label_lai, pentatonic_set
from phin.music.phrase import Inferred, LabelSource, Metre, Phrase, rows_from_columns
from phin.tokenizer import (
    DENSITY_CONDITION,
    DURATION,
    END_ID,
    LAI_CONDITION,
    METRE_CONDITION,
    NO_CLOSING,
    NUM_SYMBOLS,
    PITCH,
    SOURCE_CONDITION,
    START_ID,
    STEP,
    TEMPO_CONDITION,
    UNKNOWN_ID,
    Tokenizer,
)
from tests.tunes import MINOR_PENTATONIC_ON_A, wander, with_drone

TOKENIZER = Tokenizer(sources=("essen", "han"))


def config(**settings: object) -> DataConfig:
    return DataConfig(**{"window": 64, **settings})


def training(store: Store, seed: int = 0, **settings: object) -> TrainingTunes:
    return TrainingTunes(store, TOKENIZER, config(**settings), seed)


def as_lists(item: Item) -> list[object]:
    """Everything an item says, for comparing."""
    encoded = (item.encoded.ids.tolist(), item.encoded.onset.tolist(), item.encoded.bar, item.encoded.closing)
    return [encoded, item.conditions.tolist(), item.lai, item.root, item.tune, item.inferred, item.techniques_from]


def pitches(item: Item) -> list[int]:
    ids = item.encoded.ids[:, PITCH]
    return (ids[ids >= NUM_SYMBOLS] - NUM_SYMBOLS + 52).tolist()


@pytest.fixture
def stored(tmp_path: Path):
    """Writes phrases as a store."""

    def write(*phrases: Phrase) -> Store:
        tunes = [Tune(str(n), replace(phrase, source="essen"), label_lai(phrase)) for n, phrase in enumerate(phrases)]
        return write_store(tmp_path / "store", tunes, ["essen"], "", {})

    return write


def test_an_item_follows_from_seed_epoch_and_tune_alone(store: Store) -> None:
    """Who asks first, and how often, would change what the model learns: no run could be repeated."""
    keys = [(epoch, tune) for epoch in range(2) for tune in range(10)]
    forwards = {key: as_lists(training(store)[key]) for key in keys}
    tunes = training(store)
    backwards = {key: as_lists(tunes[key]) for key in reversed(keys)}
    assert forwards == backwards


def test_another_epoch_and_another_seed_hear_a_tune_in_another_key(store: Store) -> None:
    """Every epoch would be the same forty tunes in the same keys, and be learned by heart."""

    def key_of(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(pitches(training(store, seed)[epoch, tune])[0] for tune in range(1, 10))

    assert len({key_of(0, epoch) for epoch in range(8)}) == 8
    assert len({key_of(seed, 0) for seed in range(8)}) == 8


def test_without_transposition_the_notes_are_those_of_the_store(store: Store) -> None:
    """The arm of a study that should hear plain tunes would hear moved ones."""
    tunes = training(store, transpose=False)
    for tune in (1, 2, 3):
        phrase = store.phrase(tune)
        assert tunes[0, tune].encoded.ids.tolist() == TOKENIZER.encode(phrase).ids.tolist()


@pytest.mark.parametrize("transpose", [True, False])
def test_labels_and_conditions_are_those_of_the_notes_that_are_heard(store: Store, transpose: bool) -> None:
    """The model would hear lai noi in its key under the name of lai yai, or never hear a lai's name at all."""
    tunes = training(store, transpose=transpose, drop_condition=0.0, drop_lai=0.0, window=200)
    named = 0
    for epoch in range(3):
        for tune in range(40):
            item = tunes[epoch, tune]
            heard = TOKENIZER.decode(item.encoded.ids, store.phrase(tune).metre)
            found = label_lai(heard)
            assert item.root == (-1 if found.root is None else found.root)
            assert item.lai == (LAI.index(found.lai) if found.lai else -1)
            assert item.conditions[LAI_CONDITION] == 2 + item.lai  # 1 is "none"
            named += item.lai >= 0
            if transpose and found.root is not None:
                assert found.root in LAI_ROOTS
                assert set(heard.melody.pitch % 12) <= pentatonic_set(found.root)
    assert named > 0


def test_conditions_are_hidden_as_often_as_was_asked_for(store: Store) -> None:
    """The model would not learn to play without being told, or never learn to listen to what it is told."""
    tunes = training(store, drop_condition=0.15, drop_lai=0.5)
    all_known = [tune for tune in range(40) if store.phrase(tune).tempo and store.phrase(tune).metre]
    conditions = np.array([tunes[epoch, tune].conditions for epoch in range(60) for tune in all_known])
    hidden = (conditions == 0).mean(axis=0)
    assert abs(hidden[LAI_CONDITION] - 0.5) < 0.05
    for condition in (TEMPO_CONDITION, METRE_CONDITION, SOURCE_CONDITION, DENSITY_CONDITION):
        assert abs(hidden[condition] - 0.15) < 0.04
    assert (training(store, drop_condition=0.0, drop_lai=0.0)[0, 1].conditions > 0).all()
    assert (training(store, drop_condition=1.0, drop_lai=1.0)[0, 1].conditions == 0).all()


def test_when_the_last_stroke_comes_is_told_as_often_as_was_asked_for(store: Store) -> None:
    """Fails: a tune of an asked length ends in the middle, or one without a length is played worse."""
    tunes, told = training(store, drop_closing=0.5, window=20), 0
    for epoch in range(60):
        for tune in range(40):
            encoded, last = tunes[epoch, tune].encoded, int(store.phrase(tune).onset[-1])
            assert encoded.closing in (NO_CLOSING, last), "of the tune, whatever window of it is heard"
            told += encoded.closing == last
    assert abs(told / 2400 - 0.5) < 0.04
    for share, expected in ((0.0, int(store.phrase(1).onset[-1])), (1.0, NO_CLOSING)):
        item, other = training(store, drop_closing=share)[0, 1], training(store)[0, 1]
        assert item.encoded.closing == expected
        assert as_lists(item)[1:] == as_lists(other)[1:], "and nothing else hangs on it"
        assert np.array_equal(item.encoded.ids, other.encoded.ids)


def test_a_hidden_metre_hides_the_length_of_the_bar(store: Store) -> None:
    """The model would read the metre off the bar, and be lost where a player gives none."""
    tunes = training(store, drop_condition=0.5)
    seen = set()
    for epoch in range(10):
        for tune in range(40):
            item, metre = tunes[epoch, tune], store.phrase(tune).metre
            told = bool(item.conditions[METRE_CONDITION])
            assert item.encoded.bar == (metre.bar if told and metre else 0)
            if item.encoded.ids[0, STEP] == START_ID:  # where the first step counts from
                assert item.encoded.onset[0] == (-metre.bar if told and metre else -96)
            seen.add((told, metre is not None))
    assert seen == {(True, True), (False, True), (False, False)}


def test_the_mode_is_asked_for_exactly_where_the_lai_was_hidden(store: Store) -> None:
    """The model would be praised for copying the lai that it was just told."""
    tunes = training(store)
    items = [tunes[epoch, tune] for epoch in range(6) for tune in range(1, 40, 2)]
    asked = label_masks(collate(items))["mode"].any(dim=1).tolist()
    assert asked == [item.lai >= 0 and item.conditions[LAI_CONDITION] == 0 for item in items]
    assert 0 < sum(asked) < sum(item.lai >= 0 for item in items)


def test_a_long_tune_is_heard_in_windows_that_move_from_epoch_to_epoch(store: Store) -> None:
    """The end of every long tune would never be learned."""
    tunes = training(store, transpose=False)
    whole = TOKENIZER.encode(store.phrase(10))
    firsts, ends = set(), set()
    for epoch in range(150):
        window = tunes[epoch, 10].encoded
        start = int(np.flatnonzero(whole.onset[1:-1] == window.onset[1])[0])
        num_notes = int((window.ids[:, PITCH] >= NUM_SYMBOLS).sum())
        assert num_notes == 64
        assert window.ids[1:65].tolist() == whole.ids[start + 1 : start + 65].tolist()
        firsts.add(start)
        ends.add(bool(window.ids[-1, STEP] == END_ID))
    assert min(firsts) == 0
    assert max(firsts) == 90 - 64
    assert len(firsts) > 20
    assert ends == {True, False}


def test_a_tune_as_long_as_the_window_is_heard_whole(store: Store) -> None:
    """A tune that just fits would lose its beginning or its end."""
    item = training(store, transpose=False, window=90)[0, 10]
    assert item.encoded.ids.tolist() == TOKENIZER.encode(store.phrase(10)).ids.tolist()


def test_many_different_notes_reach_the_batch(store: Store) -> None:
    """The ancestor's data never reached its model: it trained on 64 times middle C, whatever the files held."""
    tunes = training(store)
    batch = collate([tunes[0, tune] for tune in range(40)])
    sounding = batch.ids[..., PITCH][batch.ids[..., PITCH] >= NUM_SYMBOLS]
    assert len(sounding.unique()) > 25
    assert len(sounding) == sum(min(64, len(store.phrase(tune))) for tune in range(40))


def test_doubled_and_halved_note_values_are_drawn_where_asked_for(store: Store) -> None:
    """The augmentation could be switched on without doing anything."""
    plain = training(store, transpose=False)
    changed = training(store, transpose=False, chan=1.0)
    ratios = set()
    for tune in (1, 2, 3, 5):
        for epoch in range(6):
            span = [int(tunes[epoch, tune].encoded.onset[-1]) for tunes in (changed, plain)]
            ratios.add(span[0] / span[1])
    assert ratios == {0.5, 2.0}


def test_note_values_that_doubled_would_not_fit_are_left_alone(stored) -> None:
    """A long note or a long pickup, doubled, would stop a training run in the middle of an epoch."""
    long_note = Phrase(rows_from_columns(np.array([0, 300]), np.array([300, 25]), np.array([60, 62])), Metre(2, 4))
    pickup = Phrase(rows_from_columns(np.array([-36, 0]), np.array([36, 25]), np.array([60, 62])), Metre(2, 4))
    store = stored(long_note, pickup)
    tunes = training(store, transpose=False, chan=1.0, drop_condition=0.0)
    for epoch in range(8):
        for tune, phrase in enumerate((long_note, pickup)):
            assert tunes[epoch, tune].encoded.ids.tolist() == TOKENIZER.encode(phrase).ids.tolist()


def test_held_out_melodies_are_scored_as_they_were_written(store: Store) -> None:
    """The headline number would change with the seed, or be measured on drones."""
    tunes = EvaluationTunes(store, TOKENIZER, list(range(40)))
    assert len(tunes) == 40
    for place in range(40):
        item, phrase = tunes[place], store.phrase(place)
        assert item.tune == place
        assert item.encoded.ids.tolist() == TOKENIZER.encode(phrase.melody).ids.tolist()
        assert (item.lai, item.root) == (training(store, transpose=False)[0, place].lai, found_root(store, place))


def found_root(store: Store, tune: int) -> int:
    root = label_lai(store.phrase(tune)).root
    return -1 if root is None else root


def test_held_out_melodies_hide_what_is_read_off_their_notes_and_keep_the_rest(store: Store) -> None:
    """Every figure would be flattered: the lai tells which pitches come, the density how many notes."""
    tunes = EvaluationTunes(store, TOKENIZER, list(range(40)))
    for place in range(40):
        item, phrase = tunes[place], store.phrase(place)
        known = TOKENIZER.conditions(phrase)
        assert item.conditions[LAI_CONDITION] == item.conditions[DENSITY_CONDITION] == 0
        for condition in (TEMPO_CONDITION, METRE_CONDITION, SOURCE_CONDITION):
            assert item.conditions[condition] == known[condition]
        assert item.encoded.bar == (phrase.metre.bar if phrase.metre else 0)
        assert item.encoded.closing == NO_CLOSING


@pytest.mark.parametrize("drone", [False, True])
def test_every_note_of_a_long_held_out_melody_is_scored_once(stored, drone: bool) -> None:
    """The longest tunes would be cut off, counted twice, or end validation with a piece of no notes."""
    long = wander(0, EVALUATION_WINDOW + 40, MINOR_PENTATONIC_ON_A)
    short = wander(1, EVALUATION_WINDOW - 40, MINOR_PENTATONIC_ON_A)  # with its drone it has more rows than a window
    phrases = [with_drone(long), with_drone(short)] if drone else [long, short]
    tunes = EvaluationTunes(stored(*phrases), TOKENIZER, [0, 1])
    assert tunes.pieces == [(0, 0), (0, EVALUATION_WINDOW), (1, 0)]
    assert tunes.lengths.tolist() == [EVALUATION_WINDOW, 40, EVALUATION_WINDOW - 40]
    items = [tunes[place] for place in range(3)]
    assert pitches(items[0]) + pitches(items[1]) == long.pitch.tolist()
    assert items[1].encoded.onset[1] == long.onset[EVALUATION_WINDOW]
    assert (items[1].encoded.ids[0] == UNKNOWN_ID).all()
    assert [bool(item.encoded.ids[-1, STEP] == END_ID) for item in items] == [False, True, True]
    batch = collate(items)
    assert batch.is_note.sum() == tunes.lengths.sum()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"chan": 1.5}, "data.chan=1.5"),
        ({"drop_condition": -0.1}, "data.drop_condition=-0.1"),
        ({"drop_lai": 2.0}, "data.drop_lai=2.0"),
        ({"batch_notes": 0}, "data.batch_notes=0"),
        ({"window": 1}, "data.window=1"),
        ({"loader_workers": -1}, "data.loader_workers=-1"),
        ({"held_out": 0.7}, "data.held_out=0.7"),
        ({"share": 0.0}, "data.share=0.0"),
        ({"share": 1.5}, "data.share=1.5"),
        ({"share": 0.5, "overfit": 2}, "data.share=0.5"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_their_keys(settings: dict[str, object], key: str) -> None:
    """A run would start, and fail in the middle of its first epoch."""
    with pytest.raises(InvalidConfig) as refused:
        config(**settings)
    assert refused.value.where == key


def test_what_a_store_recognised_is_what_an_item_is_labelled_with(stored) -> None:
    """Labels would be made anew in training, by another rule than the report's."""
    tune = wander(0, 20, MINOR_PENTATONIC_ON_A)
    store = stored(tune)
    assert astuple(store.label(0)) == astuple(label_lai(tune))
    moved, found = training(store).augment(store.phrase(0), LaiLabel(), np.random.default_rng(0))
    assert found == LaiLabel()
    assert moved.lai == "none"


def test_what_is_inferred_in_a_tune_is_said_of_every_item_of_it(stored) -> None:
    """What nobody wrote down would be learned, or measured, wherever a tune is augmented or cut into pieces."""
    inferred = frozenset({Inferred.ONSET, Inferred.DURATION, Inferred.OCTAVE})
    facts = {"inferred": inferred, "techniques_from": LabelSource.DETECTED}
    store = stored(replace(wander(0, 90), **facts), replace(with_drone(wander(1, 20)), **facts), wander(2, 20))
    plain = (frozenset(), None)
    heard, measured = training(store, chan=1.0), EvaluationTunes(store, TOKENIZER, range(3))
    for items, expected in (
        ([heard[epoch, tune] for epoch in range(4) for tune in range(2)], (inferred, LabelSource.DETECTED)),
        ([measured[0], measured[1]], (inferred, LabelSource.DETECTED)),
        ([heard[0, 2], measured[2]], plain),
    ):
        for item in items:
            assert (item.inferred, item.techniques_from) == expected
            unknown = item.encoded.ids[1:-1, DURATION] == UNKNOWN_ID
            assert unknown.all() if expected != plain else not unknown.any()


def test_a_share_of_the_tunes_is_told_from_its_end_and_the_others_as_ever(store: Store) -> None:
    """Infilling would hear no future; or every tune would be told backwards."""
    plain, some, every = (training(store, future=share, transpose=False) for share in (0.0, 0.3, 1.0))
    keys = [(epoch, tune) for epoch in range(8) for tune in range(40)]
    short = [key for key in keys if len(store.phrase(key[1])) <= 64]
    told = [key for key in keys if some[key].encoded.given]
    assert 0.2 < len(told) / len(short) < 0.4
    assert set(told) <= set(short), "a window of a long tune has no end to begin with"
    assert not any(plain[key].encoded.given for key in keys)
    for key in short[:60]:
        encoded, whole = every[key].encoded, plain[key].encoded
        note = len(encoded.ids) - encoded.given - 2
        assert encoded.ids.tolist() == whole.future_first(note).ids.tolist()
    assert len({every[0, 1].encoded.given, *(every[epoch, 1].encoded.given for epoch in range(8))}) > 2
