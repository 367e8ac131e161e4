"""What drawing for several who play at once in one call of the model is worth: in turns with one call for each.

python -m experiments.web_load.together exported        # writes together.csv
"""

import argparse
import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phin.generation.draw import Step
from phin.generation.exported import Precision
from phin.generation.play import About, Engine, play
from phin.generation.request import SamplerConfig, Stream, TuneRequest
from phin.runtime.onnx_engine import OnnxEngine
from phin.web.stage import Stage
from phin.whole_file import write_csv

RESULTS = Path(__file__).with_name("together.csv")
COLUMNS = ("form", "players", "alone", "together", "notes_a_call", "times", "lowest_times", "highest_times")
PLAYERS = (1, 2, 4, 8, 16)
SAMPLER = SamplerConfig(top_p=0.95)


class OneByOne:
    """An engine that never draws for several in one call."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def about(self) -> About:
        return self.engine.about

    def step(self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None) -> Step:
        return self.engine.step(count, sampler, streams, window)


def rate(engine: Engine, players: int, seconds: float) -> tuple[float, float]:
    """Notes a second, and notes a call of the model, while so many draw tunes of two lines one after the other."""
    stage, until, notes = Stage(engine, players), time.monotonic() + seconds, [0] * players

    def perform(number: int) -> None:
        for seed in itertools.count(1000 * number):
            if time.monotonic() > until:
                return
            player = stage.enter()
            notes[number] += play(player, TuneRequest(), [0], seed, SAMPLER)[0].num_drawn
            stage.leave(player)

    threads = [threading.Thread(target=perform, args=(number,)) for number in range(players)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    stage.close()
    return sum(notes) / took, sum(notes) / stage.num_calls


def measure(exported: Path, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row a precision and a number of players; both ways take turns."""
    rows = []
    for precision in Precision:
        engine = OnnxEngine(exported, precision)
        for players in PLAYERS:
            alone, together = list[float](), list[tuple[float, float]]()
            for _ in range(rounds):
                alone.append(rate(OneByOne(engine), players, seconds)[0])
                together.append(rate(engine, players, seconds))
            rates, sizes = np.array(together).T
            times = rates / np.array(alone)
            values = [f"{np.median(alone):.0f}", f"{np.median(rates):.0f}", f"{np.median(sizes):.1f}"]
            values += [f"{value:.2f}" for value in (np.median(times), times.min(), times.max())]
            rows.append(dict(zip(COLUMNS, [precision.value, players, *values], strict=True)))
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    write_csv(RESULTS, COLUMNS, measure(asked.exported, asked.seconds, asked.rounds))


if __name__ == "__main__":
    main()
