"""How the five terms pull at what they share: the norm of each one's gradient, and the cosine between any two.

Below 0 two terms work against each other (Yu et al. 2020, arXiv 2001.06782). Learned weights do not see that: they go
by the size of a term alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn

from phin.batch import PhinBatch
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import TrainingTunes
from phin.data.loader import TrainingLoader
from phin.model.loss import TERMS, PhinLoss
from phin.model.transformer import PhinTransformer
from phin.training.lit_module import PhinModule

BATCHES_LOOKED_AT = 16
"""Of so many the one with labels of the most terms is measured: not every tune has a lai or techniques."""
HEADS = ("heads", "lai_head", "quarter_head")
"""What is no part of the trunk: one term's own, or seen by the later fields of a row alone."""


class TermGradients(L.Callback):
    """Logs `gradient_norm/TERM` and `gradient_cosine/TERM-TERM` at every validation, of the terms unweighed.

    Measured on one training batch, without dropout: the same for all runs with the same data settings and seed, also
    for those that go on. A term that has no labels there is left out.
    """

    def __init__(self) -> None:
        self.batch: PhinBatch | None = None

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, PhinModule)
        assert not pl_module.training, "dropout would draw from the random state that training goes on with"
        with torch.inference_mode(False), torch.enable_grad():
            if self.batch is None:
                batches = [batch.to(pl_module.device) for batch in islice(_batches(_data(trainer)), BATCHES_LOOKED_AT)]
                self.batch = most_labelled(batches, pl_module.loss)
            gradients = term_gradients(pl_module.model, pl_module.loss, self.batch)
        pl_module.found(norms_and_cosines(gradients))


def most_labelled(batches: Sequence[PhinBatch], loss: PhinLoss) -> PhinBatch:
    """The first of those that have labels of the most terms."""
    return max(batches, key=lambda batch: int(loss.has_labels(batch).sum()))


def term_gradients(
    model: PhinTransformer, loss: PhinLoss, batch: PhinBatch
) -> dict[str, Float[Tensor, " trunk_parameter"]]:
    """The gradient of each term that has labels with respect to the trunk's parameters; `.grad` stays as it was."""
    trunk = [weight for name, weight in model.named_parameters() if not name.startswith(HEADS)]
    terms = loss(model.forward(batch)[0], batch).terms  # a compiled model's call goes backward once, this does again
    labelled = [place for place, has_labels in enumerate(loss.has_labels(batch).tolist()) if has_labels]
    gradients = {}
    for place in labelled:
        parts = torch.autograd.grad(terms[place], trunk, retain_graph=place != labelled[-1], materialize_grads=True)
        gradients[TERMS[place]] = nn.utils.parameters_to_vector(parts)
    return gradients


def norms_and_cosines(gradients: dict[str, Float[Tensor, " parameter"]]) -> dict[str, float]:
    """What is logged of gradients; a cosine only between two that are not 0."""
    norms = {term: float(gradient.norm()) for term, gradient in gradients.items()}
    numbers = {f"gradient_norm/{term}": norm for term, norm in norms.items()}
    for one, other in combinations(gradients, 2):
        if norms[one] and norms[other]:
            cosine = float(gradients[one] @ gradients[other]) / (norms[one] * norms[other])
            numbers[f"gradient_cosine/{one}-{other}"] = cosine
    return numbers


def _data(trainer: L.Trainer) -> PhinDataModule:
    datamodule = getattr(trainer, "datamodule", None)
    assert isinstance(datamodule, PhinDataModule)
    return datamodule


def _batches(data: PhinDataModule) -> Iterator[PhinBatch]:
    """The first epoch's batches, made anew and here: the stream that training reads stays where it is."""
    config = replace(data.config, loader_workers=0)
    tunes = TrainingTunes(data.store, data.tokenizer, config, data.seed)
    return iter(TrainingLoader(tunes, data.learned, config))
