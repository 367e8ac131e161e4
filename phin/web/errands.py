"""What is done with a tune that a person sent: it is read, written in another form, or techniques are suggested for it.

All of it in a process of its own with limits of time and memory (`phin.workers`), one errand after another: a
file that hangs, or eats the memory, costs itself alone. Files lie in a folder of the server's, under names of its own.
"""

import base64
import binascii
import logging
import queue
import shutil
import tempfile
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from phin.errors import InvalidConfig, PhinError
from phin.music.drone import with_drone
from phin.music.paper import for_paper
from phin.music.phrase import ASSUMED_TEMPO, STEPS_PER_QUARTER, Phrase
from phin.music.readers import READERS
from phin.music.suggestion import SAID, load
from phin.music.technique import word
from phin.music.writers import WRITERS
from phin.web.asked import TuneSource
from phin.web.limits import ServerLimits
from phin.web.refusals import Refusal, full, stopped, too_large
from phin.web.tune import to_json, to_phrase
from phin.workers import Failure, Limits, limited

log = logging.getLogger(__name__)

FAREWELL = 2.0
"""Seconds in which the last errand may end; then it ends with this process."""
SMALLER = "send a smaller tune, or export it again from the program that made it"
"""What helps who sent a file that takes too long, or too much memory, to read."""


@dataclass(frozen=True)
class Errand:
    """What is to be done with which tune."""

    what: Literal["phrase", "read", "convert", "suggest"]
    source: TuneSource
    to: str = ""
    drone: bool = False


@dataclass(frozen=True)
class Fault:
    """What went wrong of the program's own."""

    traceback: str


def run(errand: Errand, folder: str, limits: ServerLimits) -> Any:
    """What became of an errand: a Phrase, a Tune, the bytes of a file, or what is suggested; or a PhinError, returned
    rather than raised, so that it crosses the border between processes.
    """
    try:
        phrase, said = _read(errand.source, Path(folder), limits)
        match errand.what:
            case "phrase":
                return phrase
            case "read":
                return to_json(phrase, said)
            case "convert":
                return _convert(phrase, errand, Path(folder), limits)
            case "suggest":
                return _suggest(phrase, said)
    except PhinError as error:
        return Refusal(getattr(error, "status", 422), error.where, error.reason, error.remedy)
    except MemoryError:
        raise
    except Exception:
        return Fault(traceback.format_exc())


def _read(source: TuneSource, folder: Path, limits: ServerLimits) -> tuple[Phrase, list[str]]:
    """The one tune of a source, and what was mended or guessed to read it."""
    if source.tune is not None:
        return to_phrase(source.tune), []
    assert source.form is not None
    assert source.content is not None
    name = " ".join((source.name or f"the {source.form} file").split())
    try:
        content = base64.b64decode(source.content, validate=True)
    except (binascii.Error, ValueError):
        raise PhinError(name, "is not in base64", "encode its bytes so, in the standard alphabet") from None
    path = folder / f"tune.{source.form}"
    path.write_bytes(content)
    try:
        tunes, repairs, _ = READERS[path.suffix](path)
    except PhinError as error:
        where, reason = (text.replace(str(path), name) for text in (error.where, error.reason))
        raise PhinError(where, reason, error.remedy) from None
    if len(tunes) != 1:
        raise PhinError(name, f"holds {len(tunes)} tunes", "send one of them")
    phrase = tunes[0]
    if len(phrase) > limits.most_notes:
        raise too_large(name, f"has {len(phrase):,} notes", f"{limits.most_notes:,}")
    title = phrase.title or " ".join((source.name or "").split()).rpartition(".")[0]
    return replace(phrase, title=title), [repair.replace(str(path), name) for repair in repairs]


def _convert(phrase: Phrase, errand: Errand, folder: Path, limits: ServerLimits) -> bytes:
    """The tune as a file, as phin-generate writes it: on paper changed as far as it must be."""
    ending = f".{errand.to}"
    if errand.drone:
        if errand.to == "txt":
            raise InvalidConfig("drone=true", "means nothing for txt: letters hold the melody alone", "leave it out")
        phrase = with_drone(phrase)
    if errand.to == "wav":
        end = int(phrase.end.max(initial=0)) - int(phrase.onset.min(initial=0))
        seconds = end / STEPS_PER_QUARTER * (phrase.tempo or ASSUMED_TEMPO) / 1e6
        if seconds > limits.most_sound:
            raise too_large(phrase.title or "tune", f"lasts {seconds:,.0f} s", f"{limits.most_sound} s")
    path = folder / f"made{ending}"
    shown, _ = for_paper(phrase, ending)
    try:
        WRITERS[ending](shown, path)
    except PhinError as error:
        where = error.where.replace(str(path), phrase.title or "tune")
        raise PhinError(where, error.reason, error.remedy) from None
    return path.read_bytes()


def _suggest(phrase: Phrase, said: list[str]) -> dict[str, Any]:
    """For each melody note how it is played and which ornament it would have, where that is likely enough, and why."""
    melody = [number for number, is_melody in enumerate(phrase.is_melody.tolist()) if is_melody]
    if not melody:
        raise PhinError(phrase.title or "tune", "has no melody", "give a tune with notes")
    suggestions = [
        {
            "note": number,
            "technique": None if each.technique is None else word(each.technique),
            "ornament": None if each.ornament is None else word(each.ornament),
            "probabilities": {word(technique): round(share, 4) for technique, share in each.probability.items()},
            "if_ornamented": {word(technique): round(share, 4) for technique, share in each.if_ornamented.items()},
            "why": each.reasons[each.likeliest],
            "why_ornament": each.reasons[each.likeliest_ornament],
        }
        for number, each in zip(melody, load().suggest(phrase), strict=True)
    ]
    return {"tune": to_json(phrase, said), "suggestions": suggestions, "said": SAID}


class Errands:
    """Runs errands one by one in a process that is started for the first, and stays. `close` it at the end."""

    def __init__(self, limits: ServerLimits) -> None:
        self.limits = limits
        self.folder = tempfile.mkdtemp(prefix="phin-web-")
        self._waiting: queue.Queue[tuple[Errand, Future[Any]] | None] = queue.Queue(limits.most_waiting)
        self._lock = threading.Lock()
        self._at: Future[Any] | None = None
        """Who waits for the errand that is run; nobody, where it was given up."""
        self._process: BaseProcess | None = None
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)
        self._thread.start()

    def submit(self, errand: Errand) -> "Future[Any]":
        """What becomes of an errand. Raises Refusal: 413 for a file that is too large, 503 where too many wait, or
        none is read any more.
        """
        refuse_source(errand.source, self.limits)
        done: Future[Any] = Future()
        with self._lock:
            if not self._is_open:
                raise stopped()
            try:
                self._waiting.put_nowait((errand, done))
            except queue.Full:
                raise full("files", f"{self.limits.most_waiting} that wait") from None
        return done

    def give_up(self, done: "Future[Any]") -> None:
        """Ends the errand of a future at once, and the process that was at it; who waits is told that it stopped."""
        with self._lock:
            self._give_up(done)

    def _give_up(self, done: "Future[Any]") -> None:
        if done is self._at:
            self._at = None
            if self._process is not None:
                self._process.kill()
        if not done.done():
            done.set_exception(stopped())

    def close(self) -> None:
        """Ends the process and removes what it wrote; who waits is refused."""
        with self._lock:
            self._is_open = False
            while not self._waiting.empty():
                if (waiting := self._waiting.get_nowait()) is not None:
                    self._give_up(waiting[1])
            if self._at is not None:
                self._give_up(self._at)
            self._waiting.put(None)
        self._thread.join(timeout=FAREWELL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self) -> None:
        task = partial(run, folder=self.folder, limits=self.limits)
        within = Limits(self.limits.read_seconds, self.limits.read_megabytes)
        while self._is_open:
            try:
                for _, answer in limited(task, self._errands(), 1, within, self._started):
                    self._answer(answer)
            except Exception as error:  # the process could not be had: who waits is told, and the next one tries again
                if self._answer(error):
                    log.exception("errands")

    def _started(self, process: BaseProcess) -> None:
        with self._lock:
            self._process = process
            if self._at is None:  # given up while it was started
                process.kill()

    def _errands(self) -> Iterator[Errand]:
        while (waiting := self._waiting.get()) is not None:
            errand, done = waiting
            with self._lock:
                if done.done() or not done.set_running_or_notify_cancel():
                    continue
                self._at = done
            yield errand

    def _answer(self, answer: Any) -> bool:
        """Whether somebody still waited for it."""
        with self._lock:
            done, self._at = self._at, None
        match answer:
            case _ if done is None:
                return False
            case Failure():
                done.set_exception(Refusal(422, "the file", answer.what, SMALLER))
            case Fault():
                done.set_exception(RuntimeError(answer.traceback))
            case Exception():
                done.set_exception(answer)
            case _:
                done.set_result(answer)
        return True


def refuse_source(source: TuneSource, limits: ServerLimits) -> None:
    """Raises InvalidConfig where a source is not one tune, and Refusal (413) where it is too large."""
    is_file = source.form is not None and source.content is not None
    if (source.tune is not None) == is_file or (not is_file and (source.form or source.content)):
        raise InvalidConfig("tune", "is not given in one way", "send either tune, or form and content")
    if source.tune is not None and source.name is not None:
        raise InvalidConfig("name", "means nothing beside tune, which has a title", "leave it out")
    content = source.content or ""
    if len(content) // 4 * 3 - content[-2:].count("=") > limits.most_bytes:
        size = f"is larger than {limits.most_bytes / 1e6:g} MB"
        raise Refusal(413, source.name or "the file", size, "send one tune")
    if source.tune is not None and len(source.tune.notes) > limits.most_notes:
        raise too_large("tune.notes", f"are {len(source.tune.notes):,}", f"{limits.most_notes:,}")
