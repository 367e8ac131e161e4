"""What is told of a stream, event after event, to whoever listens, from whichever event on (server-sent events)."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

PING = 10.0
"""Seconds after which a line of comment is sent where nothing else is, so that the connection stays open."""
Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]
"""Somebody who listens in a loop, and is woken by an event of it."""


class Events:
    """Events counted from 0. They are told in any thread, and heard in any loop; all are kept, until all is dropped."""

    def __init__(self) -> None:
        self._events = list[bytes]()
        self._is_over = False
        self._listeners = set[Listener]()
        self._lock = threading.Lock()
        self._heard = time.monotonic()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def num_listeners(self) -> int:
        return len(self._listeners)

    def tell(self, kind: str, json: str, is_last: bool = False) -> None:
        """Adds an event; after the last one nothing is heard."""
        with self._lock:
            if self._is_over:
                return
            self._events.append(f"id: {len(self._events)}\nevent: {kind}\ndata: {json}\n\n".encode())
            self._is_over = is_last
            for loop, told in self._listeners:
                loop.call_soon_threadsafe(told.set)

    def unheard_for(self) -> float:
        """Seconds in which nobody has listened."""
        with self._lock:
            return 0.0 if self._listeners else time.monotonic() - self._heard

    def is_told(self, last: int) -> bool:
        """Whether an event is the last one of all: who has heard it need not come back."""
        with self._lock:
            return self._is_over and last >= len(self._events) - 1

    def listen(self) -> Listener:
        """One more who listens in this loop, and is counted from now on until `leave`."""
        me = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._listeners.add(me)
        return me

    def leave(self, me: Listener) -> None:
        with self._lock:
            self._listeners.discard(me)
            self._heard = time.monotonic()

    async def after(self, last: int, me: Listener) -> AsyncIterator[bytes]:
        """All events after number `last`, those to come among them, until the last; comments while there is none."""
        following = last + 1
        while True:
            me[1].clear()
            with self._lock:
                events, is_over = self._events[following:], self._is_over
            following += len(events)
            if events:
                yield b"".join(events)
            if is_over:
                return
            try:
                await asyncio.wait_for(me[1].wait(), PING)
            except TimeoutError:
                yield b": \n\n"
