"""The LightningDataModule: prepares the corpus, and hands batches to training, validation and testing."""

from typing import Any

import lightning as L
import numpy as np
import torch
from jaxtyping import Int
from torch.utils.data import DataLoader

from phin.batch import collate
from phin.corpus.intake import prepare
from phin.corpus.store import SPLITS, Store
from phin.data.batching import EVALUATION_ROWS, batches_of_like_length, least_batch
from phin.data.dataset import DataConfig, EvaluationTunes, TrainingTunes
from phin.data.loader import TrainingLoader
from phin.errors import MissingCorpus
from phin.tokenizer import Tokenizer


class PhinDataModule(L.LightningDataModule):
    """Tunes of one corpus, of `store` if it is prepared already.

    `tokenizer` is made from its sources unless one is given (that of a checkpoint).
    """

    def __init__(
        self,
        config: DataConfig,
        seed: int,
        store: Store | None = None,
        progress: bool = True,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        super().__init__()
        self.config, self.seed = config, seed
        self.store = store or prepare(config, progress)
        self.tokenizer = tokenizer or Tokenizer(sources=self.store.sources)
        self.loader: TrainingLoader | None = None
        if empty := [name for name in SPLITS if len(self.store.split(name)) == 0]:
            raise MissingCorpus(
                config.path or config.name,
                f"its {len(self.store)} tunes of {len(set(self.store.families.tolist()))} families leave nothing for "
                + " and ".join(empty),
                f"take another list than data.splits={config.splits}, or none: data.splits=null"
                if config.splits
                else "give it tunes of at least three families: a family is never split",
            )

    def train_dataloader(self) -> TrainingLoader:
        """Augmented tunes, epoch after epoch."""
        trainer = self.trainer
        self.loader = TrainingLoader(
            TrainingTunes(self.store, self.tokenizer, self.config, self.seed),
            self.learned,
            self.config,
            accumulate=trainer.accumulate_grad_batches if trainer else 1,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        return self.loader

    def val_dataloader(self) -> DataLoader[Any]:
        """The validation melodies as they were written: of several processes that train together, each has a share."""
        chosen, trainer = self.validated, self.trainer
        return self._evaluation_loader(chosen[trainer.global_rank :: trainer.world_size] if trainer else chosen)

    def test_dataloader(self) -> DataLoader[Any]:
        """The test melodies as they were written."""
        return self.evaluation_loader("test")

    def evaluation_loader(self, split: str) -> DataLoader[Any]:
        """A split's melodies as they were written, longest first."""
        return self._evaluation_loader(self.store.split(split))

    @property
    def validated(self) -> Int[np.ndarray, " tune"]:
        """The tunes that are validated on; in a trial by `overfit` those that are learned from."""
        return self.learned if self.config.overfit else self.store.split("validation")

    @property
    def learned(self) -> Int[np.ndarray, " tune"]:
        """The training tunes that are learned from: a share of the families, or the few of a trial by `overfit`."""
        train = self.store.split("train")
        if self.config.share < 1:
            families = np.random.default_rng(0).permutation(np.unique(self.store.families[train]))
            most = max(1, round(self.config.share * len(families)))
            train = train[np.isin(self.store.families[train], families[:most])]
        return train[: self.config.overfit or None]

    @property
    def least_batch(self) -> int:
        """Notes of the smallest batches that what is learned from can be cut into, whatever data.batch_notes says."""
        return least_batch(np.minimum(self.store.lengths[self.learned], self.config.window))

    def _evaluation_loader(self, chosen: Int[np.ndarray, " tune"]) -> DataLoader[Any]:
        tunes = EvaluationTunes(self.store, self.tokenizer, chosen.tolist())
        batches: Any = [batch.tolist() for batch in batches_of_like_length(tunes.lengths, EVALUATION_ROWS)]
        # a generator of its own, else each validation would draw from torch's, which dropout draws from
        return DataLoader(tunes, batch_sampler=batches, collate_fn=collate, generator=torch.Generator())
