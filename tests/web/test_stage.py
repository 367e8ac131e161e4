"""The stage: who waits at the same time is drawn for in one call, and hears what it would hear alone."""

import threading
import time
from collections.abc import Sequence

from phin.errors import PhinError
from phin.generation.draw import Drawn
from phin.generation.play import play
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.together import Turn
from phin.generation.torch_engine import TorchEngine
from phin.web.stage import Stage
from tests.runtime.exported import ENGINE

REQUESTS = [
    TuneRequest(lines=20),
    TuneRequest(lines=16, lai="yai"),
    TuneRequest(lines=18, blend=0.5, lai="yai", other=Style(lai="noi")),
    TuneRequest(lines=20, tempo=140.0),
    TuneRequest(lines=20, lai="noi", guidance=1.5),
]


class Busy(TorchEngine):
    """The engine, so slow that all who play wait while it draws; it remembers for how many it drew at once."""

    def __init__(self) -> None:
        super().__init__(ENGINE.model, ENGINE.about)
        self.drew: list[int] = []

    def together(self, turns: Sequence[Turn]) -> list[Drawn]:
        self.drew.append(len(turns))
        time.sleep(0.02)
        return super().together(turns)


def played_at_once(engine: TorchEngine, samplers: Sequence[SamplerConfig]) -> list[object]:
    """What each request becomes where all play at once; what went wrong, if something did."""
    stage, found = Stage(engine, len(REQUESTS)), [None] * len(REQUESTS)
    ready = threading.Barrier(len(REQUESTS))

    def perform(number: int) -> None:
        player = stage.enter()
        ready.wait(10)
        try:
            found[number] = play(player, REQUESTS[number], 1, number, samplers[number])[0].phrase
        except Exception as error:
            found[number] = error
        finally:
            stage.leave(player)

    threads = [threading.Thread(target=perform, args=(number,)) for number in range(len(REQUESTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    stage.close()
    return found


def test_who_waits_at_the_same_time_is_drawn_for_in_one_call() -> None:
    """Fails: a model that takes its time is called once a note for each of twenty who play, and all of them stutter."""
    engine = Busy()
    samplers = [SamplerConfig(temperature=0.8 + number / 10, top_p=0.9) for number in range(len(REQUESTS))]
    found = played_at_once(engine, samplers)
    alone = [play(ENGINE, each, 1, n, samplers[n])[0].phrase for n, each in enumerate(REQUESTS)]
    assert found == alone
    assert sum(size >= len(REQUESTS) // 2 for size in engine.drew) > 10, "some read while the others are drawn for"


def test_a_call_that_fails_is_told_to_all_whom_it_was_for() -> None:
    """Fails: one who played waits for ever for a note that the model failed to draw."""

    class Broken(Busy):
        def together(self, turns: Sequence[Turn]) -> list[Drawn]:
            raise PhinError("the model", "is broken", "mend it")

    samplers = [SamplerConfig(top_p=0.9)] * len(REQUESTS)
    found = played_at_once(Broken(), samplers)
    broken = [each for each in found if isinstance(each, PhinError)]
    assert len(broken) >= 2
    assert all(each.reason == "is broken" for each in broken)
