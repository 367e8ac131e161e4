"""What every arm is: a model that says how likely a tune is, given its conditions."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.against_peers.corpus import Example
from phin.music.phrase import Metre, Phrase
from phin.tokenizer import NUM_CONDITIONS

END = 0


class Scores(NamedTuple):
    """-log P of each tune given its conditions, and in how many draws (tokens, rows) it was said."""

    nats: Float[Tensor, " tune"]
    draws: Int[Tensor, " tune"]


class Arm(nn.Module):
    """A model to be trained on examples and to be measured by what it makes of held-out ones."""

    def scores(self, examples: Sequence[Example]) -> Scores:
        """All bits of step, pitch and duration of each tune, its end included, whatever they are split into."""
        raise NotImplementedError

    def loss(self, examples: Sequence[Example]) -> Float[Tensor, ""]:
        """What training descends: nats a draw, unless an arm comes with a loss of its own."""
        nats, draws = self.scores(examples)
        return nats.sum() / draws.sum()

    def after_step(self) -> None:
        """Called after every step of the optimiser."""

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


class Notation(Protocol):
    """A way to write a melody as one sequence of tokens, numbered from 0."""

    @property
    def size(self) -> int:
        """How many tokens there are."""
        ...

    def encode(self, phrase: Phrase) -> list[int]:
        """Onsets, pitches and durations of a melody, and nothing else."""
        ...

    def decode(self, tokens: list[int], metre: Metre | None) -> Phrase:
        """The melody that was encoded; the metre is among the conditions."""
        ...


class TokenArm(Arm):
    """A causal model of one sequence: a token a condition, the tokens of the melody, the end.

    What can be drawn has the first ids: END, then the notation's tokens. Conditions and padding, which are only ever
    read, follow. A tune costs the bits of its tokens and its end; its conditions cost nothing, as in every arm.
    """

    def __init__(self, notation: Notation, condition_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.notation = notation
        self.drawable = 1 + notation.size
        self.first_condition = [self.drawable + sum(condition_sizes[:place]) for place in range(len(condition_sizes))]
        self.pad = self.drawable + sum(condition_sizes)
        self.num_ids = self.pad + 1

    def logits(self, ids: Int[Tensor, "tune token"]) -> Float[Tensor, "tune token id"]:
        """What follows each token; of the ids only those that can be drawn count."""
        raise NotImplementedError

    def encode(self, example: Example) -> list[int]:
        """Conditions, tokens and END as ids."""
        conditions = [
            first + int(value) for first, value in zip(self.first_condition, example.item.conditions, strict=True)
        ]
        return [*conditions, *(1 + token for token in self.notation.encode(example.phrase)), END]

    def scores(self, examples: Sequence[Example]) -> Scores:
        sequences = [torch.tensor(self.encode(example)) for example in examples]
        ids = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=self.pad)
        logits, targets = self.logits(ids[:, :-1])[..., : self.drawable], ids[:, 1:]
        drawn: Bool[Tensor, "tune token"] = targets < self.drawable
        assert not drawn[:, : NUM_CONDITIONS - 1].any(), "conditions are read, never drawn"
        nats = F.cross_entropy(
            logits.flatten(0, 1), targets.masked_fill(~drawn, END).flatten(), reduction="none"
        ).view_as(targets)
        return Scores((nats * drawn).sum(dim=1), drawn.sum(dim=1))
