"""What `phin-train` does unless told otherwise, for studies that train by their own loops. A test holds it to conf/."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from phin.batch import PhinBatch
from phin.cli.made import optimizer_maker
from phin.cli.train import TrainConfig
from phin.config import conf_dir, register
from phin.corpus.store import Store
from phin.data.dataset import TrainingTunes
from phin.data.loader import TrainingLoader
from phin.model.loss import TERMS, LossConfig, PhinLoss, Weighing
from phin.model.transformer import PhinTransformer
from phin.tokenizer import Tokenizer
from phin.training.lit_module import weight_groups

LOSS = LossConfig(weighing=Weighing.FIXED, weights=dict(zip(TERMS, (1.0, 1.0, 1.0, 0.1, 0.1), strict=True)))
"""conf/loss/fixed.yaml."""
WARM_UP = 5
"""Steps before a step takes as long as the others."""
PARTS = ("waiting", "forward", "backward", "optimiser")
"""Of a step's time."""


def settings(*overrides: str) -> TrainConfig:
    """Those of phin-train."""
    register("train", TrainConfig)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return OmegaConf.to_object(compose("train", overrides=list(overrides)))


@dataclass
class Loop:
    """A model that learns in a plain loop, and what the loop's seconds went into."""

    config: TrainConfig
    store: Store
    device: str = "cpu"
    half: torch.dtype | None = None
    """What products are computed in, if not in the precision of the weights."""

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        tokenizer = Tokenizer(sources=self.store.sources)
        self.model = PhinTransformer(self.config.model, tokenizer.condition_sizes).to(self.device)
        self.loss = PhinLoss(self.config.loss).to(self.device)
        self.optimizer = optimizer_maker(self.config.optimizer)(weight_groups(self.model, self.loss))
        tunes = TrainingTunes(self.store, tokenizer, self.config.data, seed=0)
        self.batches: Iterator[PhinBatch] = iter(TrainingLoader(tunes, self.store.split("train"), self.config.data))
        self.seconds: Counter[str] = Counter()
        self.notes = 0

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - began

    def learn(self) -> PhinBatch:
        """Leaves the gradients of the next batch, which is returned."""
        with self.timed("waiting"):
            batch = next(self.batches).to(self.device)
        with self.timed("forward"), torch.autocast(self.device, self.half, enabled=self.half is not None):
            total = self.loss(self.model(batch)[0], batch).total
        with self.timed("backward"):
            total.backward()
        return batch

    def train(self, steps: int) -> None:
        """Takes so many steps."""
        for _ in range(steps):
            batch = self.learn()
            with self.timed("optimiser"):
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad()
            self.notes += int(batch.is_note.sum())
