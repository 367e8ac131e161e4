"""Connections whose clients keep a server waiting: how many there may be, and for how long.

Whoever opens a connection and says nothing, sends half of a body, or never reads what was sent, would hold a socket for
ever: uvicorn waits. Who reads a stream is not waited for, however long nothing is told.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0
"""Seconds in which a request must have come whole, and in which something of an answer must be read."""


class Connection(H11Protocol):
    """uvicorn's, which knows since when it waits for its client; there are `most` at once."""

    def __init__(self, *arguments: Any, most: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.most = most
        self._quiet = self._paused = time.monotonic()

    @property
    def waits_since(self) -> float | None:
        """When it began to wait, by the monotonic clock; None while there is something to do."""
        if self.flow.write_paused:
            return self._paused
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return self._quiet
        return None

    def drop(self) -> None:
        """Ends it as it is: what was not read will not be."""
        self.connections.discard(self)  # it is counted no more, though it ends only after those that come just now
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        if len(self.connections) > self.most:  # whoever has kept it waiting longest; at worst the new one
            max(waiting(self.connections), key=Connection.waited).drop()

    def waited(self) -> float:
        """Seconds."""
        return 0.0 if self.waits_since is None else time.monotonic() - self.waits_since

    def on_response_complete(self) -> None:
        self._quiet = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._paused = time.monotonic()
        super().pause_writing()

    def shutdown(self) -> None:
        if self.cycle is not None and self.cycle.more_body:  # the rest will not be read
            self.drop()
        else:
            super().shutdown()


def waiting(connections: Iterable[Any]) -> list[Connection]:
    """Those that wait for their client and are not ending already."""
    mine = (cast(Connection, each) for each in connections)
    return [each for each in mine if each.waits_since is not None]
