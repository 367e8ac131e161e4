"""phin-play: a new tune on a MIDI port, while it is drawn."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mido

from phin.cli.app import run
from phin.cli.engine import open_engine, refuse_missing, refuse_precision
from phin.cli.typed import refuse_unheard
from phin.cli.unheard import refuse_unheard_drawing
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError, Stopped, to_install
from phin.generation.constraints import Constraint
from phin.generation.given import with_examples
from phin.generation.live import LOOK_AHEAD, Sent, play_live
from phin.generation.play import length_of
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.stream import (
    LET_IT_END,
    NeverSilent,
    StreamedNote,
    away_of,
    least_steps,
    refuse_length,
    refuse_waiting_for_an_end,
    stream,
    tune_of,
    without_end,
)
from phin.generation.wishes import Wishes
from phin.music.midi import write_midi
from phin.music.midi_limits import ENDINGS
from phin.pretrained import PRETRAINED
from phin.writable import refuse_file


@dataclass
class PlayConfig(TuneRequest):
    """Settings of phin-play."""

    checkpoint: str = PRETRAINED
    """A .ckpt, .safetensors or .pte file, the folder of a run, or an exported model's, which is faster; or pretrained,
    the model that comes with phin."""
    precision: str | None = None
    """Of an exported model, or the one that comes with phin: fp32 or int8."""
    seed: int = 0
    """The same seed plays the same tune."""
    endless: bool = True
    """Plays until Ctrl-C; else as many lines as are asked for."""
    port: str = ""
    """The MIDI port to play on, or a part of its name; the first one, if none is named."""
    look_ahead: float = LOOK_AHEAD
    """Seconds by which notes are drawn before they sound."""
    out: str | None = None
    """A new MIDI file for what was played."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    keep: Wishes = field(default_factory=Wishes)
    """What the tune must keep to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_draw(1, self.seed)
        refuse_precision(self.precision)
        if self.keep.drone:
            reason = "cannot be struck under a tune that is not over, and is heard as it is drawn"
            raise InvalidConfig("keep.drone=true", reason, "hold the drone by hand, or use phin-generate")
        if self.endless:
            refuse_length(self, LET_IT_END)
            refuse_waiting_for_an_end(self.keep, LET_IT_END)
        if not 0.05 <= self.look_ahead <= 60:
            raise InvalidConfig(f"look_ahead={self.look_ahead}", "is no time to look ahead", "take 0.2 to 5 seconds")
        if self.like is None:  # else it says what is asked for, once it is read
            self.constraints()

    def constraints(self) -> list[Constraint]:
        """What the tune keeps to. Raises PhinError where no tune could."""
        found = self.keep.constraints(self)
        if not self.endless:
            return [length_of(self), NeverSilent(least_steps(found)), *found]
        return without_end(found)


def main() -> None:
    """Console script."""
    run("play", PlayConfig, play)


def play(config: PlayConfig) -> None:
    """Plays, and writes what was played if asked."""
    if config.endless:
        refuse_unheard(["lines", "hong", "about"], "means nothing for a tune without end", LET_IT_END)
    refuse_unheard_drawing(config, config.sampler)
    if config.out is not None:
        if config.out and Path(config.out).suffix.casefold() not in ENDINGS:
            raise InvalidConfig(f"out={config.out}", "is no MIDI file by its ending", "let it end in .mid")
        refuse_missing(config.checkpoint)
        refuse_file("out", config.out)
    engine = open_engine(config.checkpoint, config.precision)
    asked = with_examples(config)
    tempo = asked.written_tempo
    played: list[StreamedNote] = []
    notes = stream(engine, asked, config.seed, config.sampler, asked.constraints(), on_note=played.append)
    with open_port(config.port) as port:
        print(f"playing on {port.name}; Ctrl-C ends it. Model licence: {engine.about.licence}", flush=True)
        sent = Sent()
        fault: PhinError | None = None
        try:
            play_live(notes, port, tempo, config.look_ahead, sent)
        except PhinError as error:
            fault = error
        except (KeyboardInterrupt, Stopped):
            pass  # what was played is kept
    print(f"{counted(sent.notes, 'note')} played; the latest came {1000 * sent.latest:.0f} ms after its time")
    for line in away_of(played, bool(config.keep.constraints(asked))):
        print(f"  {line}")
    if config.out is not None and played:
        tune, changes = config.keep.finished(tune_of(played, asked, config.seed), asked)
        write_midi(tune, config.out)
        print("\n  ".join([f"what was drawn: {config.out}", *changes]))
    if fault is not None:
        raise fault


def open_port(name: str) -> AbstractContextManager[Any]:
    """The first MIDI output whose name has `name` in it. Raises PhinError where there is none."""
    try:
        backend = mido.Backend()
        names: list[str] = backend.get_output_names()
    except ImportError:
        remedy = f"install what plays live: {to_install('live')}"
        raise PhinError("python-rtmidi", "is not installed", remedy) from None
    except OSError as error:  # so rtmidi tells that there is no sequencer
        remedy = "start one (on Linux ALSA's sequencer, snd-seq), or draw files: phin-generate"
        raise PhinError("MIDI", f"has no system on this machine ({error})", remedy) from None
    found = list(_having(name, names))
    if not found:
        there = f"there are {', '.join(names)}" if names else "there is none"
        remedy = "start a synthesizer, or name another port"
        raise PhinError(f"port={name}", f"is no MIDI output: {there}", remedy)
    return backend.open_output(found[0])


def _having(name: str, names: list[str]) -> Iterator[str]:
    return (each for each in names if name.casefold() in each.casefold())
