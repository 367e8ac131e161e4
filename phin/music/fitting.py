"""Fitting: the nearest version of a phrase that a phin can play, and a line for each thing that was changed."""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.music.augment import named, transpose
from phin.music.fingering import (
    COSTS,
    SILENT,
    Search,
    Unplayable,
    cheapest_path,
    finger,
    frets_by_place,
    numbered,
    under_one_hand,
    when,
)
from phin.music.fretboard import DEFAULT, Tuning, playable
from phin.music.grid import to_ticks
from phin.music.lai import LAI_ROOTS, label_lai, pentatonic_set
from phin.music.phrase import (
    ASSUMED_TEMPO,
    DURATION,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    ONSET,
    PITCH,
    STEPS_PER_QUARTER,
    Deviation,
    Phrase,
    pitch_name,
)

_HIGHEST_MIDI = 127
_NOBODY = -1


class Fitted(NamedTuple):
    """A phrase that can be played, and what was done to make it so, a line each; no lines where nothing was."""

    phrase: Phrase
    changes: tuple[str, ...]


def fit(phrase: Phrase, tuning: Tuning = DEFAULT) -> Fitted:
    """The nearest version of a phrase that this tuning can play within MIDI 52 to 88, and what was changed.

    A phrase that can be played comes back as it is. Else remedies are taken in this order, as few as will do; which is
    the nearest is our judgement, no source's:

    1. If pitches are on no fret, the whole phrase moves: by octaves; or, if more notes lie on frets there, to another
       key, which is one of the three sets of the six lai if it has a pentatonic set. What brings the most notes of its
       set (of a tune without a set: of its melody) onto frets is best, then the most of all its notes, then the least
       movement. The lai's name moves along.
    2. A pitch that is still on no fret becomes the same letter in another octave if the melody rises and falls as
       before; else the nearest pitch, of two as near the one in the tune's set. It becomes the same one wherever it
       occurs, so that what was repeated stays repeated. Strokes that thus meet on one pitch become one.
    3. Notes struck together that no hand can take lose accompaniment, the highest first, and if need be lower notes of
       the melody voice. The highest of that voice is *the* melody note: it is never dropped, and no onset ever moves.
    4. A note that rings where its string or its finger is needed is cut short: at each stroke as few as will do, a
       melody note counting for two, and of ways as good the one that is easiest to play at the phrase's tempo.

    Notes are numbered in `changes` as in the phrase that was given. Deviation from the grid stays with its notes; a
    note cut short stops, as performed, when the note is struck that it yields to. Where strokes that have come to one
    pitch were performed in another order than the grid's, the deviation goes, and a line says so.
    """
    if _can_be_played(phrase, tuning):
        return Fitted(phrase, ())
    changes = []
    semitones = _best_move(phrase, tuning)
    if semitones:
        changes.append(f"every note moves {abs(semitones)} semitones {'up' if semitones > 0 else 'down'}")
    fitted = transpose(phrase, semitones)
    if not _can_be_played(fitted, tuning):
        draft = _Draft(fitted, tuning)
        draft.put_pitches_on_frets()
        draft.merge_unisons()
        draft.thin_chords()
        draft.stop_what_rings_too_long()
        fitted = draft.finished()
        changes += draft.changes
    lai = _label(phrase, fitted, semitones)
    if lai != phrase.lai:
        changes.append(f"its lai is now {lai}, no longer {phrase.lai}")
    return Fitted(replace(fitted, lai=lai), tuple(changes))


def _can_be_played(phrase: Phrase, tuning: Tuning) -> bool:
    if ((phrase.pitch < LOWEST_PITCH) | (phrase.pitch > HIGHEST_PITCH)).any():
        return False
    try:
        finger(phrase, tuning)
    except Unplayable:
        return False
    return True


def _on_frets(tuning: Tuning) -> list[int]:
    """The pitches that a fitted phrase may have, ascending."""
    return [pitch for pitch in playable(tuning) if LOWEST_PITCH <= pitch <= HIGHEST_PITCH]


def _best_move(phrase: Phrase, tuning: Tuning) -> int:
    """The move of the whole phrase, in semitones, that `fit` makes first."""
    root = label_lai(phrase).root
    counts = phrase.is_melody if phrase.is_melody.any() else np.ones(len(phrase), dtype=bool)
    if root is not None:  # a passing note outside the set is not worth another key
        counts = counts & np.isin(phrase.pitch % 12, sorted(pentatonic_set(root)))
    on_fret = np.zeros(_HIGHEST_MIDI + 1, dtype=bool)
    on_fret[_on_frets(tuning)] = True
    moves = np.arange(-int(phrase.pitch.min()), _HIGHEST_MIDI - int(phrase.pitch.max()) + 1)
    lands = on_fret[phrase.pitch + moves[:, None]]  # (move, note)
    tune, all_notes = lands[:, counts].sum(axis=1), lands.sum(axis=1)
    best_first = np.lexsort((-moves, np.abs(moves), -all_notes, -tune))  # of two as good and as near, the one up
    here = next(at for at in best_first if moves[at] % 12 == 0)
    elsewhere = next(at for at in best_first if root is None or (root + moves[at]) % 12 in LAI_ROOTS or at == here)
    return int(moves[elsewhere if tune[elsewhere] > tune[here] else here])


def _label(before: Phrase, after: Phrase, semitones: int) -> str | None:
    """The lai that can be said of the fitted phrase: what was said, as long as nothing that tells a lai has changed."""
    found = label_lai(after)
    unchanged = semitones % 12 == 0 and found == label_lai(before)
    return before.lai if unchanged or before.lai is None else named(after, found).lai


class _Draft:
    """A phrase on its way to being playable. Rows keep their places until `finished`, so that notes keep their numbers.

    `silenced_by` has, for each note that another ends, that other one: a performance may not ring beyond its stroke.
    """

    def __init__(self, phrase: Phrase, tuning: Tuning) -> None:
        self.phrase, self.tuning = phrase, tuning
        self.rows = phrase.rows.copy()
        self.kept = np.ones(len(phrase), dtype=bool)
        self.silenced_by = np.full(len(phrase), _NOBODY)
        self.changes: list[str] = []

    def put_pitches_on_frets(self) -> None:
        """Gives each pitch that is on no fret the one that is to stand for it."""
        for pitch, instead in _replacements(self.phrase, self.tuning).items():
            notes = np.flatnonzero(self.phrase.pitch == pitch).tolist()
            self.rows[notes, PITCH] = instead
            others = f" and {len(notes) - 1} more" if len(notes) > 1 else ""
            why = f"{pitch_name(pitch)} is on no fret of {self.tuning}"
            if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                why = f"{pitch_name(pitch)} is outside {pitch_name(LOWEST_PITCH)} to {pitch_name(HIGHEST_PITCH)}"
            self.changes.append(f"{self._note(notes[0])}{others}: {why}, {pitch_name(instead)} stands for it")

    def merge_unisons(self) -> None:
        """Makes one stroke of those that came to meet on one pitch: the melody's, and of the melody's the highest."""
        for notes in self._groups():
            for pitch in np.unique(self.rows[notes, PITCH]):
                alike = [note for note in notes if self.rows[note, PITCH] == pitch]
                stays = max(alike, key=lambda note: (self.phrase.is_melody[note], note))
                for note in alike:
                    if note != stays:
                        self._drop(note, f"it has come to be the same as note {stays + 1}")

    def thin_chords(self) -> None:
        """Drops notes until every chord by itself can be taken by a hand: the melody note stays, then what fits."""
        for notes in self._groups():
            frets = dict(zip(notes, frets_by_place(self.rows[notes, PITCH].tolist(), self.tuning), strict=True))
            if under_one_hand(list(frets.values())):
                continue
            melody = [note for note in notes if self.phrase.is_melody[note]]
            accompaniment = sorted(set(notes) - set(melody), key=lambda note: int(self.rows[note, PITCH]))
            chord: list[int] = []
            for note in (*reversed(melody), *accompaniment):
                if under_one_hand([frets[other] for other in (*chord, note)]):
                    chord.append(note)
                else:
                    self._drop(note, f"the hand cannot take it together with {numbered(sorted(chord))}")

    def stop_what_rings_too_long(self) -> None:
        """Cuts short what rings on a pitch that is struck again, then what rings where a hand is needed elsewhere."""
        notes = np.flatnonzero(self.kept).tolist()
        by_pitch = sorted(notes, key=lambda note: (int(self.rows[note, PITCH]), int(self.rows[note, ONSET])))
        for one, other in pairwise(by_pitch):
            if self.rows[one, PITCH] != self.rows[other, PITCH]:
                continue
            self.silenced_by[one] = other  # as performed, the first may end late though it does not on the grid
            if self.rows[one, ONSET] + self.rows[one, DURATION] > self.rows[other, ONSET]:
                self._silence(one, other, "on the same pitch")
        rows = self.rows[notes]
        search = Search(rows, self.tuning, (self.phrase.tempo or ASSUMED_TEMPO) / 1e6, COSTS, self.phrase.hand)
        path = cheapest_path(search.run(may_silence=True))
        for ((before, _), (after, _)), (onset, struck) in zip(pairwise(path), search.groups[1:], strict=True):
            for place, note in enumerate(before):
                if note == SILENT or search.end[note] <= onset or after[place] == note:
                    continue
                if after[place] != SILENT:
                    self._silence(notes[note], notes[after[place]], f"on string {self.tuning.number(place)}")
                else:
                    self._silence(notes[note], notes[struck[-1]], "and its finger is needed")

    def finished(self) -> Phrase:
        """The phrase that the draft has become, its deviation with it where that still makes sense."""
        kept = np.flatnonzero(self.kept)
        kept = kept[np.lexsort((self.rows[kept, PITCH], self.rows[kept, ONSET]))]
        on_grid = replace(self.phrase, rows=self.rows[kept], deviation=None)
        if self.phrase.deviation is None:
            return on_grid
        performed = replace(on_grid, deviation=self._deviation(kept, self.phrase.deviation))
        if _strikes_what_sounds(performed):
            self.changes.append("its deviation from the grid is gone: as performed, two strokes on one pitch overlap")
            return on_grid
        return performed

    def _note(self, note: int) -> str:
        return f"note {note + 1} ({when(self.phrase, note)})"

    def _groups(self) -> list[list[int]]:
        """The kept notes that are struck together, in time."""
        notes = np.flatnonzero(self.kept)
        starts = np.flatnonzero(np.diff(self.rows[notes, ONSET])) + 1
        return [group.tolist() for group in np.split(notes, starts)]

    def _drop(self, note: int, why: str) -> None:
        self.kept[note] = False
        self.changes.append(f"{self._note(note)} is dropped: {why}")

    def _silence(self, note: int, by: int, where: str) -> None:
        self.rows[note, DURATION] = self.rows[by, ONSET] - self.rows[note, ONSET]
        self.silenced_by[note] = by
        self.changes.append(f"{self._note(note)} stops where note {by + 1} is struck {where}")

    def _deviation(self, kept: Int[np.ndarray, " kept"], deviation: Deviation) -> Deviation:
        """The deviation of the kept notes; a silenced one lasts at most until the note that silences it was struck."""
        ticks, ticks_per_quarter = to_ticks(self.phrase)
        onset, duration = ticks[:, ONSET], ticks[:, DURATION]
        silenced = np.flatnonzero(self.silenced_by != _NOBODY)
        until = onset[self.silenced_by[silenced]] - onset[silenced]
        duration[silenced] = np.clip(until, 1, duration[silenced])
        off = duration * STEPS_PER_QUARTER - self.rows[:, DURATION].astype(np.int64) * ticks_per_quarter
        return Deviation(ticks_per_quarter, deviation.onset[kept], off[kept])


def _replacements(phrase: Phrase, tuning: Tuning) -> dict[int, int]:
    """For each pitch of a phrase that is on no fret, the one that stands for it wherever it occurs."""
    on_frets = _on_frets(tuning)
    root = label_lai(phrase).root
    in_set = pentatonic_set(root) if root is not None else frozenset()
    written = phrase.melody.pitch
    direction = np.sign(np.diff(written))
    replaced, sung = {}, written
    for pitch in sorted(set(phrase.pitch.tolist()) - set(on_frets)):
        by_nearness = [(abs(other - pitch), other % 12 not in in_set, other) for other in on_frets]
        nearest = [other for _, _, other in sorted(by_nearness)]
        here = written == pitch
        steps = (here[:-1] | here[1:]).nonzero()  # to these notes, and from them
        replaced[pitch] = nearest[0]
        for octave in (other for other in nearest if (other - pitch) % 12 == 0):
            if (np.sign(np.diff(np.where(here, octave, sung))) == direction)[steps].all():
                replaced[pitch] = octave
                break
        sung = np.where(here, replaced[pitch], sung)
    return replaced


def _strikes_what_sounds(phrase: Phrase) -> bool:
    """Whether some pitch, as performed, is struck before its last stroke has ended."""
    ticks, _ = to_ticks(phrase)
    by_pitch = ticks[np.lexsort((phrase.onset, phrase.pitch))]
    one, other = by_pitch[:-1], by_pitch[1:]
    overlap = one[:, ONSET] + one[:, DURATION] > other[:, ONSET]
    return bool((overlap & (one[:, PITCH] == other[:, PITCH])).any())
