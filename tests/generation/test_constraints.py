"""Constraints: whatever the model would rather play, a tune keeps to each, alone and together."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch

from phin.errors import InvalidConfig, PhinError
from phin.generation.constraints import (
    IS_PITCH,
    IS_STEP,
    PITCH_OF_ID,
    STEP_OF_ID,
    AboutLength,
    ClosesOn,
    Constraint,
    GivenNotes,
    InLai,
    MostNotes,
    OnFretboard,
    OnlyMelody,
    OverDrone,
    Repetition,
    Rhythm,
)
from phin.generation.limits import FORBIDDEN, Heard, Kind, Limits
from phin.generation.play import ALL, play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import TorchEngine, TorchStep, generate
from phin.music.fingering import frets_by_place, reaches, under_one_hand
from phin.music.fretboard import DEFAULT, FRETS, Tuning, drone, playable
from phin.music.lai import LAI, lai_named
from phin.music.phrase import STEPS_PER_HONG, Phrase, Voice
from phin.tokenizer import FIELDS, NUM_SYMBOLS, PITCH, STEP, VOICE
from tests.tiny import identity_for, tiny_model

SIZES = [field.size for field in FIELDS]
MODEL = tiny_model()
IDENTITY = identity_for(MODEL)
ENGINE = TorchEngine(MODEL, IDENTITY)
WILD = SamplerConfig(temperature=3.0)
REQUEST = TuneRequest(lines=2)
LAST = REQUEST.last_stroke


class Only(Constraint):
    """For these tests: nothing but some steps and some pitches, so that little time brings chords and motifs."""

    def __init__(self, steps: Sequence[int], pitches: Sequence[int] = ()) -> None:
        self.steps, self.pitches = steps, pitches

    def always(self, limits: Limits) -> None:
        limits.step[:, IS_STEP & ~np.isin(STEP_OF_ID, self.steps)] = FORBIDDEN
        if self.pitches:
            limits.pitch[..., IS_PITCH & ~np.isin(PITCH_OF_ID, self.pitches)] = FORBIDDEN


def tunes(*constraints: Constraint, count: int = 6, seed: int = 0, sampler: SamplerConfig = WILD) -> list[Phrase]:
    return [each.phrase for each in play(ENGINE, REQUEST, count, seed, sampler, constraints=constraints)]


def together(tune: Phrase) -> list[list[int]]:
    """Pitches struck at each onset."""
    return [tune.pitch[tune.onset == onset].tolist() for onset in np.unique(tune.onset)]


def longest_chord(some: Sequence[Phrase]) -> int:
    return max(len(chord) for tune in some for chord in together(tune))


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_a_tune_in_a_lai_has_no_other_pitch_classes(lai) -> None:
    """Fails: a lai is asked for, and the tune has notes that it has not."""
    for tune in tunes(InLai(lai)):
        assert set((tune.pitch % 12).tolist()) <= lai.pitch_classes
    assert any(set((tune.pitch % 12).tolist()) - lai.pitch_classes for tune in tunes())


@pytest.mark.parametrize("pitch_class", [0, 4, 11])
def test_a_tune_closes_on_its_tonic_with_the_melody(pitch_class: int) -> None:
    """Fails: a tune that was to come home ends elsewhere."""
    closed = tunes(ClosesOn((pitch_class,)))
    for tune in closed:
        assert tune.onset[-1] == LAST
        assert tune.pitch[-1] % 12 == pitch_class
        assert tune.voice[-1] == Voice.MELODY
    assert len({pitch % 12 for tune in closed for pitch in tune.pitch.tolist()}) > 6, "elsewhere it is free"


@pytest.mark.long
@pytest.mark.parametrize("tuning", [DEFAULT, Tuning.parse("A-D-A"), Tuning.parse("E-A"), Tuning.parse("E-A-E-A")])
def test_a_tune_on_the_fretboard_has_its_frets_and_chords_for_one_hand(tuning: Tuning) -> None:
    """Fails: a page of tablature has a fret that is not there, or a chord that no hand takes."""
    dense = Only([0, 12])
    played = tunes(dense, OnFretboard(tuning))
    chords = Counter(len(chord) for tune in played for chord in together(tune))
    assert chords[2] > 5
    assert max(chords) <= min(3, tuning.num_strings)
    for tune in played:
        assert set(tune.pitch.tolist()) <= set(playable(tuning))
        for chord in together(tune):
            assert len(set(chord)) == len(chord)
            assert under_one_hand(frets_by_place(chord, tuning))
    free = tunes(dense)
    assert any(not under_one_hand(frets_by_place(chord, tuning)) for tune in free for chord in together(tune))
    assert any(set(tune.pitch.tolist()) - set(playable(tuning)) for tune in free)


@pytest.mark.parametrize("hand", [1, 4, 9])
def test_a_hand_that_stays_reaches_every_note(hand: int) -> None:
    """Fails: a beginner's tune, asked for in one position, moves up the neck."""
    reached = {p + FRETS[fret] for p in DEFAULT.open_pitches for fret in range(len(FRETS)) if reaches(hand, fret)}
    for tune in tunes(OnFretboard(DEFAULT, hand)):
        assert set(tune.pitch.tolist()) <= reached
    assert reached < set(playable(DEFAULT))


def test_a_hand_beyond_the_neck_is_refused() -> None:
    """Fails: a fret that is not there is an index out of range."""
    with pytest.raises(InvalidConfig, match="hand=16: there is no such fret"):
        OnFretboard(DEFAULT, 16)


def test_a_melody_over_a_drone_leaves_its_string_free() -> None:
    """Fails: the drone has to stop for a note of the melody, or lies above it."""
    lai = lai_named("yai")
    held = drone(lai, DEFAULT)
    free = [DEFAULT.open_pitch(string) for string in (1, 2, 3) if string != held.string]
    for tune in tunes(OverDrone(held, DEFAULT)):
        assert tune.is_melody.all()
        assert longest_chord([tune]) == 1
        assert (tune.pitch > held.pitch).all()
        assert all(any(pitch - opened in FRETS for opened in free) for pitch in tune.pitch.tolist())


def test_a_melody_alone_has_neither_chords_nor_drone() -> None:
    """Fails: letters, which hold the melody alone, lose what was played."""
    for tune in tunes(OnlyMelody()):
        assert tune.is_melody.all()
        assert longest_chord([tune]) == 1
    assert longest_chord(tunes()) > 1


RHYTHM = (-12, 0, 12, 36, 48, 54, 60, 96, 240, 336)


def test_a_tune_in_a_given_rhythm_has_it_and_ends_with_it() -> None:
    """Fails: new words for an old song do not fit it."""
    played = tunes(Rhythm(RHYTHM))
    for tune in played:
        assert tune.onset.tolist() == list(RHYTHM)
    assert len({tuple(tune.pitch.tolist()) for tune in played}) == len(played)


def test_a_tune_in_a_given_rhythm_can_close_on_its_tonic() -> None:
    """Fails: who asks for both gets a tune that does not come home, and is not told."""
    closed = tunes(Rhythm(RHYTHM), ClosesOn((9,)))
    assert {tune.pitch[-1] % 12 for tune in closed} == {9}
    assert {tune.onset[-1] for tune in closed} == {RHYTHM[-1]}
    assert len({pitch % 12 for tune in closed for pitch in tune.pitch.tolist()}) > 6, "elsewhere it is free"


@pytest.mark.parametrize("onsets", [(), (0, 0), (12, 6), (0, 400)])
def test_what_is_no_rhythm_is_refused(onsets: tuple[int, ...]) -> None:
    """Fails: the tune stops in its middle, and nobody knows why."""
    with pytest.raises(InvalidConfig, match="rhythm: is no rhythm"):
        Rhythm(onsets)


GIVEN = ((0, 64), (48, 69), (96, 61), (100, 88), (LAST, 52))


def test_given_notes_stand_fast_and_the_tune_is_free_between_them() -> None:
    """Fails: a player's own notes are played otherwise, or nothing is put between them."""
    played = tunes(GivenNotes(GIVEN))
    for tune in played:
        melody = dict(zip(tune.melody.onset.tolist(), tune.melody.pitch.tolist(), strict=True))
        assert GIVEN[-1][0] == max(melody)
        for onset, pitch in GIVEN:
            assert tune.pitch[tune.onset == onset].tolist() == [pitch], "struck alone"
        assert len(tune) > len(GIVEN)
    assert len({len(tune) for tune in played}) > 1


def test_a_given_note_is_taken_whatever_else_forbids_it() -> None:
    """Fails: a tune to be decorated in a lai loses the note that lies outside it."""
    lai = lai_named("yai")
    outside = next(pitch for pitch in range(60, 72) if pitch % 12 not in lai.pitch_classes)
    for tune in tunes(InLai(lai), GivenNotes(((48, outside), (LAST, 57)))):
        strange = tune.pitch[~np.isin(tune.pitch % 12, sorted(lai.pitch_classes))]
        assert strange.tolist() == [outside]


@pytest.mark.parametrize("least", [6, 24])
def test_no_tune_is_faster_than_asked_for(least: int) -> None:
    """Fails: a beginner is given sixteenths."""
    for tune in tunes(MostNotes(least, fixed=(LAST,))):
        onsets = np.unique(tune.onset)
        assert np.diff(onsets).min() >= least
        assert onsets[-1] == LAST
    assert min(np.diff(np.unique(tune.onset)).min() for tune in tunes()) < 6


def repeated_share(tune: Phrase) -> float:
    """Share of melody notes that end four intervals, in their rhythm, that were played before."""
    melody = tune.melody
    shape = list(zip(np.diff(melody.onset).tolist(), np.diff(melody.pitch).tolist(), strict=True))
    motifs = [tuple(shape[k - 3 : k]) for k in range(3, len(shape) + 1)]
    return sum(motif in motifs[:k] for k, motif in enumerate(motifs)) / max(len(motifs), 1)


def test_motifs_that_cost_more_come_again_less_often() -> None:
    """Fails: the penalty is accepted and does nothing, or what is repeated is made likelier."""

    def share(motif: float) -> float:
        some = [Only([12], [60, 62, 64, 67]), OnlyMelody(), Repetition(motif=motif, free=2)]
        return float(np.mean([repeated_share(tune) for tune in tunes(*some, count=24)]))

    shares = [share(motif) for motif in (0.0, 3.0, 100.0)]
    assert shares[0] > shares[1] + 0.02
    assert shares[1] > shares[2] + 0.02


def test_pitches_that_cost_more_are_spread_wider() -> None:
    """Fails: one note is struck again and again, whatever it costs."""

    def commonest(pitch: float) -> float:
        constraints = [OnlyMelody(), Repetition(pitch=pitch)]
        played = tunes(*constraints, count=8, seed=1, sampler=SamplerConfig(temperature=0.7))
        return float(np.mean([Counter(tune.pitch.tolist()).most_common(1)[0][1] / len(tune) for tune in played]))

    shares = [commonest(pitch) for pitch in (0.0, 4.0, 40.0)]
    assert shares[0] > shares[1] > shares[2]


def test_a_drone_is_neither_counted_nor_made_dearer_by_its_repetition() -> None:
    """Fails: a drone on one pitch is driven off it, because it is a drone."""
    heard, limits = Heard(np.array([-48])), Limits(1)
    row = np.full((1, 6), NUM_SYMBOLS)
    for pitch, voice in ((5, Voice.ACCOMPANIMENT), (9, Voice.MELODY), (5, Voice.ACCOMPANIMENT), (12, Voice.MELODY)):
        row[0, [STEP, VOICE, PITCH]] = NUM_SYMBOLS + 12, NUM_SYMBOLS + voice, NUM_SYMBOLS + pitch
        heard.hear(row.copy())
    Repetition(pitch=4.0).now(heard, limits)
    expected = np.zeros(FIELDS[PITCH].size)
    expected[[NUM_SYMBOLS + 9, NUM_SYMBOLS + 12]] = -2.0
    for kind in Kind:
        assert limits.pitch[0, kind, Voice.MELODY].tolist() == expected.tolist()
    assert not limits.pitch[:, :, Voice.ACCOMPANIMENT].any()


def test_a_length_that_is_wanted_is_come_near() -> None:
    """Fails: a soft length is the same as none, or as a hard one."""

    def ends(wanted: int, pull: float) -> np.ndarray:
        about = AboutLength(wanted, 40 * STEPS_PER_HONG, pull)
        return np.array([tune.onset[-1] for tune in tunes(Only([6, 12, 24]), about, count=24)])

    near, far = ends(6 * STEPS_PER_HONG, 3.0), ends(20 * STEPS_PER_HONG, 3.0)
    assert np.abs(np.median(near) - 6 * STEPS_PER_HONG) <= 3 * STEPS_PER_HONG
    assert np.abs(np.median(far) - 20 * STEPS_PER_HONG) <= 3 * STEPS_PER_HONG
    assert len(set(near.tolist())) > 3
    assert np.std(ends(12 * STEPS_PER_HONG, 0.5)) > np.std(ends(12 * STEPS_PER_HONG, 20.0))
    assert ends(12 * STEPS_PER_HONG, 0.0).max() <= 40 * STEPS_PER_HONG


def test_constraints_that_leave_nothing_are_told_in_one_line() -> None:
    """Fails: nonsense is forced out, or the tune stops with a traceback."""
    yai = lai_named("yai")
    with pytest.raises(PhinError, match=r"seed 0, tune 1: no pitch is left to draw") as refused:
        tunes(InLai(yai), ClosesOn((1,)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("seed", range(6))
def test_constraints_hold_together(seed: int) -> None:
    """Fails: two wishes at once, and one of them is forgotten."""
    rng = np.random.default_rng(seed)
    lai = LAI[int(rng.integers(6))]
    least = int(rng.choice([3, 6, 12]))
    given = tuple(
        (onset, int(rng.choice([p for p in playable() if p % 12 in lai.pitch_classes]))) for onset in (48, 96)
    )
    constraints = [
        InLai(lai),
        OnFretboard(DEFAULT),
        ClosesOn((lai.tonic,)),
        MostNotes(least, fixed=(48, 96, LAST)),
        Repetition(motif=1.0, pitch=1.0),
        GivenNotes(given),
    ]
    for tune in tunes(*constraints, seed=seed):
        assert set((tune.pitch % 12).tolist()) <= lai.pitch_classes
        assert set(tune.pitch.tolist()) <= set(playable())
        assert tune.onset[-1] == LAST
        assert tune.pitch[-1] % 12 == lai.tonic
        assert all(after - before >= least for before, after in pairwise(np.unique(tune.onset).tolist()))
        for onset, pitch in given:
            assert pitch in tune.pitch[tune.onset == onset].tolist()


# --- what it costs


def test_what_is_left_out_is_told_by_constraint_in_bits_a_note() -> None:
    """Fails: a tune is forced far from what the model would play, and nobody is told how far."""
    lai = lai_named("yai")
    plain = play(ENGINE, REQUEST, 3, 0)
    forced = play(ENGINE, REQUEST, 3, 0, constraints=[InLai(lai), ClosesOn((lai.tonic,))])
    for one, other in zip(plain, forced, strict=True):
        assert list(one.left_out) == ["Length", "Chords", ALL]
        assert one.left_out["Length"] <= one.left_out[ALL]
        assert list(other.left_out) == ["Length", "Chords", "InLai", "ClosesOn", ALL]
        assert other.left_out["InLai"] > 0.3
        assert 0 < other.left_out["ClosesOn"] < other.left_out["InLai"], "it binds one note alone"
        most, parts = other.left_out[ALL], [value for name, value in other.left_out.items() if name != ALL]
        assert max(parts) <= most <= sum(parts) + 1e-6
        assert one.phrase in [each for each in generate(MODEL, IDENTITY, REQUEST, 3, 0)]


def test_the_bits_left_out_are_those_of_the_probability_that_was_forbidden() -> None:
    """Fails: the number is of filters or temperature, or of another field."""

    class Scarce(Constraint):
        def always(self, limits: Limits) -> None:
            limits.pitch[..., IS_PITCH & (PITCH_OF_ID != 60)] = FORBIDDEN

    batches = []

    class Watched(TorchStep):
        def __call__(self, rows, noise, limits):
            ids, chances = super().__call__(rows, noise, limits)
            batches.append((ids, chances))
            return ids, chances

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phin.generation.torch_engine.TorchStep", Watched)
        (played,) = play(
            ENGINE, REQUEST, 1, 0, SamplerConfig(temperature=2.0, top_k=9), constraints=[OnlyMelody(), Scarce()]
        )
    first = sum(field.size for field in FIELDS[:PITCH])
    id = int(np.flatnonzero(PITCH_OF_ID == 60)[0])
    bits = sum(-np.log2(chances[0, first + id]) for _, chances in batches)
    assert played.left_out["Scarce"] == pytest.approx(bits / len(played.phrase), rel=1e-5)
    drawn = sum(
        np.log(np.split(chances[0], np.cumsum(SIZES)[:-1])[k][ids[0, k]]) for ids, chances in batches for k in range(6)
    )
    assert played.log_probability == pytest.approx(drawn, rel=1e-5)
    assert all(" of its " in line for line in played.scarce)


def test_where_almost_nothing_is_left_it_is_said() -> None:
    """Fails: a wish that the model has no answer to is forced through in silence."""
    model = tiny_model()
    with torch.no_grad():
        model.heads.out[PITCH].bias[NUM_SYMBOLS + 8] = -60.0  # MIDI 60
    scarce = GivenNotes(((48, 60), (LAST, 64)))
    (played,) = play(TorchEngine(model, IDENTITY), REQUEST, 1, 0, constraints=[scarce])
    assert any("pitch" in line for line in played.scarce)
    assert not any("pitch" in line for line in play(TorchEngine(model, IDENTITY), REQUEST, 1, 0)[0].scarce)


def test_what_is_allowed_is_drawn_however_unlikely_it_is() -> None:
    """Fails: a model half trained, sure of what may not be, plays nothing and is said to be over-constrained."""
    model = tiny_model()
    with torch.no_grad():
        model.heads.out[STEP].bias[NUM_SYMBOLS + 300] = 1000.0
    (played,) = play(TorchEngine(model, IDENTITY), REQUEST, 1, 0)
    assert played.phrase.onset[-1] == LAST
    assert any("of its step" in line for line in played.scarce)
    assert 10 < played.left_out["Length"] < float("inf")
