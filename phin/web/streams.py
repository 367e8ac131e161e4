"""Tunes that are heard while they are drawn: each in a thread that waits for its turns on the stage."""

import json
import logging
import secrets
import threading
import time

import numpy as np
from pydantic import BaseModel

from phin.errors import PhinError
from phin.generation.recipe import Copied
from phin.generation.rows import Rows
from phin.generation.stream import StreamedNote
from phin.music.fretboard import DEFAULT, Tuning
from phin.music.grid import begin_of, page_begins
from phin.music.phrase import STEPS_PER_QUARTER, Metre
from phin.web.asked import Plan
from phin.web.drawing import Hand, drawn_note, endless, one
from phin.web.events import Events, Listener
from phin.web.limits import ServerLimits
from phin.web.refusals import Refusal, full, told
from phin.web.stage import LeftStage, Stage
from phin.web.tune import note_of

log = logging.getLogger(__name__)


class Begin(BaseModel):
    """What is told of a stream before its notes."""

    tempo: float
    """Hong a minute."""
    metre: str
    begins: int
    """The step at which hong 1 of the page begins."""
    lai: str | None
    """The mode that was asked for."""
    tuning: str | None
    """The tuning to keep to, low string first."""
    seed: int
    number: int
    graph: str
    """A hash of what draws: the same graph draws the same tunes of a seed."""


class TuneStream:
    """A tune that is drawn, and what is told of it."""

    def __init__(
        self, stage: Stage, plan: Plan, limits: ServerLimits, graph: str, copied: Copied | None = None
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.plan, self.limits, self.graph, self.copied = plan, limits, graph, copied
        self.events = Events()
        self.ended: float | None = None
        """When it ended, by the monotonic clock."""
        self._stage, self._player = stage, stage.enter(None if plan.endless else self._hear)
        tuning = DEFAULT if plan.keep.tuning is None else Tuning.parse(plan.keep.tuning)
        self._hand = Hand(tuning, plan.keep.hand)
        self._why = told(PhinError("stream", "was stopped", "ask for another"))
        self._began: float | None = None
        self._first = 0
        threading.Thread(target=self._play, name=f"stream {self.id}", daemon=True).start()

    def stop(self, error: PhinError | None = None) -> None:
        """Ends it within a note, and frees its place at once; with an `error` that says why, if one is given."""
        if error is not None:
            self._why = told(error)
        self._player.stop()
        self._stage.leave(self._player)
        self.events.tell("error", json.dumps(self._why), is_last=True)

    def _play(self) -> None:
        kind, data = self._played()
        self.ended = time.monotonic()
        self._stage.leave(self._player)  # before its end is told: who hears that and asks for another has a place
        self.events.tell(kind, data, is_last=True)

    def _played(self) -> tuple[str, str]:
        """Its last event: what was drawn, or why it broke off."""
        try:
            self.events.tell("begin", self._begin().model_dump_json())
            if self.plan.endless:
                tune = endless(self._player, self.plan, self.limits.most_notes, self._hear_on)
            else:
                tune = one(self._player, self.plan, self.copied)
            return "tune", tune.model_dump_json()
        except LeftStage:
            return "error", json.dumps(self._why)
        except PhinError as error:
            return "error", json.dumps(told(error))
        except Exception:
            log.exception("stream %s", self.id)
            fault = PhinError("stream", "broke off by a fault of the program", "tell who runs the server")
            return "error", json.dumps(told(fault))

    def _begin(self) -> Begin:
        request, given = self.plan.request, self.plan.given
        return Begin(
            tempo=60e6 / request.written_tempo,
            metre=request.metre,
            begins=begin_of(given.phrase) if given else page_begins(Metre.parse(request.metre)),
            lai=request.lai,
            tuning=self.plan.keep.tuning,
            seed=self.plan.seed,
            number=self.plan.number,
            graph=self.graph,
        )

    def _hear(self, before: Rows, ids: np.ndarray) -> None:
        """Tells the note that a step drew after others of a tune that has an end."""
        if self._player.num_begun > 1:
            reason = "goes on and on: it does not come to its end"
            raise PhinError(
                f"seed {self.plan.seed}, tune {self.plan.number + 1}", reason, "take another seed or number"
            )
        row = drawn_note(before, ids[0])
        if row is not None:
            self._tell(row)

    def _hear_on(self, note: StreamedNote) -> None:
        """Tells a note of a tune without end, and waits until the next one is wanted."""
        self._tell(note.row)
        now = time.monotonic()
        if self._began is None:
            self._began, self._first = now, note.onset
        sounds = self._began + (note.onset - self._first) * self.plan.request.written_tempo / 1e6 / STEPS_PER_QUARTER
        self._rest_until(sounds - self.limits.ahead_seconds)

    def _tell(self, row: tuple[int, ...]) -> None:
        onset, _, pitch, *_ = row
        self.events.tell("note", note_of(row, *self._hand.takes(onset, pitch)).model_dump_json())

    def _rest_until(self, when: float) -> None:
        while True:
            left = self.limits.unheard_seconds - self.events.unheard_for()
            if left <= 0:
                reason = f"was played for {self.limits.unheard_seconds:g} s to nobody"
                raise PhinError("stream", reason, "ask for another, and listen to its events")
            rest = when - time.monotonic()
            if rest <= 0:
                return
            self._player.wait(min(rest, left))


class Streams:
    """All streams of a server: those that play, and those that have ended and are kept for who lost the connection."""

    def __init__(self, stage: Stage, limits: ServerLimits, graph: str, copied: Copied | None = None) -> None:
        self.stage, self.limits, self.graph, self.copied = stage, limits, graph, copied
        self._by_id: dict[str, TuneStream] = {}
        self._lock = threading.Lock()

    def open(self, plan: Plan) -> TuneStream:
        """A new one, which plays at once. Raises Refusal (503) where the stage is full."""
        with self._lock:
            self._forget()
            new = TuneStream(self.stage, plan, self.limits, self.graph, self.copied)
            self._by_id[new.id] = new
            return new

    def find(self, id: str) -> TuneStream:
        """The stream of this id. Raises Refusal (404)."""
        with self._lock:
            self._forget()
            if id not in self._by_id:
                raise Refusal(404, "stream", "is not there, or was forgotten after its end", "ask for a new one")
            return self._by_id[id]

    def hear(self, stream: TuneStream) -> Listener:
        """One more who listens to a stream, until `leave`. Raises Refusal (503) where too many listen."""
        with self._lock:
            if sum(each.events.num_listeners for each in self._by_id.values()) >= self.limits.most_listeners:
                raise full("events", f"{self.limits.most_listeners} listeners")
            return stream.events.listen()

    def remove(self, id: str) -> None:
        """Ends a stream and forgets it. Raises Refusal (404)."""
        stream = self.find(id)
        stream.stop()
        with self._lock:
            self._by_id.pop(id, None)

    def stop(self, error: PhinError) -> None:
        """Ends all that play, with an event that says why."""
        with self._lock:
            for stream in self._by_id.values():
                stream.stop(error)

    def _forget(self) -> None:
        """Drops what has ended long ago, and the oldest of what has ended where there is too much of it."""
        ended = sorted((each.ended, id) for id, each in self._by_id.items() if each.ended is not None)
        too_many, old = len(ended) - self.limits.most_kept, time.monotonic() - self.limits.kept_seconds
        for place, (when, id) in enumerate(ended):
            if place < too_many or when < old:
                del self._by_id[id]
