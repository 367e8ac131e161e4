"""A client of phin-web on plain sockets, which takes little from the cores that it shares with the server; a listener
who checks what is heard: event after event, each once, in order, however often the connection is cut.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

LINE = 2**22
"""Bytes of a line of events, a whole tune among them."""


class NotThere(Exception):
    """There are no events of a stream."""


@dataclass(frozen=True)
class Server:
    """Where phin-web listens."""

    host: str
    port: int

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer, None where there is none."""
        reader, writer = await self._sent(method, path, json.dumps(body) if body is not None else "")
        try:
            status, _ = await _head(reader)
            said = await reader.read()
        finally:
            writer.close()
        return status, json.loads(said) if said else None

    async def events(self, path: str, last: int) -> AsyncGenerator[tuple[int, str, Any], None]:
        """Number, kind and data of each event after `last`. Closing the generator cuts the connection."""
        sent = f"Last-Event-ID: {last}\r\n" if last >= 0 else ""
        reader, writer = await self._sent("GET", path, headers=sent)
        try:
            status, is_chunked = await _head(reader)
            if (status, is_chunked) != (200, True):
                raise NotThere(f"{path}: {status}")
            said, rest = dict[str, str](), b""
            while size := int(await reader.readline(), 16):
                *lines, rest = (rest + await reader.readexactly(size)).split(b"\n")
                await reader.readexactly(2)
                for line in lines:
                    if line and not line.startswith(b":"):
                        name, _, value = line.decode().partition(": ")
                        said[name] = value
                    elif said:
                        yield int(said["id"]), said["event"], json.loads(said["data"])
                        said = {}
        finally:
            writer.close()

    async def _sent(
        self, method: str, path: str, body: str = "", headers: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=LINE)
        content = body.encode()
        if content:
            headers += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n{headers}\r\n"
        writer.write(head.encode() + content)
        return reader, writer


async def _head(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer, and whether its body comes in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    return int(head.split()[1]), "transfer-encoding: chunked" in head


@dataclass
class Counts:
    """What clients have met, all together."""

    notes: int = 0
    tunes: int = 0
    """Finite tunes that were heard to their end."""
    cuts: int = 0
    """Connections that were cut in the middle, and taken up again."""
    refused: int = 0
    """Answers 503 where there was a place."""
    files: int = 0
    faults: list[str] = field(default_factory=list)
    """Whatever was lost, doubled, reordered, or not what was promised."""
    first_note: list[tuple[float, float]] = field(default_factory=list)
    """Of each stream the clock, and the seconds from before the request to its first note."""
    note_times: list[float] = field(default_factory=list)
    """Of each note the clock."""
    late: list[float] = field(default_factory=list)
    """Of each note of an endless tune the seconds by which it came after its time, where the tune sounds from its first
    note on: below 0 it came in time."""
    read: list[float] = field(default_factory=list)
    """Seconds that each file took to be read."""
    by_seed: dict[int, list[Any]] = field(default_factory=dict)
    otherwise: int = 0
    """Tunes that were not those that the same seed had given before."""


@dataclass
class Heard:
    """A stream as one client hears it."""

    server: Server
    counts: Counts
    made: dict[str, Any]
    asked: float
    """The clock before it was asked for."""
    tempo: float | None = None
    """Hong a minute of an endless tune."""
    notes: list[Any] = field(default_factory=list)
    last: int = -1
    ended: tuple[str, Any] | None = None

    async def to_its_end(self, chance: random.Random, cut: float) -> tuple[str, Any]:
        """Its last event; on the way each event cuts the connection with probability `cut`."""
        while self.ended is None:
            async with aclosing(self.server.events(self.made["events"], self.last)) as events:
                async for number, kind, data in events:
                    self._hear(number, kind, data)
                    if self.ended is not None or chance.random() < cut:
                        break
                else:
                    self.counts.faults.append(f"{self.made['id']}: the answer ended after event {self.last}")
            self.counts.cuts += self.ended is None
        return self.ended

    def _hear(self, number: int, kind: str, data: Any) -> None:
        now, counts = time.monotonic(), self.counts
        if number != self.last + 1:
            counts.faults.append(f"{self.made['id']}: event {number} after {self.last}")
        if (kind == "begin") != (number == 0):
            counts.faults.append(f"{self.made['id']}: event {number} is {kind}")
        self.last = number
        if kind in ("tune", "error"):
            self.ended = kind, data
        elif kind == "note":
            if not self.notes:
                counts.first_note.append((now, now - self.asked))
                self._began = now
            elif data["onset"] < self.notes[-1]["onset"]:
                counts.faults.append(f"{self.made['id']}: note {number} sounds before the one before it")
            self.notes.append(data)
            counts.notes += 1
            counts.note_times.append(now)
            if self.tempo is not None:
                sounds = self._began + (data["onset"] - self.notes[0]["onset"]) * 60 / self.tempo / 24
                counts.late.append(now - sounds)
