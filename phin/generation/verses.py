"""What a tune without end is drawn from: its theme, which is its first verse, and its latest verses, told as one tune.

A model that hears nothing but its own last notes wanders: after half an hour it had left the lai that was asked for,
and what it played was noise (`experiments/streaming`). So it hears where the tune began, never farther off than a
few verses, and musical time is told anew: each time a verse is full, what lies between the theme and the
latest verse is forgotten, and the latest is moved back to follow the theme. Numpy only.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from phin.lookup import BARS_COUNTED
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.tokenizer import LONGEST_STEP, NUM_SYMBOLS, STEP, UNKNOWN_ID, Encoded

FEWEST_LINES = 4
"""Of a verse."""
MOST_HEARD = 3
"""Verses, the theme among them: what is drawn next stands in one of these."""


def verse_of(bar: int) -> int:
    """Steps in a verse, in bars of so many steps (0: unknown): whole lines, and as often eight bars as the model counts
    them, so that a note that is moved by verses stands where it stood in its line, its bar, and among eight bars.
    """
    line = STEPS_PER_HONG * HONG_PER_LINE
    whole = math.lcm(line, BARS_COUNTED * bar) if bar else line
    return whole * math.ceil(FEWEST_LINES * line / whole)


def is_full(onset: int, verse: int) -> bool:
    """Whether a tune whose last note begins there has to be moved back before it goes on."""
    return onset >= MOST_HEARD * verse


def latest(tune: Encoded, verse: int) -> tuple[Encoded, int]:
    """What is heard of a tune, and by how many steps its latest verses were moved back.

    All of it, until it is full; then the notes before the end of the first verse, and those from the verse before the
    last note's on, moved to follow them. Where that is later than a step can say, the step is UNKNOWN.
    """
    last = int(tune.onset[-1])
    if not is_full(last, verse):
        return tune, 0
    moved = (last // verse - MOST_HEARD + 1) * verse
    theme, later = tune.onset < verse, tune.onset >= moved + verse
    ids = np.concatenate([tune.ids[theme], tune.ids[later]])
    onset = np.concatenate([tune.onset[theme], tune.onset[later] - moved])
    first = int(theme.sum())
    step = int(onset[first] - onset[first - 1])
    ids[first, STEP] = step + NUM_SYMBOLS if step <= LONGEST_STEP else UNKNOWN_ID
    return replace(tune, ids=ids, onset=onset), moved


def gone_on(tune: Encoded, drawn: Sequence[Int[np.ndarray, " field"]]) -> Encoded:
    """A tune (START, and notes if any) and the rows of the notes that were drawn after it."""
    ids = np.stack(drawn)
    onset = tune.onset[-1] + np.cumsum(ids[:, STEP] - NUM_SYMBOLS)
    return replace(tune, ids=np.concatenate([tune.ids, ids]), onset=np.concatenate([tune.onset, onset]))
