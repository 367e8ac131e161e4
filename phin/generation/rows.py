"""Rows as the decode step reads them, made of what was given and drawn. Numpy only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.generation.limits import Heard
from phin.motif import COLUMNS, motif_ids
from phin.tokenizer import NUM_FIELDS, PAD_ID, START_ID, STEP, Encoded, melody_ids


class Rows(NamedTuple):
    """`phin.model.transformer.RowInputs` in numpy, with the place of every row."""

    ids: Int[np.ndarray, "tune time 6"]
    onset: Int[np.ndarray, "tune time"]
    melody: Int[np.ndarray, "tune time"]
    melody_before: Int[np.ndarray, "tune time"]
    motif: Int[np.ndarray, "tune time 4"]
    bar: Int[np.ndarray, " tune"]
    closing: Int[np.ndarray, " tune"]
    conditions: Int[np.ndarray, "tune 5"]
    place: Int[np.ndarray, "tune time"]


def beginning(tunes: Sequence[Encoded], conditions: Int[np.ndarray, "tune 5"]) -> Rows:
    """The rows of the beginnings of tunes (START, and notes if any) side by side, the last of each in the last column.

    Before a shorter one lie rows that are none, with place -1.
    """
    longest = max(len(tune.ids) for tune in tunes)
    ids = np.full((len(tunes), longest, NUM_FIELDS), PAD_ID, np.int64)
    onset, melody, melody_before = np.zeros((3, len(tunes), longest), np.int64)
    motif = np.zeros((len(tunes), longest, len(COLUMNS)), np.int64)
    place = np.full((len(tunes), longest), -1, np.int64)
    for number, tune in enumerate(tunes):
        own = slice(longest - len(tune.ids), longest)
        ids[number, own], onset[number, own], place[number, own] = tune.ids, tune.onset, np.arange(len(tune.ids))
        melody[number, own] = melody_ids(tune.ids)
        melody_before[number, own][1:] = melody[number, own][:-1]
        motif[number, own] = motif_ids(tune.ids, tune.onset)
    bar, closing = np.array([(tune.bar, tune.closing) for tune in tunes], np.int64).T
    return Rows(ids, onset, melody, melody_before, motif, bar, closing, conditions.astype(np.int64), place)


def hear(rows: Rows) -> Heard:
    """What was played by the end of the beginnings. What stands before a second START was told beforehand
    (`Encoded.future_first`): it is recalled, and nothing of it is played yet.
    """
    first = np.argmax(rows.place == 0, axis=1)
    heard = Heard(np.take_along_axis(rows.onset, first[:, None], axis=1)[:, 0])
    for column in range(rows.ids.shape[1]):
        ids, onset, there = rows.ids[:, column], rows.onset[:, column], rows.place[:, column] > 0
        starts = there & (ids[:, STEP] == START_ID)
        heard.hear(ids, there & ~starts, onset)
        if starts.any():
            heard.begin_again(starts, onset)
    return heard


def after(rows: Rows, ids: Int[np.ndarray, "tune 6"], heard: Heard) -> Rows:
    """The rows just drawn, as the step will read them; `heard` has heard all before them, and hears them now."""
    before, recalled = heard.melody, heard.hear(ids)
    drawn = (column[:, None] for column in (ids, heard.onset, heard.melody, before, recalled))
    return Rows(*drawn, bar=rows.bar, closing=rows.closing, conditions=rows.conditions, place=rows.place[:, -1:] + 1)
