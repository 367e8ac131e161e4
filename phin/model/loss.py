"""Five loss terms, each a sum divided by what it counts over the whole optimiser step, and how they are weighed.

- note: pitch and voice of the next row
- rhythm: its step and duration, and the onsets of the coming quarter as 24 bits (their mean)
- technique: technique and velocity, where there are any, each label weighed by where it comes from
- mode: the lai, on tunes that have one and whose lai was hidden from the model
- pentatonic: whether the note lies in the tune's set, in or out as the real note does, P(in) summed from the pitch
  softmax

The pentatonic term repeats a part of the pitch term at a coarser grain.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from phin.batch import PARTS, PhinBatch, coming_onsets, label_counts, label_masks
from phin.errors import InvalidConfig
from phin.model.transformer import PhinLogits, pitch_class_ids
from phin.music.lai import pentatonic_set
from phin.music.phrase import LABEL_SOURCES, LabelSource
from phin.tokenizer import FIELDS, NUM_SYMBOLS, PITCH

TERMS = ("note", "rhythm", "technique", "mode", "pentatonic")
PARTS_OF_TERM = {
    "note": ("pitch", "voice"),
    "rhythm": ("step", "duration", "quarter"),
    "technique": ("technique", "velocity"),
    "mode": ("mode",),
    "pentatonic": ("pentatonic",),
}

IGNORED = -100
MEMORY = 0.9
"""What the running mean of `weighing: inverse` keeps of itself at each step."""


class Weighing(Enum):
    """How the terms are weighed: learned (homoscedastic uncertainty), by how small they are, by hand, or all alike."""

    LEARNED = "learned"
    INVERSE = "inverse"
    FIXED = "fixed"
    UNIFORM = "uniform"


@dataclass
class LossConfig:
    """`weights`, one a term, go with `weighing: fixed` and nothing else.

    Learned log-variances stay between the two bounds. With the lower one at 0 no term weighs more than it would
    uniformly: a term that is small because it is easy or rare (the pentatonic one) would else drown the notes.

    `technique_weights` say what a label of technique or velocity counts, by its LabelSource, beside those of another
    source: the term is a weighted mean, so where all labels are of one source nothing changes. Labels of which nobody
    has said where they come from count as written.

    `temperature` goes with `weighing: inverse`: the higher it is, the more alike are the weights.
    """

    weighing: Weighing = Weighing.LEARNED
    """learned (by homoscedastic uncertainty), inverse (by how small terms are), fixed or uniform."""
    weights: dict[str, float] = field(default_factory=dict)
    """Of each term, for `fixed`."""
    smallest_log_variance: float = 0.0
    """For `learned`: no term weighs more than exp(-it)."""
    largest_log_variance: float = 2.0
    """For `learned`: no term weighs less than exp(-it)."""
    temperature: float = 1.0
    """For `inverse`: the higher, the more alike the weights."""
    technique_weights: dict[str, float] = field(default_factory=lambda: {"written": 1.0, "rule": 0.5, "detected": 0.25})
    """What a label of technique or velocity counts, by where it comes from."""

    def __post_init__(self) -> None:
        if self.weighing is Weighing.FIXED and set(self.weights) != set(TERMS):
            raise InvalidConfig("loss.weights", f"must name each of {', '.join(TERMS)}", "see conf/loss/fixed.yaml")
        if self.weighing is not Weighing.FIXED and self.weights:
            raise InvalidConfig("loss.weights", f"mean nothing with weighing={self.weighing.value}", "set loss=fixed")
        if set(self.technique_weights) != set(LabelSource):
            named = ", ".join(LabelSource)
            raise InvalidConfig("loss.technique_weights", f"must name each of {named}", "see conf/loss/learned.yaml")
        for key in ("weights", "technique_weights"):
            for name, weight in getattr(self, key).items():
                if not 0 <= weight < math.inf:
                    raise InvalidConfig(f"loss.{key}.{name}={weight:g}", "is no weight", "take 0 or more")
        for name in ("smallest_log_variance", "largest_log_variance"):
            value = getattr(self, name)
            if self.weighing is not Weighing.LEARNED and value != getattr(LossConfig, name):
                reason = f"means nothing with weighing={self.weighing.value}"
                raise InvalidConfig(f"loss.{name}={value:g}", reason, "leave it out, or set loss=learned")
        if self.weighing is not Weighing.INVERSE and self.temperature != LossConfig.temperature:
            reason = f"means nothing with weighing={self.weighing.value}"
            raise InvalidConfig(f"loss.temperature={self.temperature:g}", reason, "leave it out, or set loss=inverse")
        if not 0 < self.temperature < math.inf:
            raise InvalidConfig(f"loss.temperature={self.temperature:g}", "is no temperature", "take one above 0")
        if not self.smallest_log_variance <= 0 <= self.largest_log_variance:
            raise InvalidConfig("loss", "the bounds of log-variances must hold 0, where they begin", "widen them")


class LossOutput(NamedTuple):
    """A batch's part of its step's loss: `total`, and in nats `parts` (PARTS) and `terms` (TERMS)."""

    total: Float[Tensor, ""]
    parts: Float[Tensor, " part"]
    terms: Float[Tensor, " term"]


class PhinLoss(nn.Module):
    """The five terms under one of four weighings.

    Learned: sum of exp(-s) L + s / 2 over the terms that have labels in the step (Kendall, Gal and Cipolla 2018,
    arXiv 1705.07115), s kept within bounds. exp(-s) is the weight a term has now; at rest s = ln 2L, so a weight near
    1 / 2L. It says how large a term still is, not how much it matters: `loss=fixed` and `loss=uniform` are the
    controls. `log_variances` belongs into a parameter group of its own without weight decay.

    Inverse: the softmax of 1 / (temperature L) over the terms that have had labels, times how many these are
    (Kirchdorfer et al. 2024, arXiv 2408.07985), L a running mean of the steps before, so that all batches of a step
    are weighed alike. A small term weighs more; the first step weighs all alike.
    """

    running_terms: Tensor
    fixed_weights: Tensor
    label_weights: Tensor
    belongs: Tensor
    in_set: Tensor

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        if config.weighing is Weighing.LEARNED:
            self.log_variances = nn.Parameter(torch.zeros(len(TERMS)))
        if config.weighing is Weighing.INVERSE:
            self.register_buffer("running_terms", torch.zeros(len(TERMS)))
        fixed = [config.weights.get(term, 1.0) for term in TERMS]
        self.register_buffer("fixed_weights", torch.tensor(fixed), persistent=False)
        label_weights = torch.ones(len(PARTS), len(LABEL_SOURCES))
        for part in PARTS_OF_TERM["technique"]:
            by_source = [config.technique_weights[source or LabelSource.WRITTEN] for source in LABEL_SOURCES]
            label_weights[PARTS.index(part)] = torch.tensor(by_source)
        self.register_buffer("label_weights", label_weights, persistent=False)
        in_set = torch.zeros(12, FIELDS[PITCH].size, dtype=torch.bool)
        for root in range(12):
            classes = pentatonic_set(root)
            in_set[root, NUM_SYMBOLS:] = torch.tensor(
                [pitch % 12 in classes for pitch in range(FIELDS[PITCH].lowest, FIELDS[PITCH].highest + 1)]
            )
        self.register_buffer("in_set", in_set, persistent=False)
        belongs = torch.tensor([[part in PARTS_OF_TERM[term] for part in PARTS] for term in TERMS])
        self.register_buffer("belongs", belongs, persistent=False)

    @property
    def weights(self) -> Float[Tensor, " term"]:
        """What each term counts for now."""
        match self.config.weighing:
            case Weighing.LEARNED:
                return torch.exp(-self.log_variances)
            case Weighing.INVERSE:
                return self._inverse_weights()
            case Weighing.FIXED | Weighing.UNIFORM:
                return self.fixed_weights

    def _inverse_weights(self) -> Float[Tensor, " term"]:
        had_labels = self.running_terms > 0
        if not had_labels.any():
            return torch.ones_like(self.running_terms)
        inverse = 1 / (self.config.temperature * self.running_terms)
        return had_labels.sum() * torch.where(had_labels, inverse, -torch.inf).softmax(dim=0)

    def forward(self, logits: PhinLogits, batch: PhinBatch) -> LossOutput:
        """A batch's part of its optimiser step's loss: over the step's batches, parts and totals add up."""
        counts = self.step_counts(batch)
        parts = self.part_sums(logits, batch) / torch.where(counts > 0, counts, 1)
        terms = self.belongs.to(parts.dtype) @ parts
        present = self.has_labels(batch).to(parts.dtype)
        total = (self.weights * terms * present).sum()
        if self.config.weighing is Weighing.LEARNED:
            notes = PARTS.index("pitch")
            share = label_counts(batch)[notes].sum() / counts[notes].clamp(min=1)
            total = total + share * (self.log_variances * present).sum() / 2
        return LossOutput(total, parts, terms)

    def step_counts(self, batch: PhinBatch) -> Float[Tensor, " part"]:
        """The weighed count of each part's labels in the batch's optimiser step."""
        labels = label_counts(batch) if batch.step_counts is None else batch.step_counts
        return (labels * self.label_weights).sum(dim=1)

    def has_labels(self, batch: PhinBatch) -> Bool[Tensor, " term"]:
        """Which terms the batch's optimiser step has labels for; the others are 0 and weigh nothing."""
        return (self.belongs & (self.step_counts(batch) > 0)).any(dim=1)

    def part_sums(self, logits: PhinLogits, batch: PhinBatch) -> Float[Tensor, " part"]:
        """The weighed sum of each part's negative log-likelihood over its labels, in nats."""
        masks = label_masks(batch)
        nll = dict(zip((f.name for f in FIELDS), field_nll(logits, batch).unbind(dim=-1), strict=True))
        onsets = coming_onsets(batch).to(logits.quarter)
        nll["quarter"] = F.binary_cross_entropy_with_logits(logits.quarter, onsets, reduction="none").mean(dim=-1)
        lai = batch.lai.clamp(min=0)[:, None, None].expand(*logits.lai.shape[:2], 1)
        nll["mode"] = -logits.lai.log_softmax(dim=-1).gather(-1, lai).squeeze(-1)
        nll["pentatonic"] = self._set_nll(logits.fields[PITCH], batch)
        weight = self.label_weights[:, batch.techniques_from, None]  # (part, B, 1)
        return torch.stack([(nll[part] * masks[part] * weight[place]).sum() for place, part in enumerate(PARTS)])

    def _set_nll(self, logits: Float[Tensor, "batch time id"], batch: PhinBatch) -> Float[Tensor, "batch time"]:
        """-log P(the note lies in the tune's set), or of its lying outside, as the real note does."""
        in_set = self.in_set[batch.root.clamp(min=0)]  # (B, id)
        same_side = in_set[:, None, :] == in_set.gather(1, batch.targets[..., PITCH])[..., None]
        return logits.logsumexp(dim=-1) - logits.masked_fill(~same_side, -torch.inf).logsumexp(dim=-1)

    @torch.no_grad()
    def after_step(self, terms: Float[Tensor, " term"]) -> None:
        """To be called after every optimiser step with its terms: brings what the weights are made of up to date."""
        if self.config.weighing is Weighing.LEARNED:
            self.log_variances.clamp_(self.config.smallest_log_variance, self.config.largest_log_variance)
        if self.config.weighing is Weighing.INVERSE:
            mean = torch.where(self.running_terms > 0, self.running_terms.lerp(terms, 1 - MEMORY), terms)
            self.running_terms.copy_(torch.where(terms > 0, mean, self.running_terms))  # 0: without labels


def field_nll(logits: PhinLogits, batch: PhinBatch) -> Float[Tensor, "batch time field"]:
    """Negative log-likelihood of each field of each target row, in nats; 0 where there is no label.

    Where a tune's octaves are inferred, the pitch's is that of its class.
    """
    masks = label_masks(batch)
    columns = []
    for index, column in enumerate(FIELDS):
        target = batch.targets[..., index].masked_fill(~masks[column.name], IGNORED)
        nll = F.cross_entropy(
            logits.fields[index].flatten(0, 1), target.flatten(), ignore_index=IGNORED, reduction="none"
        )
        columns.append(nll.view(target.shape))
    if batch.octave_inferred.any():
        of_class = _pitch_class_nll(logits.fields[PITCH], batch)
        class_alone = batch.octave_inferred[:, None] & masks["pitch"]
        columns[PITCH] = torch.where(class_alone, of_class, columns[PITCH])
    return torch.stack(columns, dim=-1)


def _pitch_class_nll(logits: Float[Tensor, "batch time id"], batch: PhinBatch) -> Float[Tensor, "batch time"]:
    """-log P(a pitch of the target's class), summed over its octaves in the vocabulary; of no meaning at no note."""
    classes = pitch_class_ids(torch.arange(logits.shape[-1], device=logits.device))
    target = pitch_class_ids(batch.targets[..., PITCH].clamp(min=NUM_SYMBOLS))
    return logits.logsumexp(dim=-1) - logits.masked_fill(classes != target[..., None], -torch.inf).logsumexp(dim=-1)
