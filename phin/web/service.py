"""All that a server holds: the model, its stage, the streams, the process that reads files, and what each may ask."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from phin.errors import InvalidConfig
from phin.generation.play import Engine
from phin.generation.recipe import Copied
from phin.generation.request import MOST_TUNES, SamplerConfig
from phin.music.phrase import HONG_PER_LINE, Phrase
from phin.web.asked import Plan, TuneSource, plan
from phin.web.drawing import several
from phin.web.errands import Errand, Errands, refuse_source
from phin.web.limits import Buckets, ServerLimits
from phin.web.refusals import stopped
from phin.web.stage import LeftStage, Stage
from phin.web.streams import Streams
from phin.web.tune import Tune, to_phrase

Gone = Callable[[], Coroutine[Any, Any, None]]
"""Returns once who asked has gone away."""


@dataclass(frozen=True)
class Model:
    """What draws, and what is told of it."""

    engine: Engine
    name: str
    graph: str
    """A hash of what draws: the same graph draws the same tunes of a seed."""
    precision: str = "fp32"
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    """How notes are drawn, as far as a request does not say."""
    samplers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Ways to draw, by name."""
    copied: Copied | None = None


class Service:
    """What the endpoints ask. `close` it at the end."""

    def __init__(self, model: Model, limits: ServerLimits) -> None:
        self.model, self.limits = model, limits
        self.stage = Stage(model.engine, limits.most_streams)
        self.streams = Streams(self.stage, limits, model.graph, model.copied)
        self.errands = Errands(limits)
        self.buckets = Buckets(limits.tunes_a_minute, limits.tunes_at_once)
        self._threads = ThreadPoolExecutor(limits.most_streams, "several")

    async def planned(self, asked: Any, gone: Gone) -> Plan:
        """The plan of a TuneAsked, its tunes read, unless `gone` returns before. Raises PhinError."""
        limits, count = self.limits, getattr(asked, "count", 1)
        if count > limits.most_count:
            raise InvalidConfig(f"count={count}", "is too many in one answer", f"take 1 to {limits.most_count}")
        if asked.number + count > MOST_TUNES:
            reason = f"goes beyond the {MOST_TUNES:,} tunes of a seed"
            raise InvalidConfig(f"number={asked.number}", reason, "take another seed")
        if not asked.endless and asked.lines > limits.most_lines:
            raise InvalidConfig(f"lines={asked.lines}", "is too long here", f"take 1 to {limits.most_lines}")
        if (asked.hong or 0) > (most := HONG_PER_LINE * limits.most_lines):
            raise InvalidConfig(f"hong={asked.hong}", "is too long here", f"take 1 to {most}")
        sources = {"given": asked.given, "like": asked.like, "other.like": asked.other.like}
        phrases = {name: await self._phrase(source, gone) for name, source in sources.items() if source is not None}
        return plan(asked, self.model.sampler, phrases)

    async def draw(self, planned: Plan, count: int, gone: Gone) -> list[Tune]:
        """`count` tunes; no more of them once `gone` returns. Raises PhinError."""
        player = self.stage.enter(seconds=self.limits.draw_seconds)
        try:
            async with _until(gone, player.stop):
                draw = partial(several, player, planned, count, self.model.copied)
                return await asyncio.get_running_loop().run_in_executor(self._threads, draw)
        except LeftStage:
            raise stopped() from None
        finally:
            self.stage.leave(player)

    async def run(self, errand: Errand, gone: Gone) -> Any:
        """What becomes of an errand, which is given up once `gone` returns. Raises PhinError."""
        done = self.errands.submit(errand)
        async with _until(gone, partial(self.errands.give_up, done)):
            return await asyncio.wrap_future(done)

    async def _phrase(self, source: TuneSource, gone: Gone) -> Phrase:
        if source.tune is not None:
            refuse_source(source, self.limits)
            return to_phrase(source.tune)
        return await self.run(Errand("phrase", source), gone)

    def stop(self) -> None:
        """Tells who listens or waits that it is over."""
        self.streams.stop(stopped())
        self.stage.close()
        self.errands.close()

    def close(self) -> None:
        """Ends all threads and processes."""
        self.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)


@contextlib.asynccontextmanager
async def _until(gone: Gone, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Within the block, `stop` is called once `gone` returns."""
    watch = asyncio.create_task(gone())
    watch.add_done_callback(lambda done: None if done.cancelled() else stop())
    try:
        yield
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
