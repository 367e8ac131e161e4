"""New tunes from a model: exact in length, seeded, many at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from phin.errors import PhinError
from phin.generation.constraints import Constraint, Length
from phin.generation.draw import Noise, draw_rows
from phin.generation.limits import Limits
from phin.generation.request import SamplerConfig, Stream, TuneRequest, refuse_draw
from phin.generation.rows import Rows, beginning
from phin.generation.step import DecodeStep, StepLimits
from phin.model.checkpoint import Identity
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.music.augment import named
from phin.music.lai import label_lai
from phin.music.phrase import ASSUMED_TEMPO, DURATION, HONG_PER_LINE, ONSET, STEPS_PER_HONG, Metre, Phrase
from phin.tokenizer import END_ID, FIELDS, NUM_FIELDS, START_ID, STEP, Encoded, first_origin

BATCH = 64
"""Tunes drawn side by side; which ones does not change any of them."""
ALL = "all"
SCARCE = 1e-3
"""With less of the model's probability left than this, what is drawn says little of the model."""
MOST_NOTES_A_HONG = 12
"""A tune denser than this on average is going nowhere and is given up."""


class Played(NamedTuple):
    """A tune, and what it cost to keep to what was asked."""

    phrase: Phrase
    log_probability: float
    """Of all that was drawn, in nats, as the model has it: before constraints, temperature and filters."""
    left_out: dict[str, float]
    """By constraint, and for `ALL` of them, how far off the model's own tunes it is: bits a note, the logarithm of the
    probability that was left. Masking is not conditioning: the model draws as if what comes later were free."""
    scarce: tuple[str, ...]
    """Where less than `SCARCE` of a field's probability was left, in words."""


def generate(
    model: PhinTransformer,
    identity: Identity,
    request: TuneRequest,
    count: int,
    seed: int,
    sampler: SamplerConfig | None = None,
) -> list[Phrase]:
    """`count` new tunes, as `play` plays them where nothing binds them."""
    return [each.phrase for each in play(model, identity, request, count, seed, sampler)]


def play(
    model: PhinTransformer,
    identity: Identity,
    request: TuneRequest,
    count: int,
    seed: int,
    sampler: SamplerConfig | None = None,
    progress: bool = False,
    constraints: Sequence[Constraint] = (),
    begins: Encoded | None = None,
) -> list[Played]:
    """`count` new tunes. Tune k is a function of (model, request, sampler, constraints, begins, seed, k) alone.

    `begins` are the rows that each begins with, START first; none, if it is not given. A tune is as long as the request
    says, unless a constraint says when it ends. It names the lai that its notes are in, which need not be the one that
    was asked for. A model that never learned how long notes last lets them ring, as letters do. Raises PhinError for
    one that never learned when they begin, where constraints leave nothing to draw, and where a tune does not come to
    its end.
    """
    refuse_draw(count, seed)
    if not identity.learned_fields[STEP]:
        reason = f"was trained on {identity.corpus}, where nobody wrote the rhythm down, and knows none"
        raise PhinError("model", reason, "train it with tunes among the others whose rhythm is written")
    step = DecodeStep(model, identity.learned_fields, sampler or SamplerConfig())
    streams = request.streams(identity.tokenizer)
    kept_to = list(constraints)
    if all(constraint.latest is None for constraint in kept_to):
        kept_to.insert(0, Length(request.last_stroke))
    latest = min(constraint.latest for constraint in kept_to if constraint.latest is not None)
    most_rows = MOST_NOTES_A_HONG * (HONG_PER_LINE + latest // STEPS_PER_HONG)
    tunes: list[Played] = []
    for first in tqdm(range(0, count, BATCH), "drawing", unit="batch", disable=not progress or count <= BATCH):
        numbers = range(first, min(first + BATCH, count))
        rows = beginning(
            [begins or start_of(request)] * len(numbers), np.tile(streams[0].conditions, (len(numbers), 1))
        )
        drawn = list(draw_rows(TorchStep(step, streams), rows, kept_to, seed, numbers, most_rows))
        ids, chances, allowed = (np.stack(column) for column in zip(*drawn, strict=True))
        for place, number in enumerate(numbers):
            whole = ids[:, place] if begins is None else np.concatenate([begins.ids[1:], ids[:, place]])
            phrase = replace(_tune(whole, identity, request), title=f"phin {seed}-{number + 1}")
            until = 1 + int((ids[:, place, STEP] == END_ID).argmax())  # rows, the end among them
            given = 0 if begins is None else len(begins.ids) - 1
            tunes.append(_played(phrase, given, chances[:until, place], allowed[:until, :, place], kept_to))
    return tunes


def _played(
    phrase: Phrase,
    given: int,
    log_probability: Float[np.ndarray, "row 6"],
    allowed: Float[np.ndarray, "row constraint 6"],
    constraints: Sequence[Constraint],
) -> Played:
    """What is told of a phrase whose first `given` notes were not drawn."""
    names = [*(type(constraint).__name__ for constraint in constraints), ALL]
    bits = -np.log2(allowed).sum(axis=(0, 2)) / max(len(phrase) - given, 1)
    left_out = dict.fromkeys(names, 0.0)
    for name, value in zip(names, bits.tolist(), strict=True):
        left_out[name] += max(value, 0.0)
    scarce = [
        f"note {given + row + 1}: {allowed[row, -1, field]:.2g} of its {FIELDS[field].name}"
        for row, field in np.argwhere(allowed[:, -1] < SCARCE).tolist()
    ]
    return Played(phrase, float(log_probability.sum()), left_out, tuple(scarce))


def start_of(request: TuneRequest) -> Encoded:
    """A tune before its first note."""
    metre = Metre.parse(request.metre)
    return Encoded(np.full((1, NUM_FIELDS), START_ID), np.array([first_origin(metre)]), metre.bar)


class TorchStep:
    """A DecodeStep with the cache of the tunes that it draws. Slots are made in blocks and written where they lie.

    With streams each tune is drawn from several styles at once; without, from the conditions of its rows alone.
    """

    BLOCK = 64

    def __init__(self, step: DecodeStep, streams: Sequence[Stream] = (), window: int | None = None) -> None:
        self.step, self.window, self.streams = step, window, streams
        weight = next(step.parameters())
        self.device, self.weights = weight.device, weight.new_tensor([each.weight for each in streams] or [1.0])
        self._slots: KVCache | None = None
        self._used = 0

    @torch.inference_mode()
    def __call__(self, rows: Rows, noise: Noise, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
        """The rows after `rows`, and how likely each id was."""
        given = RowInputs(*(self._tensor(column) for column in self._in_streams(rows)))
        tables = StepLimits(*(self._tensor(table) for table in limits.tables))
        drawn, own = self.step(given, self._slots, tuple(map(self._tensor, noise)), tables, self.weights, self.window)
        self._keep(own)
        return drawn.ids.cpu().numpy(), drawn.chances.cpu().numpy()

    def _in_streams(self, rows: Rows) -> Rows:
        """The rows of all tunes once a stream, under its conditions."""
        if not self.streams:
            return rows
        count = len(rows.ids)
        conditions = np.concatenate([np.tile(each.conditions, (count, 1)) for each in self.streams])
        every = Rows(*(np.concatenate([column] * len(self.streams)) for column in rows))
        return every._replace(conditions=conditions)

    def _tensor(self, column: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(column)).to(self.device)

    def _keep(self, own: KVCache) -> None:
        """Writes rows into slots that are free, after making room."""
        if self._slots is None or self._used + own.length > self._slots.length:
            self._make_room(own)
        assert self._slots is not None
        here = slice(self._used, self._used + own.length)
        self._slots.keys[:, :, :, here], self._slots.values[:, :, :, here] = own.keys, own.values
        self._slots.onset[:, here], self._slots.place[:, here] = own.onset, own.place
        self._used += own.length

    def _make_room(self, own: KVCache) -> None:
        """More slots; under a window first those whose rows no tune will see again."""
        slots = self._slots
        if slots is not None and self.window is not None:
            seen = (slots.place == 0) | (slots.place > own.place.amax(dim=1, keepdim=True) - self.window)
            kept = torch.nonzero(seen.any(dim=0)).flatten()
            slots = KVCache(
                slots.keys[:, :, :, kept], slots.values[:, :, :, kept], slots.onset[:, kept], slots.place[:, kept]
            )
            self._used = len(kept)
        more = self.BLOCK * -(-max(own.length, 1) // self.BLOCK)
        layers, count, heads, _, width = own.keys.shape
        empty = KVCache(
            *own.keys.new_zeros((2, layers, count, heads, more, width)),
            onset=own.onset.new_zeros((count, more)),
            place=own.place.new_full((count, more), -1),
        )
        self._slots = empty if slots is None else slots.joined(empty)


def _tune(ids: Int[np.ndarray, "row 6"], identity: Identity, request: TuneRequest) -> Phrase:
    """The phrase that rows say, as it was asked for."""
    tempo = round(60e6 / request.tempo) if request.tempo else ASSUMED_TEMPO
    tune = ring_out(identity.tokenizer.decode(ids, Metre.parse(request.metre)))
    return replace(named(tune, label_lai(tune)), tempo=tempo)


def ring_out(phrase: Phrase) -> Phrase:
    """The phrase with its last stroke ringing one hong, as in Thai letters, and nothing ringing longer."""
    last_stroke = int(phrase.onset.max())
    rows, end = phrase.rows.copy(), last_stroke + STEPS_PER_HONG
    rows[:, DURATION] = np.minimum(rows[:, DURATION], end - rows[:, ONSET])
    rows[rows[:, ONSET] == last_stroke, DURATION] = STEPS_PER_HONG
    return replace(phrase, rows=rows)
