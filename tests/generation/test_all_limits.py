"""What tunes side by side keep to, against each constraint by itself."""

from collections.abc import Sequence

import numpy as np
import pytest

from phin.errors import InvalidConfig
from phin.generation.all_limits import AllLimits
from phin.generation.constraints import (
    Chords,
    ClosesOn,
    Constraint,
    GivenNotes,
    InLai,
    Length,
    MostNotes,
    OnFretboard,
    Repetition,
)
from phin.generation.draw import _left
from phin.generation.limits import FORBIDDEN, Heard, Kind, Limits
from phin.generation.play import start_of
from phin.generation.request import TuneRequest
from phin.generation.rows import after, beginning, hear
from phin.music.fretboard import Tuning
from phin.music.lai import lai_named
from phin.tokenizer import END_ID, NUM_FIELDS, NUM_SYMBOLS, PITCH, SIZES, STEP, VOICE

YAI = lai_named("yai")
CONSTRAINTS: dict[str, list[Constraint]] = {
    "nothing": [],
    "one that never changes": [InLai(YAI)],
    "a length": [Length(168)],
    "several": [
        Length(168),
        Chords(),
        InLai(YAI),
        OnFretboard(Tuning.parse("E-A-E")),
        ClosesOn((YAI.tonic,)),
        MostNotes(12, fixed=(48, 168)),
        Repetition(motif=1.5, pitch=0.5, free=1),
    ],
    "given notes": [Length(168), Chords(), InLai(YAI), GivenNotes(((48, 58), (96, 65)))],
}


def each_by_itself(constraints: Sequence[Constraint], count: int, heard: Heard) -> list[Limits]:
    """The specification: the limits of each, made from nothing."""
    someone_gives, found = any(constraint.gives_notes for constraint in constraints), []
    for constraint in constraints:
        limits = Limits(count)
        constraint.always(limits)
        constraint.now(heard, limits)
        if someone_gives and not constraint.gives_notes:
            limits.after[:, Kind.GIVEN] = 0
        found.append(limits)
    return found


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_all_together_are_the_sum_of_each(name: str) -> None:
    """Fails: a wish is forgotten, kept from a step before, or taken for another tune's."""
    count, constraints, rng = 3, CONSTRAINTS[name], np.random.default_rng(0)
    rows = beginning([start_of(TuneRequest())] * count, np.zeros((count, 5), np.int64))
    heard, all_limits, recalled = hear(rows), AllLimits(constraints, count), 0.0
    for _ in range(40):
        limits, own = all_limits.limits(heard), each_by_itself(constraints, count, heard)
        assert np.array_equal(limits.step, sum((each.step for each in own), np.zeros((count, SIZES[STEP]))))
        assert np.array_equal(limits.after, sum((each.after for each in own), np.zeros(limits.after.shape)))
        assert np.array_equal(limits.kind, np.max([Limits(count).kind, *(each.kind for each in own)], axis=0))
        for constraint, each in zip(constraints, own, strict=True):
            if constraint.recalls:
                assert np.array_equal(limits.recalled, each.recalled)
                assert np.array_equal(limits.recalled_cost, each.recalled_cost)
                recalled = max(recalled, float(each.recalled_cost.max()))
        ids = np.array([_drawn(rng, limits, tune) for tune in range(count)])
        expected = [
            [_added(each, tune, ids[tune], limits.kind) > FORBIDDEN for tune in range(count)] for each in (*own, limits)
        ]
        assert np.array_equal(all_limits.allowed(ids), expected)
        rows = after(rows, ids, heard)
    assert heard.num_notes.min() > 5
    assert recalled > 0 or name != "several", "motifs were never made dearer: nothing was compared"


def _drawn(rng: np.random.Generator, limits: Limits, tune: int) -> list[int]:
    """A note, of those that may be drawn half a hong on at most and low, so that motifs come again; or else the end."""
    ids = [NUM_SYMBOLS] * NUM_FIELDS
    steps = np.flatnonzero(limits.step[tune] > FORBIDDEN)
    near = steps[(steps >= NUM_SYMBOLS) & (steps <= NUM_SYMBOLS + 12)]
    ids[STEP] = int(rng.choice(near)) if len(near) else END_ID
    kind = limits.kind[tune, ids[STEP]]
    voices = np.flatnonzero(limits.voice[tune, kind, NUM_SYMBOLS:] > FORBIDDEN)
    voice = int(rng.choice(voices))
    pitches = np.flatnonzero(limits.pitch[tune, kind, voice, NUM_SYMBOLS:] > FORBIDDEN)
    ids[VOICE], ids[PITCH] = NUM_SYMBOLS + voice, NUM_SYMBOLS + int(rng.choice(pitches[:2]))
    return ids


def _added(limits: Limits, tune: int, ids: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """What is added to the logits of all fields of a tune, table by table."""
    kind, voice = kinds[tune, ids[STEP]], ids[VOICE] - NUM_SYMBOLS
    after_it = [table[tune, kind] for table in (limits.voice, limits.technique, limits.duration, limits.velocity)]
    return np.concatenate([limits.step[tune], *after_it[:2], limits.pitch[tune, kind, voice], *after_it[2:]])


def test_what_changes_says_nothing_of_durations() -> None:
    """Fails: what a constraint forbade once of how long a note is, it forbids for ever, and nobody sees why."""

    class Short(Constraint):
        def now(self, heard: Heard, limits: Limits) -> None:
            limits.duration[..., 30:] = FORBIDDEN

    with pytest.raises(ValueError, match="read-only"):
        AllLimits([Short()], 1).limits(Heard(np.array([-48])))


def test_motifs_are_made_dearer_by_one() -> None:
    """Fails: of two costs one is lost, and nobody is told."""
    with pytest.raises(InvalidConfig, match=r"two of them make motifs dearer\. Put them together in one"):
        AllLimits([Repetition(motif=1.0), Repetition(motif=2.0, free=5)], 1)
    AllLimits([Repetition(motif=1.0), Repetition(pitch=2.0)], 1)


@pytest.mark.parametrize("over", ["", "0", "3", "03", "12", "0123", "023"])
def test_who_goes_on_stays_in_place_but_for_the_last(over: str) -> None:
    """Fails: every cache is moved as often as a tune ends; or one is lost, or played by two."""
    is_over = np.array([str(tune) in over for tune in range(4)])
    left = _left(is_over)
    assert sorted(left.tolist()) == np.flatnonzero(~is_over).tolist()
    for place, tune in enumerate(left.tolist()):
        assert tune == place or (is_over[place] and tune >= len(left))
