"""How much a server gives: to all at once, to each client, and for one request."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields

from phin.errors import InvalidConfig
from phin.generation.request import MOST_LINES
from phin.web.refusals import Refusal

FOR_SEVERAL = (
    *("most_streams", "most_listeners", "tunes_a_minute", "tunes_at_once", "draw_seconds", "read_megabytes"),
    *("most_waiting", "ahead_seconds", "kept_seconds", "most_kept"),
)
"""Limits of what a server gives to several at once; a page that draws by itself has no use for them."""
MOST_CLIENTS = 4096
"""Clients that are remembered: whoever has asked for nothing lately is forgotten first."""


@dataclass
class ServerLimits:
    """What may be asked of a server."""

    most_streams: int = 8
    """Tunes, or answers of several tunes, that are drawn at once; who asks for more is told to come again."""
    most_listeners: int = 64
    """Connections that hear events at once."""
    most_lines: int = MOST_LINES
    """Length of a tune in lines."""
    most_count: int = 16
    """Tunes in one answer."""
    most_notes: int = 4096
    """Notes of a tune that is sent, and of an endless one before it ends."""
    most_bytes: int = 1_000_000
    """Size of a file that is sent."""
    most_sound: int = 600
    """Seconds of a tune that is made into sound."""
    tunes_a_minute: int = 120
    """Of one client, in the long run; another request counts as a tune."""
    tunes_at_once: int = 40
    """Of one client who has asked for none in a while."""
    draw_seconds: float = 60.0
    """Within this time an answer of several tunes is drawn, or given up."""
    read_seconds: float = 20.0
    """Within this time a file is read or written, in a process of its own."""
    read_megabytes: int = 1024
    """Memory that reading or writing a file may take."""
    most_waiting: int = 16
    """Files that wait to be read."""
    ahead_seconds: float = 30.0
    """So far an endless tune is drawn ahead of the time at which it sounds."""
    unheard_seconds: float = 60.0
    """So long an endless tune goes on to which nobody listens."""
    kept_seconds: float = 120.0
    """So long the events of a tune are kept after its end, for who lost the connection."""
    most_kept: int = 64
    """Ended tunes that are kept so."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < (value := getattr(self, field.name)) < math.inf:
                raise InvalidConfig(f"limits.{field.name}={value}", "is no limit", "take a number above 0")
        if self.most_lines > MOST_LINES:
            reason = f"is more than {MOST_LINES}, the most that are drawn anywhere"
            raise InvalidConfig(f"limits.most_lines={self.most_lines}", reason, "take fewer")


class Buckets:
    """A token bucket for each client: full at first, and filled again at a steady pace (ITU-T I.371, as a meter)."""

    def __init__(self, a_minute: int, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_second, self.at_once, self.clock = a_minute / 60, float(at_once), clock
        self._left: dict[str, tuple[float, float]] = {}
        """By client, in the order of their last request: tokens that were left, and when."""

    def take(self, client: str, tokens: int = 1) -> None:
        """Raises Refusal (429) where a client has not so many left; it may come again when it has."""
        now = self.clock()
        left, when = self._left.pop(client, (self.at_once, now))
        left = min(left + (now - when) * self.a_second, self.at_once)
        # what is more than a bucket holds is paid for by waiting: it could not be had otherwise
        missing = min(tokens, self.at_once) - left
        self._left[client] = (left if missing > 0 else left - tokens), now
        if len(self._left) > MOST_CLIENTS:
            del self._left[next(iter(self._left))]
        if missing > 0:
            seconds = 1 + int(missing / self.a_second)
            most = f"{self.at_once:g} at once and {60 * self.a_second:g} a minute"
            reason = f"is one too many: of tunes and other requests {most} are the most"
            raise Refusal(429, "request", reason, f"come again in {seconds} s", seconds)
