"""Which slots of a cache hold which rows of tunes that are drawn side by side. Numpy only.

Slots are made in blocks and written where they lie; under a window those are given up whose rows no tune sees again.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.generation.rows import Rows


class Room(NamedTuple):
    """How a cache is laid out anew: the slots that it keeps come first, and there are so many of them in all."""

    kept: Int[np.ndarray, " _"]
    size: int

    def moved(self, cached: Float[np.ndarray, "*rows slot width"]) -> Float[np.ndarray, "*rows more width"]:
        """Keys or values, laid out so."""
        made = np.zeros((*cached.shape[:-2], self.size, cached.shape[-1]), cached.dtype)
        count = len(self.kept)
        # without a window all are kept; a slice is copied once, what is picked twice
        kept = slice(count) if count == 0 or self.kept[-1] == count - 1 else self.kept
        made[..., :count, :] = cached[..., kept, :]
        return made


class Slots:
    """The onset and place of the row in every slot; a place of -1 says that it holds none."""

    BLOCK = 64

    def __init__(self, count: int, window: int | Int[np.ndarray, "tune 1 1"] | None = None) -> None:
        self.window = window
        self.used = 0
        self.onset: Int[np.ndarray, "tune slot"] = np.zeros((count, 0), np.int64)
        self.place: Int[np.ndarray, "tune slot"] = np.zeros((count, 0), np.int64)

    def room_for(self, rows: Rows) -> Room | None:
        """Makes room for rows that come next; None where there is enough."""
        count, length = rows.place.shape
        if self.used + length <= self.place.shape[1]:
            return None
        seen = self.place >= 0
        if self.window is not None:
            seen = (self.place == 0) | (self.place > rows.place.max(axis=1, keepdims=True) - self.window)
        kept = np.flatnonzero(seen.any(axis=0))
        room = Room(kept, self.BLOCK * -(-(len(kept) + length) // self.BLOCK))
        onset, place = np.zeros((count, room.size), np.int64), np.full((count, room.size), -1, np.int64)
        onset[:, : len(kept)], place[:, : len(kept)] = self.onset[:, kept], self.place[:, kept]
        self.onset, self.place, self.used = onset, place, len(kept)
        return room

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Of some of the tunes only."""
        self.onset, self.place = self.onset[which], self.place[which]

    def take(self, rows: Rows) -> slice:
        """The slots that rows now lie in, after room was made."""
        here = slice(self.used, self.used + rows.place.shape[1])
        self.onset[:, here], self.place[:, here] = rows.onset, rows.place
        self.used = here.stop
        return here
