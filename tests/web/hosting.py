"""A host of files under a path, as any there is: it knows nothing of the site, and sends no headers for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

UNDER = "some/where"


@dataclass
class Host:
    """A file server that runs, and what it was asked for, as paths of the site."""

    base: str
    asked: list[str] = field(default_factory=list)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *given, host: Host, **more) -> None:
        self.host = host
        super().__init__(*given, **more)

    def log_message(self, *_) -> None:
        self.host.asked.append(self.path.partition("?")[0].removeprefix(f"/{UNDER}/"))


@contextmanager
def hosting(root: Path) -> Iterator[Host]:
    """Serves root/UNDER until the block ends."""
    host = Host("")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, host=host, directory=str(root))) as server:
        server.handle_error = lambda *_: None  # a page that goes away breaks off what it asked for
        host.base = f"http://127.0.0.1:{server.server_port}/{UNDER}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(10)
