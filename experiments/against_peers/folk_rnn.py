"""An LSTM like folk-rnn's: tokens in the manner of ABC, three layers, a softmax over the tokens.

Sturm, Santos, Ben-Tal and Korshunova 2016 (arXiv 1604.08723): folk-rnn reads one token a pitch, one a length, one a
bar line, and draws the next one with three LSTM layers of 512 and dropout. Ours have 320, for the parameter budget,
and no dropout.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.against_peers.arm import TokenArm
from phin.music.phrase import Metre, Phrase, rows_from_columns
from phin.tokenizer import HIGHEST_PITCH, LONGEST_STEP, LOWEST_PITCH, first_origin

UNIT = 12
"""Steps of a note whose length is not written: an eighth, as L:1/8 says in a head of ABC."""

BAR, REST, FIRST_PITCH = 0, 1, 2
FIRST_LENGTH = FIRST_PITCH + HIGHEST_PITCH - LOWEST_PITCH + 1


class AbcNotation:
    """Pitches and rests, each with a length unless it is an eighth, and bar lines.

    Time runs from one bar before the first downbeat. A bar line is written once the time has come to a downbeat or,
    where a note rings over it, has passed it; reading goes by the lengths alone. No two notes may sound at once.
    """

    size = FIRST_LENGTH + LONGEST_STEP

    def encode(self, phrase: Phrase) -> list[int]:
        """The tokens of a melody."""
        tokens, time = [], first_origin(phrase.metre)
        bar = -time

        def write(symbol: int, length: int) -> None:
            nonlocal time
            tokens.append(symbol)
            if length != UNIT:
                tokens.append(FIRST_LENGTH + length - 1)
            tokens.extend([BAR] * ((time + length) // bar - time // bar))
            time += length

        for onset, pitch, duration in zip(*_columns(phrase), strict=True):
            if onset > time:
                write(REST, onset - time)
            assert onset == time, "no two notes sound at once"
            write(FIRST_PITCH + pitch - LOWEST_PITCH, duration)
        return tokens

    def decode(self, tokens: list[int], metre: Metre | None) -> Phrase:
        """The melody, by its lengths."""
        time, notes = first_origin(metre), []
        for symbol, after in pairwise([*(token for token in tokens if token != BAR), BAR]):
            if symbol >= FIRST_LENGTH:
                continue
            length = after - FIRST_LENGTH + 1 if after >= FIRST_LENGTH else UNIT
            if symbol != REST:
                notes.append((time, length, symbol - FIRST_PITCH + LOWEST_PITCH))
            time += length
        onset, duration, pitch = torch.tensor(notes).view(-1, 3).T.numpy()
        return Phrase(rows_from_columns(onset, duration, pitch), metre=metre)


def _columns(phrase: Phrase) -> tuple[list[int], list[int], list[int]]:
    return phrase.onset.tolist(), phrase.pitch.tolist(), phrase.duration.tolist()


class FolkRnn(TokenArm):
    """Three layers."""

    def __init__(self, condition_sizes: tuple[int, ...], width: int) -> None:
        super().__init__(AbcNotation(), condition_sizes)
        self.embed = nn.Embedding(self.num_ids, width)
        self.lstm = nn.LSTM(width, width, num_layers=3, batch_first=True)
        self.out = nn.Linear(width, self.drawable)
        self._initialise()

    def _initialise(self) -> None:
        """Open forget gates (Jozefowicz et al. 2015), orthogonal matrices over time and Glorot's between layers. As
        PyTorch begins, three layers had learned little more than how often each token comes after 600 steps.
        """
        for name, parameter in self.lstm.named_parameters():
            gates = parameter.data.chunk(4)  # what comes in, what is forgotten, the cell, what goes out
            for gate in gates:
                if name.startswith("weight_hh"):
                    nn.init.orthogonal_(gate)
                elif name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(gate)
                else:
                    nn.init.zeros_(gate)
            if name.startswith("bias_ih"):
                nn.init.ones_(gates[1])

    def logits(self, ids: Int[Tensor, "tune token"]) -> Float[Tensor, "tune token id"]:
        return self.out(self.lstm(self.embed(ids))[0])
