"""New tunes from a model: exact in length, seeded, many at once."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from tqdm import tqdm

from phin.errors import PhinError
from phin.generation.random import gumbel
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.step import DecodeStep, next_rows, steps_until
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer, RowInputs
from phin.motif import COLUMNS, MotifMemory
from phin.music.augment import named
from phin.music.lai import label_lai
from phin.music.phrase import ASSUMED_TEMPO, DURATION, HONG_PER_LINE, ONSET, STEPS_PER_HONG, Metre, Phrase
from phin.tokenizer import END_ID, FIELDS, NUM_FIELDS, START_ID, STEP, Tokenizer, first_origin

BATCH = 64
"""Tunes drawn side by side; which ones does not change any of them."""
MOST_NOTES_A_HONG = 12
"""A tune denser than this on average is going nowhere and is given up."""


def generate(
    model: PhinTransformer,
    identity: Identity,
    request: TuneRequest,
    count: int,
    seed: int,
    sampler: SamplerConfig | None = None,
    progress: bool = False,
) -> list[Phrase]:
    """`count` new tunes. Tune k is a function of (model, request, sampler, seed, k) alone.

    Each names the lai that its notes are in, which need not be the one that was asked for. A model that never learned
    how long notes last lets them ring, as letters do. Raises PhinError for one that never
    learned when they begin, and where a tune does not come to its end.
    """
    refuse_draw(count, seed)
    if not identity.learned_fields[STEP]:
        reason = f"was trained on {identity.corpus}, where nobody wrote the rhythm down, and knows none"
        raise PhinError("model", reason, "train it with tunes among the others whose rhythm is written")
    step = DecodeStep(model, identity.learned_fields, sampler or SamplerConfig())
    tunes: list[Phrase] = []
    for first in tqdm(range(0, count, BATCH), "drawing", unit="batch", disable=not progress or count <= BATCH):
        numbers = range(first, min(first + BATCH, count))
        tunes += _generate_batch(step, identity.tokenizer, request, numbers, seed)
    return tunes


def start_rows(request: TuneRequest, tokenizer: Tokenizer, count: int) -> RowInputs:
    """The START row of `count` tunes."""
    metre = Metre.parse(request.metre)
    nothing = torch.zeros(count, 1, dtype=torch.int64)
    return RowInputs(
        ids=torch.full((count, 1, NUM_FIELDS), START_ID),
        onset=torch.full((count, 1), first_origin(metre)),
        melody=nothing,
        melody_before=nothing,
        motif=torch.zeros(count, 1, len(COLUMNS), dtype=torch.int64),
        bar=torch.full((count,), metre.bar),
        conditions=torch.from_numpy(request.conditions(tokenizer)).expand(count, -1),
    )


def on_device(rows: RowInputs, device: torch.device) -> RowInputs:
    """The same rows where the model is."""
    return RowInputs(*(tensor if tensor is None else tensor.to(device) for tensor in rows))


def noise_for(seed: int, tunes: range, row: int) -> tuple[Tensor, ...]:
    """The random numbers for row `row` (from 0) of each tune, a table a field."""
    return tuple(
        torch.from_numpy(gumbel(seed, tunes, row, field, FIELDS[field].size)).float() for field in range(NUM_FIELDS)
    )


def _generate_batch(
    step: DecodeStep, tokenizer: Tokenizer, request: TuneRequest, numbers: range, seed: int
) -> list[Phrase]:
    start = on_device(start_rows(request, tokenizer, len(numbers)), next(step.parameters()).device)
    rows = list(_decode(step, start, request, numbers, seed))
    metre, drawn = Metre.parse(request.metre), torch.stack(rows, dim=1).cpu().numpy()
    tempo = round(60e6 / request.tempo) if request.tempo else ASSUMED_TEMPO
    tunes = (ring_out(tokenizer.decode(ids, metre), request.last_stroke) for ids in drawn)
    return [
        replace(named(tune, label_lai(tune)), tempo=tempo, title=f"phin {seed}-{number + 1}")
        for tune, number in zip(tunes, numbers, strict=True)
    ]


def ring_out(phrase: Phrase, last_stroke: int) -> Phrase:
    """The phrase with its last stroke ringing one hong, as in Thai letters, and nothing ringing longer."""
    rows, end = phrase.rows.copy(), last_stroke + STEPS_PER_HONG
    rows[:, DURATION] = np.minimum(rows[:, DURATION], end - rows[:, ONSET])
    rows[rows[:, ONSET] == last_stroke, DURATION] = STEPS_PER_HONG
    return replace(phrase, rows=rows)


@torch.inference_mode()
def _decode(
    step: DecodeStep, rows: RowInputs, request: TuneRequest, numbers: range, seed: int
) -> Iterator[Int[Tensor, "batch 6"]]:
    """The rows of all tunes, until each has come to its end."""
    device = rows.ids.device
    memory = MotifMemory(len(numbers))
    cache, ended = None, torch.zeros(len(numbers), dtype=torch.bool, device=device)
    for place in range(MOST_NOTES_A_HONG * HONG_PER_LINE * request.lines):
        allowed = steps_until(rows.onset[:, -1], request.last_stroke)
        noise = tuple(table.to(device) for table in noise_for(seed, numbers, place))
        ids, cache = step(rows, cache, noise, allowed)
        yield ids
        ended |= ids[:, STEP] == END_ID
        if ended.all():
            return
        rows = next_rows(rows, ids, memory)
    raise PhinError(
        f"seed {seed}", "a tune did not come to its end", "take another seed, or a lower sampler.temperature"
    )
