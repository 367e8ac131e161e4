"""The Markov baseline: the same numbers as a dictionary of counts, probabilities that add up, and no sense of key."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from phin.evaluation.markov import CAUTION, NUM_ORDERS, MarkovModel
from phin.music.phrase import Inferred, Metre, Phrase, rows_from_columns
from phin.tokenizer import DURATION, END_ID, HEADLINE_FIELDS, NUM_FIELDS, NUM_SYMBOLS, PITCH, STEP, Tokenizer
from tests.tunes import MINOR_PENTATONIC_ON_A, wander, with_drone

SIZES = {STEP: 386, PITCH: 37, DURATION: 384}
"""Steps 0 to 384 and the end; pitches 52 to 88; durations 1 to 384."""


def songlike(seed: int, num_notes: int = 24, metre: Metre | None = Metre(2, 4)) -> Phrase:  # noqa: B008
    """A melody that repeats itself, in unlike rhythms, with leaps enough to meet unseen contexts."""
    rng = np.random.default_rng(seed)
    step = rng.choice([6, 12, 24], num_notes, p=[0.2, 0.6, 0.2])
    pitch = np.array(MINOR_PENTATONIC_ON_A)[rng.integers(2, 8, num_notes)]
    pitch[num_notes // 2 :] = pitch[: num_notes - num_notes // 2]
    return Phrase(rows_from_columns(step.cumsum() - step, step, pitch), metre=metre)


CORPUS = [songlike(seed, metre=(Metre(2, 4), Metre(3, 4), None)[seed % 3]) for seed in range(12)]
OTHERS = [songlike(100 + seed, num_notes=7 + seed) for seed in range(5)]


class NaiveMarkov:
    """Counts in dictionaries, probabilities by recursion: the model as the paper writes it."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.seen: dict[tuple, Counter] = defaultdict(Counter)
        for phrase in phrases:
            for field, context, value in self.events(phrase):
                for order in range(NUM_ORDERS):
                    if field != PITCH or Inferred.OCTAVE not in phrase.inferred:
                        self.seen[(field, *context[: order + 1])][value] += 1
                    if field == PITCH:
                        self.seen[("any octave", *context[: order + 1])][value] += 1

    def events(self, phrase: Phrase) -> list[tuple[int, tuple, int | str]]:
        """Field, context (what is always known, then one row back, two rows back and so on), value."""
        tune = Tokenizer().encode(phrase.melody)
        step, pitch, duration = (tune.ids[1:, field].tolist() for field in (STEP, PITCH, DURATION))
        melody = [f"first {pitch[0]}", *(now - before for before, now in pairwise(pitch[:-1]))]
        rhythm = list(zip(step, duration, strict=True))
        bar, events = tune.bar or 24, []
        for row in range(len(step)):
            back = range(row - 1, row - NUM_ORDERS, -1)
            rhythms = [rhythm[k] if k >= 0 else "before the start" for k in back]
            intervals = [melody[k] if k >= 0 else "before the start" for k in back]
            if Inferred.ONSET not in phrase.inferred:
                events.append((STEP, ("", *rhythms), step[row]))
            if step[row] != END_ID:
                in_bar = (bar, int(tune.onset[row + 1]) % bar)
                events.append((PITCH, (row == 0, *intervals), melody[row]))
                if Inferred.DURATION not in phrase.inferred:
                    events.append((DURATION, (in_bar, *rhythms), duration[row]))
        return events

    def probability(self, field: int | str, context: tuple, value: int | str) -> float:
        p = 1 / SIZES[PITCH if field == "any octave" else field]
        for order in range(NUM_ORDERS):
            counts = self.seen.get((field, *context[: order + 1]))
            if counts:
                escape = len(counts) * (CAUTION if order >= 2 else 1)
                p = (counts[value] + escape * p) / (counts.total() + escape)
        return p

    def bits(self, phrase: Phrase) -> np.ndarray:
        bits, note = np.zeros(NUM_FIELDS), 0
        for field, context, value in self.events(phrase):
            p = self.probability(field, context, value)
            if field == PITCH:
                if Inferred.OCTAVE in phrase.inferred:
                    p = self.any_octave(context, value, int(phrase.melody.pitch[note]))
                note += 1
            bits[field] -= np.log2(p)
        return bits

    def any_octave(self, context: tuple, value: int | str, pitch: int) -> float:
        """P of every pitch of that class from 52 to 88, added up."""
        others = [other for other in range(52, 89) if other % 12 == pitch % 12]
        first = isinstance(value, str)
        values = [f"first {4 + other - 52}" if first else value + other - pitch for other in others]
        return sum(self.probability("any octave", context, value) for value in values)


def bits_of(model: MarkovModel, phrases: Sequence[Phrase]) -> np.ndarray:
    return model.bits(phrases, list(range(len(phrases)))).bits


def transposed(phrase: Phrase, semitones: int) -> Phrase:
    rows = phrase.rows.copy()
    rows[:, 2] += semitones
    return replace(phrase, rows=rows)


def with_value(phrase: Phrase, row: int, column: int, value: int) -> Phrase:
    rows = phrase.rows.copy()
    rows[row, column] = value
    return replace(phrase, rows=rows)


@pytest.mark.parametrize("tunes", [CORPUS, OTHERS], ids=["seen", "unseen"])
def test_bits_are_those_of_a_dictionary_of_counts(tunes: list[Phrase]) -> None:
    """Fails: the baseline is weaker or stronger than it is said to be, and so is our lead."""
    naive = NaiveMarkov(CORPUS)
    expected = np.stack([naive.bits(tune) for tune in tunes])
    result = MarkovModel.fit(CORPUS).bits(tunes, [k + 50 for k in range(len(tunes))])
    np.testing.assert_allclose(result.bits, expected, rtol=1e-9)
    assert result.notes.tolist() == [len(tune) for tune in tunes]
    assert result.tune.tolist() == [k + 50 for k in range(len(tunes))]


@pytest.mark.parametrize("tune", [CORPUS[0], CORPUS[4], OTHERS[0], OTHERS[3]])
def test_probabilities_of_every_next_step_and_duration_add_up_to_one(tune: Phrase) -> None:
    """Fails: bits of the baseline are no bits, and the comparison is unfair one way or the other."""
    naive = NaiveMarkov(CORPUS)
    for field, context, _ in naive.events(tune):
        if field == STEP:
            values = [END_ID, *range(NUM_SYMBOLS, NUM_SYMBOLS + 385)]
        elif field == DURATION:
            values = list(range(NUM_SYMBOLS, NUM_SYMBOLS + 384))
        else:
            continue
        assert len(values) == SIZES[field]
        assert sum(naive.probability(field, context, value) for value in values) == pytest.approx(1)


@pytest.mark.parametrize("number", [0, 3, 4])
@pytest.mark.parametrize(
    ("column", "field", "values"), [(2, PITCH, range(52, 89)), (1, DURATION, range(1, 385))], ids=["pitch", "duration"]
)
@pytest.mark.parametrize("pitch_before", [52, 70, 88])
def test_the_model_itself_shares_one_among_all_last_notes(
    number: int, column: int, field: int, values: range, pitch_before: int
) -> None:
    """Fails: as above, asked of the model itself, by trying every note.

    Where known intervals lead out of the range, pitches have a little less than one to share: never more.
    """
    tune = with_value(OTHERS[number], -2, 2, pitch_before)
    model = MarkovModel.fit(CORPUS)
    before = bits_of(model, [replace(tune, rows=tune.rows[:-1])])[0, field]
    bits = bits_of(model, [with_value(tune, -1, column, value) for value in values])[:, field] - before
    shared = (2.0**-bits).sum()
    if field == PITCH and pitch_before != 70:
        assert 0.3 < shared < 1
    else:
        assert shared == pytest.approx(1)


def test_first_pitches_share_one_among_them() -> None:
    """Fails: as above, for the note that has no interval."""
    model = MarkovModel.fit(CORPUS)
    starts = [with_value(replace(OTHERS[0], rows=OTHERS[0].rows[:1]), 0, 2, pitch) for pitch in range(52, 89)]
    assert (2.0 ** -bits_of(model, starts)[:, PITCH]).sum() == pytest.approx(1)


def test_a_tune_in_another_key_is_the_same_tune() -> None:
    """Fails: the baseline is worse than it need be on keys it met less, and we look better than we are.

    First notes have no interval and are told by pitch: both keys here begin on a pitch that was never first.
    """
    model = MarkovModel.fit(CORPUS)
    firsts = {int(tune.pitch[0]) for tune in CORPUS}
    tune = with_first(OTHERS[4], 64)
    keys = [shift for shift in range(-4, 5) if 64 + shift not in firsts]
    assert len(keys) > 1
    bits = bits_of(model, [transposed(tune, shift) for shift in keys])
    for row in bits[1:]:
        np.testing.assert_allclose(row, bits[0], rtol=1e-12)


def with_first(phrase: Phrase, pitch: int) -> Phrase:
    return transposed(phrase, pitch - int(phrase.pitch[0]))


def test_what_was_read_is_foretold_better_than_what_was_not() -> None:
    """Fails: the baseline learns nothing."""
    model = MarkovModel.fit(CORPUS)
    seen, unseen = bits_of(model, CORPUS).sum(), bits_of(model, OTHERS).sum()
    assert seen / sum(map(len, CORPUS)) < unseen / sum(map(len, OTHERS))
    uniform = np.log2([SIZES[field] for field in HEADLINE_FIELDS]).sum()
    chaos = [wander(seed, 20) for seed in range(3)]
    assert bits_of(model, chaos).sum() / 60 < 1.3 * uniform, "what was never seen costs a little more than by chance"


def test_a_drone_changes_nothing() -> None:
    """Fails: the baseline profits from a drone that we are not scored on."""
    droned = [with_drone(tune) for tune in CORPUS]
    np.testing.assert_array_equal(
        bits_of(MarkovModel.fit(droned), [with_drone(OTHERS[0])]), bits_of(MarkovModel.fit(CORPUS), [OTHERS[0]])
    )


def test_the_order_of_tunes_changes_nothing() -> None:
    """Fails: contexts reach from one tune into the next."""
    forth, back = bits_of(MarkovModel.fit(CORPUS), OTHERS), bits_of(MarkovModel.fit(CORPUS[::-1]), OTHERS[::-1])
    np.testing.assert_allclose(forth, back[::-1], rtol=1e-12)


def unsure(phrases: Sequence[Phrase], *kinds: Inferred) -> list[Phrase]:
    return [replace(phrase, inferred=frozenset(kinds)) for phrase in phrases]


@pytest.mark.parametrize("kinds", [(kind,) for kind in Inferred] + [tuple(Inferred)])
@pytest.mark.parametrize("trained", ["written", "mixed", "inferred"])
def test_what_is_inferred_is_counted_and_scored_as_a_dictionary_of_counts_does(
    kinds: tuple[Inferred, ...], trained: str
) -> None:
    """Fails: the baseline is asked for what nobody wrote down and we are not, or the other way round."""
    train = {
        "written": CORPUS,
        "mixed": [*CORPUS[:6], *unsure(CORPUS[6:], *kinds)],
        "inferred": unsure(CORPUS, *kinds),
    }[trained]
    tunes = [*OTHERS[:2], *unsure(OTHERS[2:], *kinds), *unsure(CORPUS[:2], *kinds)]
    naive, model = NaiveMarkov(train), MarkovModel.fit(train)
    expected = np.stack([naive.bits(tune) for tune in tunes])
    result = model.bits(tunes, list(range(len(tunes))))
    np.testing.assert_allclose(result.bits, expected, rtol=1e-9)
    silent = {Inferred.ONSET: STEP, Inferred.DURATION: DURATION}
    for kind, field in silent.items():
        assert (result.bits[2:, field] == 0).all() == (kind in kinds)
        assert (result.labels[2:, field] == 0).all() == (kind in kinds)
    plain = model.bits([replace(tune, inferred=frozenset()) for tune in tunes], list(range(len(tunes))))
    if kinds == (Inferred.OCTAVE,) and trained == "written":
        assert (result.bits[2:, PITCH] < plain.bits[2:, PITCH]).all(), "a class is more likely than a pitch"
    assert (result.labels[:, PITCH] == plain.labels[:, PITCH]).all()


def test_octaves_that_nobody_wrote_move_no_figure_of_a_tune_whose_octaves_are_written() -> None:
    """Fails: the baseline learns the octaves that we made up."""
    with_letters = MarkovModel.fit([*CORPUS, *unsure(OTHERS, Inferred.OCTAVE)])
    alone = MarkovModel.fit(CORPUS)
    np.testing.assert_array_equal(bits_of(with_letters, OTHERS)[:, PITCH], bits_of(alone, OTHERS)[:, PITCH])
    read = unsure(OTHERS, Inferred.OCTAVE)
    assert (bits_of(with_letters, read)[:, PITCH] < bits_of(alone, read)[:, PITCH]).all()
