"""What clients do to a server for a while: half of them hear endless tunes, half ask for tunes one after the other."""

import asyncio
import base64
import random
import time
from collections import Counter
from typing import Any

from experiments.web_load.client import Counts, Heard, NotThere, Server

TEMPO = 300.0
"""Hong a minute of endless tunes: faster than anybody plays."""
CUT = 0.02
"""The probability of each event that the client's connection is cut after it."""
STAYS = 5.0, 20.0
"""Seconds in which a client hears an endless tune before it takes another."""
SEEDS = 40
"""Finite tunes are asked for by few seeds: the same must come each time."""
LINES = 4
FULL = "| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |\n"
LETTERS = sum(each not in " |-\n" for each in FULL)
PAGE = {"form": "txt", "content": base64.b64encode(FULL.encode()).decode(), "name": "tune.txt"}


async def load(server: Server, clients: int, seconds: float, counts: Counts) -> None:
    """So many clients for so long; all is counted."""
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            plays = _endless if number % 2 else _finite
            group.create_task(plays(server, random.Random(number), until, counts))
        group.create_task(_files(server, until, counts))


async def _opened(server: Server, counts: Counts, **asked: Any) -> Heard:
    """A stream that is asked for; at once again where it is refused, which is counted."""
    while True:
        began = time.monotonic()
        status, made = await server.ask("POST", "/api/streams", asked)
        if status == 201:
            return Heard(server, counts, made, began, asked.get("tempo"))
        if status == 503:
            counts.refused += 1
        else:
            counts.faults.append(f"{asked}: {status} {made}")
        await asyncio.sleep(0.05)


async def _finite(server: Server, chance: random.Random, until: float, counts: Counts) -> None:
    while time.monotonic() < until:
        seed = chance.randrange(SEEDS)
        heard = await _opened(server, counts, seed=seed, lines=LINES)
        kind, tune = await heard.to_its_end(chance, CUT)
        counts.tunes += 1
        if kind != "tune":
            counts.faults.append(f"seed {seed}: {tune}")
        elif _notes(tune["notes"]) != _notes(heard.notes):
            counts.faults.append(f"seed {seed}: the tune has other notes than were streamed")
        else:
            played = [[note[name] for name in ("onset", "pitch", "duration")] for note in tune["notes"]]
            counts.otherwise += counts.by_seed.setdefault(seed, played) != played
        if chance.random() < 0.2:  # all of it once more, as who lost everything asks
            again = Heard(server, Counts(), heard.made, time.monotonic())
            if await again.to_its_end(chance, 0.0) != heard.ended or again.notes != heard.notes:
                counts.faults.append(f"seed {seed}: heard again it is another")


async def _endless(server: Server, chance: random.Random, until: float, counts: Counts) -> None:
    while time.monotonic() < until:
        heard = await _opened(server, counts, endless=True, tempo=TEMPO, seed=chance.randrange(2**31))
        hearing = asyncio.create_task(heard.to_its_end(chance, CUT))
        stays = min(chance.uniform(*STAYS), max(until - time.monotonic(), 0.0))
        await asyncio.wait([hearing], timeout=stays)
        await server.ask("DELETE", f"/api/streams/{heard.made['id']}")
        try:
            kind, said = await asyncio.wait_for(hearing, 10)
        except NotThere:  # its connection was cut just then, and who comes back finds nothing
            continue
        if kind != "error" or "stopped" not in said["reason"]:
            counts.faults.append(f"{heard.made['id']}: ended by {kind} {said}")


async def _files(server: Server, until: float, counts: Counts) -> None:
    """Sends a file each second: the process that reads it is part of the load."""
    while time.monotonic() < until:
        began = time.monotonic()
        status, tune = await server.ask("POST", "/api/read", PAGE)
        counts.read.append(time.monotonic() - began)
        counts.files += 1
        if status != 200 or len(tune["notes"]) != LETTERS:
            counts.faults.append(f"a file was answered by {status} {tune}")
        await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))


def _notes(notes: list[Any]) -> Counter[tuple[int, int]]:
    return Counter((note["onset"], note["pitch"]) for note in notes)


async def full(server: Server, most: int, counts: Counts) -> list[float]:
    """Fills the stage; each place is then given back and taken again. Seconds that took, by place. One more than there
    is room for must be refused.
    """
    made = [await _taken(server, seed) for seed in range(most)]
    took = list[float]()
    for place, id in enumerate(made):
        status, _ = await server.ask("POST", "/api/streams", {"endless": True})
        if status != 503:
            counts.faults.append(f"one more than the most was answered by {status}")
        began = time.monotonic()
        await server.ask("DELETE", f"/api/streams/{id}")
        made[place] = await _taken(server, place)
        took.append(time.monotonic() - began)
    for id in made:
        await server.ask("DELETE", f"/api/streams/{id}")
    return took


async def _taken(server: Server, seed: int) -> str:
    """The id of an endless tune that is asked for until there is a place."""
    while True:
        status, made = await server.ask("POST", "/api/streams", {"endless": True, "tempo": TEMPO, "seed": seed})
        if status == 201:
            return made["id"]
