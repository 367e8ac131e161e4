"""The app on a socket, until it is told to stop. Open streams are then told so, and end."""

import asyncio
import socket
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from phin.web.connections import PATIENCE, Connection, waiting
from phin.web.service import Service

FAREWELL = 3.0
"""Seconds in which connections may end by themselves."""
NO_LISTENERS = 192
"""Connections beside those of listeners."""


class Server(uvicorn.Server):
    """uvicorn's, which tells open streams that it stops, where it would wait for them to end; and which waits for no
    client longer than `patience` seconds.
    """

    def __init__(self, config: uvicorn.Config, service: Service, patience: float) -> None:
        super().__init__(config)
        self.service, self.patience = service, patience

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            for connection in waiting(self.server_state.connections):
                if connection.waited() > self.patience:
                    connection.drop()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.stop()
        asyncio.get_running_loop().call_later(FAREWELL, self._drop)
        await super().shutdown(sockets)

    def _drop(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def server(app: FastAPI, service: Service, patience: float = PATIENCE) -> Server:
    """What serves an app, whose service it stops first."""
    http = partial(Connection, most=service.limits.most_listeners + NO_LISTENERS)
    # where connections are gone after FAREWELL, what is done for them is over soon
    settings: dict[str, Any] = {"http": http, "access_log": False, "log_level": "warning"}
    settings |= {"server_header": False, "timeout_graceful_shutdown": int(FAREWELL) + 2}
    settings |= {"proxy_headers": False}  # who asks would say who asks, and no limit would hold
    return Server(uvicorn.Config(app, **settings), service, patience)


def serve_app(app: FastAPI, service: Service, listening: socket.socket) -> None:
    """Serves on a socket until SIGINT or SIGTERM."""
    server(app, service).run(sockets=[listening])
