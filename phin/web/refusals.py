"""What is answered to who asks for what cannot be had: where, reason and remedy, with HTTP's status."""

from phin.errors import PhinError


class Refusal(PhinError):
    """A PhinError with a status of its own; `retry_after` is in seconds, for who may come again."""

    def __init__(self, status: int, where: str, reason: str, remedy: str, retry_after: int | None = None) -> None:
        super().__init__(where, reason, remedy)
        self.args = (status, where, reason, remedy, retry_after)  # so that it crosses process boundaries whole
        self.status, self.retry_after = status, retry_after


def full(where: str, what: str) -> Refusal:
    """503: as much goes on as may at once."""
    return Refusal(503, where, f"{what} at once are the most, and so many there are", "try again in a moment", 5)


def stopped() -> Refusal:
    """503: the server ends."""
    return Refusal(503, "server", "is being stopped", "start it again")


def too_large(where: str, what: str, most: str) -> Refusal:
    """413."""
    return Refusal(413, where, f"{what}, and {most} are the most", "send less")


SEE = "see /docs, where what can be asked for stands"
"""What helps who asks for something of another kind."""
SEE_SETTINGS = "take what the settings of the page offer"
"""The same where no server is, and so no /docs."""
MOST_SAID = 400
"""Letters of a line: what was sent is told back, and may be anything."""


def told(error: PhinError) -> dict[str, str]:
    """An error as the page reads it, each part on one line that is no longer than a person reads."""
    return {name: _line(getattr(error, name)) for name in ("where", "reason", "remedy")}


def _line(text: str) -> str:
    line = " ".join(text.encode(errors="replace").decode().split())
    return line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]}…"
