"""The stage: one thread that draws for all who play, and for those who wait at the same time in one call of the model.

Who draws a tune runs the same code as anywhere (`phin.generation.play`, `stream`), in a thread of its own, with a
`Player` for an engine. A player's steps do not compute: each hands its rows to the stage and waits. So nobody waits for
the whole of another's tune, and what is drawn hangs on who else plays no more than in a batch: by rounding alone.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from phin.generation.draw import Drawn, Step
from phin.generation.limits import Limits
from phin.generation.play import About, Engine
from phin.generation.request import SamplerConfig, Stream
from phin.generation.rows import Rows
from phin.generation.together import DrawsTogether, Turn, of_one_kind
from phin.web.refusals import Refusal, full, stopped

Listener = Callable[[Rows, Int[np.ndarray, "tune 6"]], None]
"""Hears the rows that each step read, and those that it drew."""


class LeftStage(Exception):
    """A player was told to stop, and does."""


@dataclass(frozen=True, eq=False)
class Waiting:
    """A step that a player waits for."""

    turn: Turn
    drawn: "Future[Drawn]" = field(default_factory=Future)


class Stage:
    """Lets up to `most` players draw with one engine. `close` it at the end."""

    def __init__(self, engine: Engine, most: int) -> None:
        self.engine, self.most = engine, most
        self._together = engine.together if isinstance(engine, DrawsTogether) else None
        self.num_calls = 0
        """Of the model."""
        self._players: set[Player] = set()
        self._waiting: list[Waiting] = []
        self._changed = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self._thread.start()

    @property
    def num_players(self) -> int:
        return len(self._players)

    def enter(self, listener: Listener | None = None, seconds: float | None = None) -> "Player":
        """A new player, who has so many seconds. Raises Refusal (503) where there is no place. It must `leave`."""
        with self._changed:
            if not self._is_open:
                raise stopped()
            if len(self._players) >= self.most:
                raise full("stage", f"{self.most} players")
            player = Player(self, listener, seconds)
            self._players.add(player)
            return player

    def leave(self, player: "Player") -> None:
        """Makes room for another."""
        with self._changed:
            self._players.discard(player)

    def close(self) -> None:
        """Nobody enters any more; who plays stops within a note, and what goes on is over when this returns."""
        with self._changed:
            self._is_open = False
            for player in self._players:
                player.stop()
            self._changed.notify()
        self._thread.join()

    def draw(self, turn: Turn) -> Drawn:
        """What the step of a turn draws, once it was its turn."""
        with self._changed:
            if not self._is_open:
                raise LeftStage
            waiting = Waiting(turn)
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.drawn.result()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._is_open)
                waiting, self._waiting = self._waiting, []
                if not self._is_open:
                    break
            self._advance(waiting)
        for each in waiting:
            each.drawn.set_exception(LeftStage())

    def _advance(self, waiting: Sequence[Waiting]) -> None:
        """Draws for each who waits now, at most one step a player."""
        whose = {id(each.turn): each.drawn for each in waiting}
        here = [each.turn for each in waiting]
        goes_alone = self._together is None or len(here) == 1
        for turns in [[turn] for turn in here] if goes_alone else of_one_kind(here):
            futures = [whose[id(turn)] for turn in turns]
            try:
                for future, drawn in zip(futures, self._drawn(turns), strict=True):
                    future.set_result(drawn)
            except Exception as error:
                for future in futures:
                    future.set_exception(error)

    def _drawn(self, turns: Sequence[Turn]) -> Sequence[Drawn]:
        self.num_calls += 1
        if self._together is not None and len(turns) > 1:
            return self._together(turns)
        return [turn.step(turn.rows, turn.noise, turn.limits) for turn in turns]


class Player:
    """An Engine (`phin.generation.play.Engine`) whose steps wait for their turn on a stage."""

    def __init__(self, stage: Stage, listener: Listener | None, seconds: float | None) -> None:
        self.stage, self.listener = stage, listener
        self._seconds = seconds
        self._until = None if seconds is None else time.monotonic() + seconds
        self._stopped = threading.Event()
        self.num_begun = 0
        """How often it has begun to draw: again, where a tune did not come to its end."""

    @property
    def about(self) -> About:
        return self.stage.engine.about

    def step(self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None) -> Step:
        self.num_begun += 1
        return _TakingTurns(self, self.stage.engine.step(count, sampler, streams, window))

    def stop(self) -> None:
        """Makes the next step raise LeftStage, and a wait end."""
        self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Rests. Raises LeftStage when told to stop."""
        if self._stopped.wait(max(seconds, 0.0)):
            raise LeftStage

    def draw(self, turn: Turn) -> Drawn:
        """What a step draws. Raises LeftStage when told to stop, and Refusal (503) when the time is up."""
        self.wait(0.0)
        if self._until is not None and time.monotonic() > self._until:
            reason = f"was not drawn within {self._seconds:g} s"
            raise Refusal(503, "request", reason, "ask for fewer or shorter tunes, or try again later", 10)
        drawn = self.stage.draw(turn)
        self.wait(0.0)
        if self.listener is not None:
            self.listener(turn.rows, drawn[0])
        return drawn


class _TakingTurns:
    """A Step that is drawn on the stage."""

    def __init__(self, player: Player, step: Step) -> None:
        self.player, self.inner = player, step

    def __call__(self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits) -> Drawn:
        return self.player.draw(Turn(self.inner, rows, noise, limits))

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        self.inner.keep(which)
