"""A plan becomes tunes: drawn by a player on the stage, as phin-generate draws them; and a first guess where each note
lies, while the tune is not over.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from phin.generation.choice import Choice, Chosen
from phin.generation.recipe import Copied
from phin.generation.rows import Rows
from phin.generation.stream import StreamedNote, away_of, stream, tune_of, values_of
from phin.music.fingering import reaches
from phin.music.fretboard import FRET_DISTANCES, Tuning, positions
from phin.music.phrase import TECHNIQUE, LabelSource, Phrase
from phin.music.suggestion import load, ornamented
from phin.tokenizer import END_ID, NUM_SYMBOLS, STEP
from phin.web.asked import Plan
from phin.web.stage import Player
from phin.web.tune import Tune, to_json


def several(player: Player, plan: Plan, count: int, copied: Copied | None = None) -> list[Tune]:
    """`count` tunes from the plan's number on: those that phin-generate keeps of these numbers. Raises PhinError."""
    chosen = plan.choose(player, count, Choice(), first=plan.number)
    return [_told(each, plan, copied) for each in chosen]


def one(player: Player, plan: Plan, copied: Copied | None = None) -> Tune:
    """The tune of the plan's number, which the player's listener hears as it is drawn: what `play` makes of it. What
    was heard is not drawn again, so that its faults are told.
    """
    (played,) = plan.draw(player, [plan.number])
    fault = plan.falls_silent(played.phrase)
    return _told(Chosen(played, () if fault is None else (fault,)), plan, copied)


def endless(player: Player, plan: Plan, most_notes: int, hear: Callable[[StreamedNote], None]) -> Tune:
    """A tune without end, until it has as many notes, each of which is heard; what was played of it."""
    begins = plan.beginning(player.about.tokenizer)
    notes = list[StreamedNote]()
    for note in stream(player, plan.request, plan.seed, plan.sampler, plan.constraints, begins, hear):
        notes.append(note)
        if len(notes) == most_notes:
            break
    tune = tune_of(notes, plan.request, plan.seed, plan.given and plan.given.phrase)
    finished, changes = plan.keep.finished(tune, plan.request)
    said = [f"broken off after {most_notes:,} notes", *changes, *away_of(notes, bool(plan.constraints))]
    return to_json(_ornamented(finished, plan.techniques), said)


def _told(chosen: Chosen, plan: Plan, copied: Copied | None = None) -> Tune:
    """A tune that is kept, finished as it was wished, with what is to be said of it."""
    finished, said = plan.finish(chosen, copied)
    if plan.given is not None:
        said += plan.given.against(plan.keep, plan.request)
    return to_json(_ornamented(finished, plan.techniques), said)


def _ornamented(phrase: Phrase, techniques: float) -> Phrase:
    """The phrase, such a share of its melody notes with an ornament."""
    if not techniques:
        return phrase
    rows = phrase.rows.copy()
    ornaments = ornamented(load().suggest(phrase), techniques)
    for row, ornament in zip(np.flatnonzero(phrase.is_melody).tolist(), ornaments, strict=True):
        if ornament is not None:
            rows[row, TECHNIQUE] = ornament
    return replace(phrase, rows=rows, techniques_from=LabelSource.RULE)


def drawn_note(before: Rows, ids: Int[np.ndarray, " field"]) -> tuple[int, ...] | None:
    """The row of a phrase that was drawn after those before it; None for the end of the tune."""
    if ids[STEP] == END_ID:
        return None
    onset = int(before.onset[0, -1]) + int(ids[STEP]) - NUM_SYMBOLS
    return onset, *values_of(ids)


class Hand:
    """Follows a tune note by note: what a hand could do that does not know what comes.

    It stays where it is as long as it reaches what is struck, and takes the place that it need go the least way to; of
    notes struck together each has a string of its own, under one hand. Where it is to `stay` at a fret, it does.
    """

    def __init__(self, tuning: Tuning, stay: int | None = None) -> None:
        self.tuning, self.at = tuning, stay or 1
        self._ways = range(1, len(FRET_DISTANCES)) if stay is None else (stay,)
        self._onset: int | None = None
        self._struck: dict[int, int] = {}
        """By string, the fret of what was struck at the last onset."""

    def takes(self, onset: int, pitch: int) -> tuple[int, int] | tuple[None, None]:
        """The string and fret of the next note; none where it is on no fret, or out of reach beside the others."""
        if onset != self._onset:
            self._onset, self._struck = onset, {}
        found = list[tuple[float, int, int, int]]()
        for string, fret in positions(pitch, self.tuning):
            if string in self._struck:
                continue
            frets = [each for each in (*self._struck.values(), fret) if each]
            hands = [hand for hand in self._ways if all(reaches(hand, each) for each in frets)]
            for hand in hands:
                way = abs(FRET_DISTANCES[hand] - FRET_DISTANCES[self.at])
                found.append((way, string, fret, hand))
        if not found:
            return None, None
        _, string, fret, self.at = min(found)
        self._struck[string] = fret
        return string, fret
