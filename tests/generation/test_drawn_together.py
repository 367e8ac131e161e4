"""Several who play at once: what they are drawn in one call is what each is drawn alone."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest

from phin.generation.draw import Drawn, Step
from phin.generation.limits import FORBIDDEN, Heard, Limits
from phin.generation.play import Engine, first_rows, length_of
from phin.generation.random import Noise
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.rows import Rows, after, hear
from phin.generation.together import DrawsTogether, Turn, of_one_kind
from phin.generation.torch_engine import TorchEngine
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import NUM_SYMBOLS, PITCH
from tests.runtime.exported import ENGINE

HALF = TuneRequest(lai="yai", blend=0.5, other=Style(lai="noi"))
ASKED: dict[str, tuple[TuneRequest, SamplerConfig, int, int | None]] = {
    "plain": (TuneRequest(), SamplerConfig(top_p=0.9), 1, None),
    "cooler": (TuneRequest(lai="se"), SamplerConfig(0.7, top_p=0.8, min_p=0.01), 1, None),
    "two tunes": (TuneRequest(tempo=90.0), SamplerConfig(1.2, {"pitch": 0.5}, top_p=0.99), 2, None),
    "between two styles": (HALF, SamplerConfig(top_p=0.95), 2, None),
    "pushed": (TuneRequest(lai="noi", guidance=2.0), SamplerConfig(top_k=64), 1, None),
    "without end": (TuneRequest(), SamplerConfig(top_p=0.9), 1, 9),
    "all ids": (TuneRequest(), SamplerConfig(), 1, None),
}
"""Request, sampler, number of tunes, window."""


class Playing:
    """One who plays, step by step. The later it begins, the shorter its cache beside those of others."""

    def __init__(self, engine: Engine, name: str, seed: int) -> None:
        request, sampler, tunes, window = ASKED[name]
        streams = request.streams(engine.about.tokenizer)
        self.step: Step = engine.step(tunes, sampler, streams, window)
        self.rows: Rows = first_rows(request, streams, tunes, [length_of(request)])
        self.heard: Heard = hear(self.rows)
        self.noise, self.limits, self._rows = Noise(seed, range(tunes)), Limits(tunes), count()

    @property
    def turn(self) -> Turn:
        return Turn(self.step, self.rows, self.noise.of_row(next(self._rows)), self.limits)

    def go_on(self, drawn: Drawn) -> None:
        self.rows = after(self.rows, drawn[0], self.heard)


@pytest.fixture(scope="module", params=["torch", "onnx"])
def engine(request: Any, onnx: OnnxEngine) -> Any:
    return ENGINE if request.param == "torch" else onnx


def drawn_alone(turn: Turn) -> Drawn:
    """The specification."""
    return turn.step(turn.rows, turn.noise, turn.limits)


def both(engine: Any, names: Sequence[str], num_steps: int = 30) -> Iterator[tuple[list[Drawn], list[Drawn]]]:
    """What each was drawn alone, and what together; player k comes in after 3 k steps, and sits out every seventh."""
    alone, together = ([Playing(engine, name, seed) for seed, name in enumerate(names)] for _ in range(2))
    for number in range(num_steps):
        here = [k for k in range(len(names)) if number >= 3 * k and (number + k) % 7]
        mine = [drawn_alone(alone[k].turn) for k in here]
        turns = [together[k].turn for k in here]
        found = dict[int, Drawn]()
        for group in of_one_kind(turns):
            answers = engine.together(group) if len(group) > 1 else [drawn_alone(group[0])]
            found |= {id(turn.step): drawn for turn, drawn in zip(group, answers, strict=True)}
        ours = [found[id(turn.step)] for turn in turns]
        yield mine, ours
        for k, drawn, other in zip(here, mine, ours, strict=True):
            alone[k].go_on(drawn)
            together[k].go_on(other)


def test_drawn_together_each_is_what_it_is_alone(engine: Any) -> None:
    """Fails: what a player hears hangs on who else plays: another's cache, style, sampler, window or limits leak in."""
    assert isinstance(engine, DrawsTogether)
    for mine, ours in both(engine, list(ASKED)):
        for (ids, chances), (other_ids, other_chances) in zip(mine, ours, strict=True):
            assert np.array_equal(ids, other_ids)
            assert np.abs(chances - other_chances).max() < 1e-5


def test_limits_of_one_bind_no_other(engine: Any) -> None:
    """Fails: the fret that one tune must keep to is forced on another, or lost."""
    free, bound, alone = Playing(engine, "plain", 1), Playing(engine, "cooler", 2), Playing(engine, "plain", 1)
    for each in (free, bound, alone):
        each.go_on(drawn_alone(each.turn))
    other = NUM_SYMBOLS + 20
    bound.limits.pitch[...] = FORBIDDEN
    bound.limits.pitch[..., other] = 0
    (ids, _), (bound_ids, _) = engine.together([free.turn, bound.turn])
    assert np.array_equal(ids, drawn_alone(alone.turn)[0])
    assert bound_ids[0, PITCH] == other != ids[0, PITCH]


def test_who_ranks_another_number_of_ids_is_drawn_by_itself() -> None:
    """Fails: two samplers meet in one call that can only rank as many ids for both."""
    playing = [Playing(ENGINE, name, 0) for name in ("plain", "all ids", "cooler", "pushed")]
    turns = [each.turn for each in playing]
    assert [len(group) for group in of_one_kind(turns)] == [1] * 4, "beginnings are read alone"
    for each, turn in zip(playing, turns, strict=True):
        each.go_on(drawn_alone(turn))
    groups = of_one_kind([each.turn for each in playing])
    assert sorted(len(group) for group in groups) == [1, 3]


def test_who_played_together_goes_on_alone(engine: Any) -> None:
    """Fails: keys and values of a note that was drawn together are lost, and the tune forgets it."""
    names = ["plain", "between two styles"]
    alone, together = ([Playing(engine, name, seed) for seed, name in enumerate(names)] for _ in range(2))
    for number in range(12):
        turns = [each.turn for each in together]
        of_all = number % 3 == 1
        ours = engine.together(turns) if of_all else [drawn_alone(turn) for turn in turns]
        for each, other, drawn in zip(alone, together, ours, strict=True):
            expected = drawn_alone(each.turn)
            assert np.array_equal(expected[0], drawn[0])
            each.go_on(expected)
            other.go_on(drawn)


def test_torch_draws_together() -> None:
    """Fails: phin-web over a run draws for one after the other."""
    assert isinstance(TorchEngine(ENGINE.model, ENGINE.about), DrawsTogether)
