"""phin's own model and losses, as `phin-train` puts them together."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from experiments.against_peers.arm import Arm, Scores
from experiments.against_peers.corpus import Example
from experiments.recipe import LOSS
from phin.batch import collate
from phin.model.loss import PhinLoss, field_nll
from phin.model.transformer import PhinTransformer, TransformerConfig
from phin.tokenizer import HEADLINE_FIELDS


class Ours(Arm):
    """A transformer over rows, trained by the five weighed terms, measured by step, pitch and duration alone."""

    def __init__(self, condition_sizes: tuple[int, ...], config: TransformerConfig) -> None:
        super().__init__()
        self.model = PhinTransformer(config, condition_sizes)
        self.criterion = PhinLoss(LOSS)

    def scores(self, examples: Sequence[Example]) -> Scores:
        batch = collate([example.item for example in examples])
        logits, _ = self.model(batch)
        nats = field_nll(logits, batch)[..., list(HEADLINE_FIELDS)]
        return Scores(nats.sum(dim=(1, 2)), batch.is_row.sum(dim=1))

    def loss(self, examples: Sequence[Example]) -> Float[Tensor, ""]:
        batch = collate([example.item for example in examples])
        said = self.criterion(self.model(batch)[0], batch)
        self._terms = said.terms.detach()
        return said.total

    def after_step(self) -> None:
        self.criterion.after_step(self._terms)
