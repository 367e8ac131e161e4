"""The app on a socket, until it is told to stop. Open streams are then told so, and end."""

import socket
from typing import Any

import uvicorn
from fastapi import FastAPI

from phin.web.service import Service

FAREWELL = 5
"""Seconds in which connections may end by themselves."""


class Server(uvicorn.Server):
    """uvicorn's, which tells open streams that it stops: it would wait for them to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.stop()
        await super().shutdown(sockets)


def server(app: FastAPI, service: Service) -> Server:
    """What serves an app, whose service it stops first."""
    settings: dict[str, Any] = {"access_log": False, "log_level": "warning", "timeout_graceful_shutdown": FAREWELL}
    return Server(uvicorn.Config(app, server_header=False, **settings), service)


def serve_app(app: FastAPI, service: Service, listening: socket.socket) -> None:
    """Serves on a socket until SIGINT or SIGTERM."""
    server(app, service).run(sockets=[listening])
