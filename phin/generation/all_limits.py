"""What tunes drawn side by side keep to: the limits of each constraint, and of all of them together. Numpy only.

They lie in one block, so that each step restores, adds up and looks up all of them at once: of a note of one tune, what
is done around the model is mostly the cost of starting numpy's operations.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from phin.errors import InvalidConfig
from phin.generation.constraints import Constraint
from phin.generation.limits import FORBIDDEN, NUM_AFTER, NUM_OF_TUNE, PLACES, Heard, Kind, Limits
from phin.tokenizer import SIZES, STEP

_NUM_NOW = PLACES["pitch"][1]
"""Of the numbers after the step, so many can change from step to step; they come first."""


class AllLimits:
    """Constraints of `count` tunes. Raises InvalidConfig for two that make motifs dearer, of which one would win."""

    def __init__(self, constraints: Sequence[Constraint], count: int) -> None:
        self._numbers = np.zeros((len(constraints) + 1, count * NUM_OF_TUNE), np.float32)
        kinds = np.zeros((len(constraints) + 1, count, SIZES[STEP]), np.int8)
        *own, self._all = (Limits(count, *parts) for parts in zip(self._numbers, kinds, strict=True))
        someone_gives = any(constraint.gives_notes for constraint in constraints)
        self._changing = list[tuple[Constraint, Limits, bool]]()
        """With their limits; and whether they leave given notes as they are given."""
        for constraint, limits in zip(constraints, own, strict=True):
            constraint.always(limits)
            leaves_given = someone_gives and not constraint.gives_notes
            if leaves_given:
                limits.after[:, Kind.GIVEN] = 0
            if type(constraint).now is not Constraint.now:
                self._changing.append((constraint, limits, leaves_given))
            limits.duration.flags.writeable = limits.velocity.flags.writeable = False
        np.add.reduce(self._numbers[:-1], axis=0, out=self._numbers[-1])
        steps = count * SIZES[STEP]
        after = self._numbers[:, steps:].reshape(len(self._numbers), -1, NUM_AFTER)
        self._sums = [(part[:-1], part[-1]) for part in (self._numbers[:, :steps], after[..., :_NUM_NOW])]
        self._own_kinds, self._kind = kinds[:-1], kinds[-1]
        self._always = [(part, part.copy()) for part in (self._sums[0][0], self._sums[1][0], self._own_kinds)]
        recalling = [limits for constraint, limits, _ in self._changing if constraint.recalls]
        if len(recalling) > 1:
            raise InvalidConfig("constraints", "two of them make motifs dearer", "put them together in one")
        for limits in recalling:
            self._all.recalled, self._all.recalled_cost = limits.recalled, limits.recalled_cost

    def limits(self, heard: Heard) -> Limits:
        """Of the next row, all together: of two kinds the later one holds. They are the same object each time."""
        if not self._changing:
            return self._all
        for part, always in self._always:
            np.copyto(part, always)
        for constraint, limits, leaves_given in self._changing:
            constraint.now(heard, limits)
            if leaves_given:
                limits.after[:, Kind.GIVEN, :_NUM_NOW] = 0
        for own, all_of_them in self._sums:
            np.add.reduce(own, axis=0, out=all_of_them)
        np.maximum.reduce(self._own_kinds, axis=0, out=self._kind)
        return self._all

    def allowed(self, ids: Int[np.ndarray, "tune 6"]) -> Bool[np.ndarray, "constraint tune id"]:
        """Which ids of all fields side by side each constraint allows, in the last place all of them together; each
        field's given those before it in `ids`, which were drawn under these limits.
        """
        return self._numbers.take(self._all.places(ids), axis=1) > FORBIDDEN
