"""Whether every way to compute a tune computes the same one.

The plain forward over a whole tune, the way that training takes, is the reference. Beside it: the decode step row by
row with a cache, many tunes of unlike beginnings side by side, in a sliding window, compiled, and in ONNX Runtime.
Log-probabilities are compared row by row on tunes that are given: every step is made to draw what stands there
(`forced`), and tells how likely everything was. Then notes: two engines draw after the same past with the same random
numbers, and where they draw something else it is told how near to a tie that was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from phin.batch import Item, collate
from phin.generation.constraints import Constraint
from phin.generation.draw import Step, draw_rows
from phin.generation.exported import Precision
from phin.generation.limits import FORBIDDEN, Kind, Limits
from phin.generation.play import Engine, ending, first_rows, length_of
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.rows import Rows, after, beginning, hear
from phin.generation.sampling import Sampling, filter_logits
from phin.generation.torch_engine import TorchEngine
from phin.model.transformer import PhinTransformer, RowInputs
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIRST_IDS,
    HEADLINE_FIELDS,
    NUM_SYMBOLS,
    PITCH,
    SIZES,
    STEP,
    TECHNIQUE,
    UNKNOWN_ID,
    VELOCITY,
    VOICE,
    Encoded,
    is_melody_note,
)

TOLERANCE = 1e-4
"""Of log-probabilities in fp32."""
LEAST = -60.0
"""Log-probabilities below this are nothing, and are not compared."""
ROOM = 4
"""A tie is nearer than so many times the largest difference that was measured: each side may be off, twice over."""


@dataclass(frozen=True)
class Agreement:
    """How near one way to compute comes to the reference, on the same rows."""

    path: str
    rows: int
    largest: float
    """Difference of two log-probabilities."""
    bits: float
    """A melody note, of step, pitch and duration."""
    reference_bits: float

    @property
    def is_equal(self) -> bool:
        return self.largest <= TOLERANCE


@dataclass(frozen=True)
class DrawnAlike:
    """How often two engines draw the same row after the same past with the same random numbers."""

    path: str
    rows: int
    other: int
    """Rows that differ."""
    ties: int
    """Of those, the ones that hung on no more than the two differ in."""

    @property
    def is_equal(self) -> bool:
        return self.other == self.ties


def known(items: Sequence[Item], learned: Sequence[bool]) -> list[Item]:
    """The tunes as they could be drawn: a learned field that is unknown has its first value, one that was not learned
    is unknown.
    """
    made = []
    for item in items:
        ids, is_learned = item.encoded.ids.copy(), np.array(learned)
        notes = ids[1:-1]
        notes[:] = np.where(is_learned, np.where(notes == UNKNOWN_ID, NUM_SYMBOLS, notes), UNKNOWN_ID)
        made.append(Item(replace(item.encoded, ids=ids), item.conditions))
    return made


def every_other_closing_told(items: Sequence[Item]) -> list[Item]:
    """The tunes, of every other of which the model is told when its last stroke comes."""
    return [replace(each, encoded=each.encoded.closing_told()) if n % 2 else each for n, each in enumerate(items)]


def told_from_their_end(items: Sequence[Item]) -> list[Item]:
    """The tunes with their last third read first (`Encoded.future_first`), as where hong before it are rewritten."""
    made = []
    for item in items:
        begins = 1 + np.flatnonzero(np.diff(item.encoded.onset[1:-1]))
        later = int(begins[2 * len(begins) // 3])
        made.append(replace(item, encoded=item.encoded.future_first(later)))
    return made


@torch.inference_mode()
def taught(model: PhinTransformer, item: Item, window: int | None = None) -> Float[np.ndarray, "row id"]:
    """Log-probabilities of the ids of all fields of each row but the first, each field's given those before it."""
    batch = collate([item])
    said, _ = model.taught(RowInputs.from_batch(batch), batch.targets, window)
    return torch.cat([logits[0].log_softmax(dim=-1) for logits in said.fields], dim=-1).numpy()


def forced(ids: Int[np.ndarray, "tune 6"]) -> Limits:
    """Limits under which each tune draws these ids and nothing else; symbols but the end of a tune are left free."""
    limits, tune = Limits(len(ids)), np.arange(len(ids))
    limits.kind[:] = Kind.NEW
    limits.step[:] = FORBIDDEN
    limits.step[tune, ids[:, STEP]] = 0
    is_voice = ids[:, VOICE] - NUM_SYMBOLS
    tables = {VOICE: limits.voice, TECHNIQUE: limits.technique, DURATION: limits.duration, VELOCITY: limits.velocity}
    for field, table in tables.items():
        is_value = ids[:, field] >= NUM_SYMBOLS
        table[is_value, Kind.NEW] = FORBIDDEN
        table[tune[is_value], Kind.NEW, ids[is_value, field]] = 0
    is_value = ids[:, PITCH] >= NUM_SYMBOLS
    limits.pitch[is_value, Kind.NEW] = FORBIDDEN
    limits.pitch[tune[is_value], Kind.NEW, np.maximum(is_voice, 0)[is_value], ids[is_value, PITCH]] = 0
    return limits


def replayed(step: Step, items: Sequence[Item], lengths: Sequence[int]) -> list[Float[np.ndarray, "_ id"]]:
    """The same log-probabilities as a step tells them of tunes side by side, from the row after each one's beginning.

    `lengths` are the rows of the beginnings, START among them. Raises ValueError where it drew something else.
    """
    tunes = [item.encoded for item in items]
    begun = [replace(tune, ids=tune.ids[:n], onset=tune.onset[:n]) for tune, n in zip(tunes, lengths, strict=True)]
    rows = beginning(begun, np.stack([item.conditions for item in items]))
    heard, noise = hear(rows), np.zeros((len(items), FIRST_IDS[-1]), np.float32)
    said: list[list[np.ndarray]] = [[] for _ in items]
    left = [len(tune.ids) - n for tune, n in zip(tunes, lengths, strict=True)]
    for number in range(max(left)):
        wanted = np.stack(
            [tune.ids[min(n + number, len(tune.ids) - 1)] for tune, n in zip(tunes, lengths, strict=True)]
        )
        ids, chances = step(rows, noise, forced(wanted))
        strange = (ids != wanted) & (wanted >= NUM_SYMBOLS)
        if strange.any():
            raise ValueError(f"drew {ids[strange]} where it was to draw {wanted[strange]}")
        for place, own in enumerate(said):
            if number < left[place]:
                with np.errstate(divide="ignore"):
                    own.append(np.log(chances[place]))
        rows = after(rows, wanted, heard)
    return [np.stack(own) for own in said]


def agreement(
    path: str,
    items: Sequence[Item],
    reference: Sequence[Float[np.ndarray, "_ id"]],
    said: Sequence[Float[np.ndarray, "_ id"]],
    learned: Sequence[bool],
) -> Agreement:
    """What was said of the last rows of each tune beside the reference's."""
    is_learned, is_step = np.repeat(np.array(learned), SIZES), np.arange(FIRST_IDS[-1]) < SIZES[STEP]
    largest, rows, melody_notes = 0.0, 0, 0
    bits = np.zeros(2)
    for item, expected, told in zip(items, reference, said, strict=True):
        expected, targets = expected[-len(told) :], item.encoded.ids[-len(told) :]
        # after the end of a tune nothing more is drawn
        counts = (expected > LEAST) & is_learned & ((targets[:, STEP] != END_ID)[:, None] | is_step)
        apart = np.abs(told[counts] - expected[counts])
        largest = max(largest, float(np.where(np.isnan(apart), np.inf, apart).max()))  # what is no number is no nearer
        rows += len(told)
        melody_notes += int(is_melody_note(targets).sum())
        for field in HEADLINE_FIELDS:
            is_value = targets[:, field] != 0
            place = FIRST_IDS[field] + targets[:, field]
            for of, table in enumerate((expected, told)):
                bits[of] -= table[np.flatnonzero(is_value), place[is_value]].sum() / np.log(2)
    expected_bits, told_bits = (bits / melody_notes).tolist()
    return Agreement(path, rows, largest, told_bits, expected_bits)


def drawn_alike(
    path: str,
    engine: Engine,
    other: Engine,
    request: TuneRequest,
    sampler: SamplerConfig,
    count: int,
    seed: int,
    largest: float,
    constraints: Sequence[Constraint] = (),
    begins: Encoded | None = None,
) -> DrawnAlike:
    """Draws `count` tunes with an engine, every row of them with the other as well, after the same past.

    `largest` is the measured difference of their log-probabilities, by which ties are told; the rest is as for `play`.
    """
    streams = request.streams(engine.about.tokenizer)
    kept_to = ending(constraints, length_of(request, begins))
    rows = first_rows(request, streams, count, kept_to, begins)
    step, another = (each.step(count, sampler, streams) for each in (engine, other))
    both = _Both(step, another, sampler, ROOM * largest)
    for _ in draw_rows(both, rows, kept_to, seed, range(count), most_rows=None):
        pass
    return DrawnAlike(path, both.drawn, both.differ, both.ties)


class _Both:
    """A Step that goes on as one step says, and asks another the same every time."""

    def __init__(self, step: Step, other: Step, sampler: SamplerConfig, near: float) -> None:
        self.steps, self.sampler, self.near = (step, other), sampler, near
        self.drawn = self.differ = self.ties = 0
        self._over = np.zeros(0, bool)

    def __call__(
        self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits
    ) -> tuple[Int[np.ndarray, "tune 6"], Float[np.ndarray, "tune id"]]:
        (ids, chances), (theirs, other_chances) = (step(rows, noise, limits) for step in self.steps)
        plays = ~self._over if len(self._over) else np.ones(len(ids), bool)
        self.drawn += int(plays.sum())
        added = limits.added(ids)
        for tune in np.flatnonzero(plays & (ids != theirs).any(axis=1)).tolist():
            field = int((ids[tune] != theirs[tune]).argmax())
            part = slice(*FIRST_IDS[field : field + 2])
            mine, its, of_limits, of_noise = (each[tune, part] for each in (chances, other_chances, added, noise))
            self.differ += 1
            self.ties += _margin(mine, its, of_limits, of_noise, self.sampler, field) <= self.near
        self._over = ~plays | (ids[:, STEP] == END_ID)
        return ids, chances

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        self._over = self._over[which]
        for step in self.steps:
            step.keep(which)


def _margin(
    chances: Float[np.ndarray, " id"],
    other: Float[np.ndarray, " id"],
    added: Float[np.ndarray, " id"],
    noise: Float[np.ndarray, " id"],
    sampler: SamplerConfig,
    field: int,
) -> float:
    """How far a field that two drew otherwise was from a tie: between two ids, or at a filter's boundary."""
    temperature, *filters = Sampling.of(sampler, like=torch.zeros((), dtype=torch.float64))
    temperature = temperature[:, field : field + 1]
    with np.errstate(divide="ignore"):
        values = [torch.from_numpy(np.log(each.astype(np.float64)) + added) for each in (chances, other)]
    kept = [filter_logits(each[None], temperature, *filters)[0] for each in values]
    first, second = (int((each + torch.from_numpy(noise)).argmax()) for each in kept)
    gaps = []
    for of, (mine, all_of_mine) in enumerate(zip(kept, values, strict=True)):
        chosen, rival = (first, second) if of == 0 else (second, first)
        if torch.isinf(mine[rival]):
            gaps.append(_left_out_by(all_of_mine / temperature[0], rival, *filters))
        else:
            gaps.append(float(mine[chosen] + noise[chosen] - mine[rival] - noise[rival]))
    return max(min(gaps), 0.0)


def _left_out_by(
    logits: Float[torch.Tensor, " id"],
    rival: int,
    ranks: Int[torch.Tensor, " rank"],
    top_p: Float[torch.Tensor, "1 1"],
    log_min_p: Float[torch.Tensor, "1 1"],
    unranked: Float[torch.Tensor, "1 1"],
) -> float:
    """How far the rival was from being kept, by the filter that left it out most clearly: in logits; for top-p in mass,
    which moves by no more than logits do.
    """
    ranked = logits.topk(min(len(ranks), len(logits))).values
    before = ranked.softmax(dim=-1)[ranked > logits[rival]].sum()
    edges = ranked[-1] + unranked - logits[rival], before - top_p, ranked[0] + log_min_p - logits[rival]
    return max(map(float, edges))


NUM_TUNES = 12
"""Enough for some thousand rows."""
WINDOW = 24
"""Rows that the windowed paths see: fewer than a tune has, so that something falls out of it."""
SAMPLERS = (SamplerConfig(), SamplerConfig(temperature=0.9, top_p=0.9), SamplerConfig(top_k=12, min_p=0.02))


class Trial:
    """Tunes, and what the whole forward says of them: the reference of every path."""

    def __init__(self, engine: TorchEngine, items: Sequence[Item]) -> None:
        model, self.engine, self.learned = engine.model, engine, engine.about.learned_fields
        self.items = every_other_closing_told(known(items, self.learned))
        self.whole = [taught(model, item) for item in self.items]
        self.windowed = [taught(model, item, WINDOW) for item in self.items]
        self.unlike = [1 + 3 * place % max(len(item.encoded.ids) - 2, 1) for place, item in enumerate(self.items)]
        self.rewritten = told_from_their_end(self.items)
        self.ahead = [taught(model, item) for item in self.rewritten]
        self.middles = [each.encoded.given + 1 + place % 3 for place, each in enumerate(self.rewritten)]

    def of_torch(self, compile_too: bool) -> list[Agreement | DrawnAlike]:
        """Torch's paths."""
        plain, starts = SamplerConfig(), [1] * len(self.items)
        alone = [replayed(self.engine.step(1, plain, ()), [item], [1])[0] for item in self.items]
        found: list[Agreement | DrawnAlike] = [
            agreement("torch, one tune, row by row", self.items, self.whole, alone, self.learned),
            self._path("torch, side by side", self.engine, self.whole, starts),
            self._path("torch, side by side, unlike beginnings", self.engine, self.whole, self.unlike),
            self._path("torch, side by side, told from their end", self.engine, self.ahead, self.middles),
            self._path(f"torch, in a window of {WINDOW} rows", self.engine, self.windowed, self.unlike, WINDOW),
        ]
        if compile_too:
            compiled = self.engine.compiled()
            logits = self._path("torch, compiled", compiled, self.whole, self.unlike)
            found += [logits, *self._draws("torch, compiled, draws as it is", compiled, logits.largest)]
        return found

    def of_exported(self, exported: str | Path) -> list[Agreement | DrawnAlike]:
        """Those of a folder that phin-export wrote, on prompts, numbers of tunes and lengths that it was not traced by,
        and what it draws beside torch.
        """
        found = list[Agreement | DrawnAlike]()
        for precision in Precision:
            onnx, name = OnnxEngine(exported, precision), f"ONNX {precision.value}"
            logits = self._path(f"{name}, side by side, unlike beginnings", onnx, self.whole, self.unlike)
            found += [logits, self._path(f"{name}, side by side, told from their end", onnx, self.ahead, self.middles)]
            found.append(self._path(f"{name}, in a window of {WINDOW} rows", onnx, self.windowed, self.unlike, WINDOW))
            # eight bits claim agreement, not identity: only of fp32 it is asked whether what differs was a tie
            near = logits.largest if precision is Precision.FP32 else 0.0
            found += self._draws(f"{name} draws as torch", onnx, near)
        return found

    def _draws(self, name: str, other: Engine, near: float) -> list[DrawnAlike]:
        """What an engine draws beside torch: by every sampler, alone, and in a style that is pressed, so from two
        streams, of which one is taken away: what they differ in counts three times.
        """
        tries = [(f"sampler {place + 1}", TuneRequest(lines=4), each, 16, 1) for place, each in enumerate(SAMPLERS)]
        tries.append(("one tune", TuneRequest(lines=2), SAMPLERS[0], 1, 1))
        tries.append(("guided", TuneRequest(lines=2, lai="yai", guidance=2.0), SAMPLERS[0], 5, 3))
        return [
            drawn_alike(f"{name}, {what}", self.engine, other, request, sampler, count, seed, times * near)
            for seed, (what, request, sampler, count, times) in enumerate(tries)
        ]

    def _path(
        self, name: str, of: Engine, reference: list[np.ndarray], lengths: list[int], window: int | None = None
    ) -> Agreement:
        tunes = self.rewritten if reference is self.ahead else self.items
        told = replayed(of.step(len(self.items), SamplerConfig(), (), window), tunes, lengths)
        return agreement(name, tunes, reference, told, self.learned)


def equalities(
    engine: TorchEngine, items: Sequence[Item], exported: str | Path, compile_too: bool = True
) -> list[Agreement | DrawnAlike]:
    """Every path beside the reference, on the tunes given. `exported` is a folder that phin-export wrote."""
    trial = Trial(engine, items)
    return [*trial.of_torch(compile_too), *trial.of_exported(exported)]


def unequal(found: Sequence[Agreement | DrawnAlike]) -> list[str]:
    """The paths that are not what they must be; eight bits need not be equal."""
    return [each.path for each in found if not each.is_equal and Precision.INT8.value not in each.path]


def said(found: Sequence[Agreement | DrawnAlike]) -> str:
    """The table for a terminal."""
    width = max(len(each.path) for each in found) + 2
    lines = [f"{'logits, beside the whole forward':<{width}}{'rows':>7}{'largest':>10}{'bits/note':>11}{'change':>9}"]
    for each in found:
        if isinstance(each, Agreement):
            change = each.bits - each.reference_bits
            lines.append(f"{each.path:<{width}}{each.rows:>7}{each.largest:>10.1e}{each.bits:>11.4f}{change:>+9.4f}")
    if drawn := [each for each in found if isinstance(each, DrawnAlike)]:
        lines += ["", f"{'rows drawn after the same past':<{width}}{'rows':>7}{'other':>10}{'ties':>11}{'same':>9}"]
        for each in drawn:
            same = 1 - each.other / each.rows
            lines.append(f"{each.path:<{width}}{each.rows:>7}{each.other:>10}{each.ties:>11}{same:>9.2%}")
    return "\n".join(lines)
