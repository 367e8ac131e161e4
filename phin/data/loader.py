"""The stream of training batches: it knows where it is, can begin anywhere, and tells each batch its step's counts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch.utils.data import DataLoader

from phin.batch import PhinBatch, collate, label_counts
from phin.data.batching import Batches, epoch_batches, num_batches
from phin.data.dataset import DataConfig, Key, TrainingTunes


class TrainingLoader:
    """Batches of one epoch after another. Iterating goes through one epoch, or what is left of it.

    `accumulate` batches make an optimiser step; each carries the label counts of all of them. With several processes
    each takes every `world_size`-th batch; where an epoch's last ones are not enough for all, the others get one that
    has no labels, so that all keep step and nothing is left out. `state_dict` says how many batches of which epoch were
    handed out; a loader that loads it goes on there.
    """

    def __init__(
        self,
        tunes: TrainingTunes,
        train: Int[np.ndarray, " tune"],
        config: DataConfig,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.tunes, self.train, self.config = tunes, train, config
        self.accumulate, self.rank, self.world_size = accumulate, rank, world_size
        self.lengths = np.minimum(tunes.store.lengths[train], config.window).astype(np.int32)
        self.epoch, self.handed_out = 0, 0

    def __len__(self) -> int:
        """Batches of a whole epoch, for this process."""
        return -(-num_batches(self.lengths, self.config.batch_notes) // self.world_size)

    def __iter__(self) -> Iterator[PhinBatch]:
        if self.handed_out >= len(self):  # whoever knows our length never asks for the end
            self.epoch, self.handed_out = self.epoch + 1, 0
        batches = self._batches(self.epoch, self.handed_out)

        def step() -> list[PhinBatch]:
            group = list(islice(batches, self.accumulate))
            counts = sum(label_counts(batch) for batch in group)
            return [replace(batch, step_counts=counts) for batch in group]

        with ThreadPoolExecutor(1, "batches") as ahead:  # torch computes without Python's lock
            coming = ahead.submit(step)
            while group := coming.result():
                coming = ahead.submit(step)
                for batch in group:
                    self.handed_out += 1
                    yield batch

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {"epoch": self.epoch, "handed_out": self.handed_out}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where another loader stood. A step is never begun in its middle."""
        self.epoch, self.handed_out = int(state["epoch"]), int(state["handed_out"])

    def _batches(self, epoch: int, start: int) -> Iterator[PhinBatch]:
        """This process's batches of an epoch, as many as every other process has."""
        plan = epoch_batches(self.lengths, self.config.batch_notes, self.tunes.seed, epoch)
        mine = plan[self.rank :: self.world_size]
        handed = mine.followed_by(plan[-1:])[: len(self)]
        for place, batch in enumerate(self._loader(epoch, handed[start:]), start):
            yield batch if place < len(mine) else batch.without_labels()

    def _loader(self, epoch: int, batches: Batches) -> DataLoader:
        workers = self.config.loader_workers
        return DataLoader(
            self.tunes,
            batch_sampler=_Keys(epoch, self.train, batches),
            collate_fn=collate,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            generator=torch.Generator(),  # else each epoch would draw from torch's own, which dropout draws from
        )


@dataclass(frozen=True)
class _Keys:
    """The keys of batches, made as they are asked for: those of a whole epoch would be as large as its notes."""

    epoch: int
    train: Int[np.ndarray, " tune"]
    batches: Batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Key]]:
        return ([(self.epoch, int(tune)) for tune in self.train[batch]] for batch in self.batches)
