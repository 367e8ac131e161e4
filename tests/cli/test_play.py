"""phin-play on a port that a test holds: what is sent is what is drawn and written, and one line for each mistake."""

import signal
from itertools import islice
from pathlib import Path

import mido
import pytest

from phin.cli import play as command
from phin.cli.play import PlayConfig
from phin.errors import PhinError, to_install
from phin.generation.live import play_live
from phin.generation.request import TuneRequest
from phin.model.checkpoint import export
from phin.music.midi import read_midi
from tests.cli.commands import phin
from tests.tiny import identity_for, tiny_model


class Port:
    """A port that takes messages for some time, and then is interrupted."""

    name = "a synth"

    def __init__(self, most: int = 10_000, number: signal.Signals = signal.SIGINT) -> None:
        self.sent, self.most, self.number = list[mido.Message](), most, number

    def __enter__(self) -> "Port":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, message: mido.Message) -> None:
        self.sent.append(message)
        if len(self.sent) == self.most:
            signal.raise_signal(self.number)


class Backend:
    """MIDI as if one synthesizer were there."""

    port = Port()

    def get_output_names(self) -> list[str]:
        return ["through", "a synth"]

    def open_output(self, name: str) -> Port:
        assert name == "a synth"
        return self.port


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, a synthesizer, and a clock by which nobody waits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mido, "Backend", Backend)
    now = [0.0]

    def quickly(notes, port, tempo, look_ahead, sent):
        return play_live(notes, port, tempo, look_ahead, sent, lambda: now[0], lambda s: now.__setitem__(0, now[0] + s))

    monkeypatch.setattr(command, "play_live", quickly)
    model = tiny_model().float()
    export(model, identity_for(model), tmp_path / "model.safetensors")
    (tmp_path / "there.mid").touch()
    return tmp_path


def test_a_tune_is_played_to_its_end_and_written(desk: Path) -> None:
    """Fails: what is heard is not what is kept."""
    Backend.port = Port()
    asked = ("checkpoint=model.safetensors", "endless=false", "lines=1", "port=Synth", "out=played.mid", "seed=4")
    told = phin("play", *asked)
    assert told.status == 0, told.err
    assert "playing on a synth" in told.out
    assert "licence" in told.out
    on = [message.note for message in Backend.port.sent if message.type == "note_on"]
    tune = read_midi(desk / "played.mid").phrase
    assert sorted(on) == sorted(tune.pitch.tolist())
    assert tune.onset[-1] == TuneRequest(lines=1).last_stroke
    assert f"{len(on)} notes played; the latest came 0 ms after its time" in told.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_endless_tune_ends_with_ctrl_c_and_no_note_hangs(desk: Path, number: signal.Signals) -> None:
    """Fails: Ctrl-C is an error, or a note sounds on; or what was played until SIGTERM is lost."""
    Backend.port = Port(200, number)
    told = phin("play", "checkpoint=model.safetensors", "port=synth", "tempo=90", "out=played.mid")
    assert told.status == 0, told.err
    assert (desk / "played.mid").is_file()
    on, off = ([(m.channel, m.note) for m in Backend.port.sent if m.type == of] for of in ("note_on", "note_off"))
    assert len(on) > 80
    assert set(on) == set(off)


@pytest.fixture
def kept_time(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """The tempo and the look-ahead that each playing is given."""
    quickly, given = command.play_live, list[tuple[int, float]]()

    def listening(notes, port, tempo, look_ahead, sent):
        given.append((tempo, look_ahead))
        return quickly(notes, port, tempo, look_ahead, sent)

    monkeypatch.setattr(command, "play_live", listening)
    return given


def test_what_is_asked_for_is_what_is_heard(desk: Path, kept_time: list[tuple[int, float]]) -> None:
    """Fails: a player who asks for a lai, a tempo or another way to draw hears what would have come anyway."""

    def heard(*asked: str) -> list[int]:
        Backend.port = Port(most=120)
        told = phin("play", "checkpoint=model.safetensors", "port=synth", *asked)
        assert told.status == 0, told.err
        return [message.note for message in Backend.port.sent if message.type == "note_on"]

    usual = heard()
    assert not {note % 12 for note in usual} <= {0, 2, 4, 7, 9}
    in_yai = heard("lai=yai", "keep.lai=true", "tempo=120", "look_ahead=0.5")
    assert {note % 12 for note in in_yai} <= {0, 2, 4, 7, 9}
    assert kept_time == [(TuneRequest().written_tempo, PlayConfig.look_ahead), (500_000, 0.5)]
    assert heard("sampler=greedy") != usual
    assert heard() == usual, "and nothing else changed it"


def test_a_machine_without_midi_is_told_in_one_line(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a word of the operating system's, and a remedy for files."""

    def nobody(self: Backend) -> list[str]:
        raise OSError("unknown error")

    monkeypatch.setattr(Backend, "get_output_names", nobody)
    told = phin("play", "checkpoint=model.safetensors", "port=synth")
    assert told.status == 1
    assert "phin-play: MIDI: has no system on this machine (unknown error). Start one" in told.err


def test_what_was_played_is_kept_where_drawing_breaks_off(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a quarter of an hour is lost, for nothing was left to draw."""
    quickly = command.play_live

    def breaking_off(notes, port, tempo, look_ahead, sent):
        def some():
            yield from islice(notes, 20)
            raise PhinError("seed 0, tune 1", "no step is left to draw", "ask for less at once")

        return quickly(some(), port, tempo, look_ahead, sent)

    monkeypatch.setattr(command, "play_live", breaking_off)
    Backend.port = Port()
    told = phin("play", "checkpoint=model.safetensors", "port=synth", "out=played.mid")
    assert told.status == 1
    assert "no step is left to draw" in told.err
    assert len(read_midi(desk / "played.mid").phrase) > 10


MISTAKES = [
    (["port=organ"], "port=organ: is no MIDI output: there are through, a synth"),
    (["lines=4"], "lines=4: means nothing for a tune without end"),
    (["lines=2"], "lines=2: means nothing for a tune without end. Take endless=false"),
    (["sampler=greedy", "sampler.min_p=0.1"], "sampler.min_p=0.1: means nothing where the likeliest note"),
    (["lai=yai", "keep.tonic=true"], "keep.tonic=true: means nothing for a tune without end"),
    (["lai=yai", "keep.drone=true"], "keep.drone=true: cannot be struck under a tune that is not over"),
    (["look_ahead=0"], "look_ahead=0"),
    (["precision=int8"], "precision=int8: means nothing for a checkpoint"),
    (["out=there.mid"], "out=there.mid: is there already"),
    (["out=tune.txt"], "out=tune.txt: is no MIDI file by its ending"),
]


@pytest.mark.parametrize(("asked", "told"), MISTAKES, ids=[asked[-1] for asked, _ in MISTAKES])
def test_a_mistake_gets_one_line(desk: Path, asked: list[str], told: str) -> None:
    """Fails: a page of traceback on stage."""
    assert told in phin("play", "checkpoint=model.safetensors", *asked).complaint


def test_without_what_plays_live_it_is_said_what_to_install(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: ModuleNotFoundError: rtmidi."""

    class Missing(Backend):
        def get_output_names(self) -> list[str]:
            raise ModuleNotFoundError("No module named 'rtmidi'", name="rtmidi")

    monkeypatch.setattr(mido, "Backend", Missing)
    assert to_install("live") in phin("play", "checkpoint=model.safetensors").complaint
