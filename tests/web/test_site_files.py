"""What the site writes by itself: the same files as phin, from tunes of every kind."""

import base64
import io
import json
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from phin.errors import PhinError
from phin.music.composer import compose
from phin.music.drone import with_drone
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.midi_seal import STORED
from phin.music.notation import format_letters
from phin.music.paper import for_paper
from phin.music.phrase import Metre, Phrase, Voice, rows_from_columns
from phin.music.writers import WRITERS
from phin.web.asked import TuneSource
from phin.web.errands import Errand, Fault, run
from phin.web.limits import ServerLimits
from phin.web.refusals import told as refusal
from phin.web.tune import to_json, to_phrase
from tests.web.hosting import hosting
from tests.web.pages import until
from tests.web.serving import file
from tests.web.sites import model as model
from tests.web.sites import root as root
from tests.web.sites import runtime as runtime
from tests.web.sites import write as write

pytestmark = pytest.mark.slow
CONVERTED = """async ([tunes, to, drone]) => {
    const { convert } = await import("./static/js/local.js");
    const { base64 } = await import("./static/js/api.js");
    const made = [];
    for (const tune of tunes) {
        try {
            const { blob, name } = await convert({ tune }, to, drone);
            made.push({ name, type: blob.type, content: base64(new Uint8Array(await blob.arrayBuffer())) });
        } catch (error) {
            if (!error.reason) throw error;
            made.push({ where: error.where, reason: error.reason, remedy: error.remedy });
        }
    }
    return made;
}"""


def wild(rng: np.random.Generator) -> Phrase:
    """Notes as nobody would write them: any technique, chords, off the slots, out of a hand's reach."""
    count = int(rng.integers(1, 40))
    on_slots = rng.random() < 0.5
    onset = rng.integers(0, 13, count).cumsum() * (6 if on_slots else 1) - int(rng.integers(0, 30))
    pitch = rng.integers(50, 90, count) if rng.random() < 0.3 else rng.choice([57, 60, 62, 64, 67, 69, 72, 74], count)
    voice = rng.choice([Voice.MELODY, Voice.MELODY, Voice.ACCOMPANIMENT], count)
    technique, velocity = rng.integers(-1, 14, count), rng.integers(-1, 128, count)
    velocity[velocity == 0] = -1
    _, first = np.unique(np.stack([onset, pitch]), axis=1, return_index=True)
    columns = [each[first] for each in (onset, rng.integers(1, 60, count), pitch, velocity, technique)]
    rows = rows_from_columns(*columns, voice=voice[first])
    for row in range(len(rows)):
        later = [each[0] for each in rows[row + 1 :] if each[2] == rows[row, 2]]
        rows[row, 1] = min([rows[row, 1], *(each - rows[row, 0] for each in later)])
    said = {"tuning": str(rng.choice(["E-A-E", "A-D-A", "E-A"])), "lai": str(rng.choice(["yai", "po sai", "none"]))}
    tempo = int(60e6 / rng.integers(30, 300)) if rng.random() < 0.8 else None
    metre = [None, Metre(2, 4), Metre(3, 4), Metre(6, 8)][int(rng.integers(4))]
    return Phrase(rows, metre=metre, tempo=tempo, title=str(rng.choice(["", "ลายใหญ่ <1>", "a b"])), **said)


@pytest.fixture(scope="module")
def tunes() -> list[dict[str, Any]]:
    """Composed ones, with techniques and chords as they should be, and wild ones."""
    rngs = [np.random.default_rng(seed) for seed in range(24)]
    phrases = [compose(rng) if seed % 2 else wild(rng) for seed, rng in enumerate(rngs)]
    return [json.loads(to_json(phrase).model_dump_json()) for phrase in phrases]


@pytest.fixture(scope="module")
def page(browser: Any, root: Path) -> Iterator[Any]:
    with hosting(root) as host:
        page = browser.new_page(service_workers="block")
        page.goto(host.base)
        until(page, "window.phin?.work")
        yield page
        page.close()


def given(tune: dict[str, Any]) -> Phrase:
    """As the page hands it in."""
    return to_phrase(type(to_json(compose(np.random.default_rng(0))))(**tune))


def converted(page: Any, tunes: list[dict[str, Any]], to: str, drone: bool = False) -> list[dict[str, Any]]:
    made = page.evaluate(CONVERTED, [tunes, to, drone])
    for each in made:
        if "content" in each:
            each["content"] = base64.b64decode(each["content"])
    return made


@pytest.mark.long
def test_midi_is_that_of_phin_and_read_back_whole(page: Any, tunes: list[dict[str, Any]]) -> None:
    """Fails: who takes a tune to another program hears another one, or loses its techniques on the way back."""
    bent = 0
    for tune, made in zip(tunes, converted(page, tunes, "mid"), strict=True):
        phrase = given(tune)
        ours = midi_bytes(phrase)
        assert events(made["content"]) == events(ours), tune["title"]
        assert read_midi_bytes(made["content"], "the page's", min_notes=0).phrase == phrase
        bent += any(b"pitchwheel" in str(event).encode() for track in events(ours) for event in track)
    assert bent > 4
    assert [made["name"] for made in converted(page, tunes[:1], "mid")] == [name_of(tunes[0], "mid")]


def events(midi: bytes) -> list[list[Any]]:
    """All that a file says, without the phrase that is stored in it, whose letters are packed by another program."""
    assert STORED.search(midi)
    assert midi.startswith(b"MThd")
    file = mido.MidiFile(file=io.BytesIO(midi), charset="utf-8")
    told = [[each for each in track if each.type != "text"] for track in file.tracks]
    return [[file.ticks_per_beat, file.type, *map(repr, track)] for track in told]


def name_of(tune: dict[str, Any], ending: str) -> str:
    return f"{'-'.join(re.findall('[A-Za-z0-9]+', tune['title'])) or 'tune'}.{ending}"


@pytest.mark.long
@pytest.mark.parametrize("ending", ["txt", "tab", "html"])
def test_paper_is_that_of_phin_to_the_letter(
    page: Any, tunes: list[dict[str, Any]], ending: str, tmp_path: Path
) -> None:
    """Fails: a sheet that is printed from the page is another than the one that phin prints, or a refusal is."""
    made = converted(page, tunes, ending)
    ours = [written(given(tune), tmp_path / f"tune.{ending}") for tune in tunes]
    found = [each["content"].decode() if "content" in each else [each["reason"], each["remedy"]] for each in made]
    assert found == ours
    assert sum(isinstance(each, str) for each in ours) > len(tunes) // 2


def written(phrase: Phrase, path: Path) -> str | list[str]:
    """What phin writes into a file, or why it does not."""
    try:
        shown, _ = for_paper(phrase, path.suffix)
        WRITERS[path.suffix](shown, path)
    except PhinError as error:
        return [error.reason, error.remedy]
    return path.read_text(encoding="utf-8")


@pytest.mark.long
def test_sound_lasts_as_long_as_the_tune_and_has_its_drone(page: Any) -> None:
    """Fails: the sound that is saved is silent, cut off, or without the drone that was asked for."""
    phrase = compose(np.random.default_rng(1)).melody
    tune = json.loads(to_json(phrase).model_dump_json())
    (alone,), (over,) = converted(page, [tune], "wav"), converted(page, [tune], "wav", True)
    seconds = (phrase.end.max() - phrase.onset.min()) / 24 * phrase.tempo / 1e6
    for made in (alone, over):
        with wave.open(io.BytesIO(made["content"])) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (44_100, 1, 2)
            assert file.getnframes() / 44_100 == pytest.approx(seconds + 1.05, abs=0.1)
            made["samples"] = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768
    first = alone["samples"][: int(0.04 * 44_100)]
    assert np.abs(first).max() < 1e-3, "silence before the first stroke"
    assert 0.05 < np.abs(alone["samples"]).max() < 1
    (pitch,) = with_drone(phrase).drone
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    assert loudness(over["samples"], hertz) > 2 * loudness(alone["samples"], hertz)


PAGES = [
    "---ล | -ด-ร | -ม-ซ | -ล-ด",
    "ชื่อ: เพลงหนึ่ง\nลาย: ใหญ่\nความเร็ว: ๑๑๐\nเสียงเสพ: ลฺ\n\n(เกริ่น)\n| - - - ล | - ด - ร | ลด ร - มซล | - - - ม |",
    "ด ร ม ฟ / ซ ล . . . . / ท ด ร\nม ร ด",
    "lai: noi\ntempo: 90.5\nmetre: 4/4\n\n1 2 3 4 5 6 7 8",
    "tuning: A-D-A\n1* 2. -- | 3 - 5 6 *\nท่อน 2: ล-ด-",
    "# a remark\nstrange: line\noctaves: marked\n–ล–ด｜-ร-ม｜",
    "lai: nobody\n---ล",
    "tempo: fast\n---ล",
    "tempo: 3\n---ล",
    "metre: 5/7\n---ล",
    "tuning: H\n---ล",
    "drone: x ล\n---ล",
    "octaves: perhaps\n---ล",
    "title: a\ntitle: b\n---ล",
    "---ล\nlai: yai",
    "---ล | --ล",
    "---ล | ลลลล- - - -",
    "- - ล",
    "nothing here",
    "",
    "---x | ----",
    "---ลํฺ | ----",
    "---ลํํํ",
    "---.. ...",
    "---ล | (some words) -ด-ร [more] | จบ",
]
"""Pages of every kind, and ones that no one can read."""


def pages() -> list[str]:
    """These, and composed tunes as pages, a sign of which is lost, doubled or moved."""
    rng = np.random.default_rng(7)
    made = list(PAGES)
    for seed in range(12):
        page = format_letters(for_paper(compose(np.random.default_rng(seed)), ".txt").phrase)
        made.append(page)
        for _ in range(6):
            at, to = sorted(rng.integers(0, len(page), 2).tolist())
            made.append(str(rng.choice([page[:at] + page[at + 1 :], page[:at] + page[to] + page[at:], page[to:]])))
    return made


@pytest.mark.long
def test_letters_are_read_as_phin_reads_them(page: Any, tmp_path: Path) -> None:
    """Fails: letters that a player types are another tune without a server, or a slip in them is not named."""
    sources = [file(text, "txt", **({"name": "mine.txt"} if len(text) % 2 else {})) for text in pages()]
    ours = [told(run(Errand("read", TuneSource(**source)), str(tmp_path), ServerLimits())) for source in sources]
    assert sum("reason" in each for each in ours) > 20
    assert sum("notes" in each for each in ours) > 20
    assert page.evaluate(READ, ["read", sources]) == ours
    (wide,) = page.evaluate(READ, ["read", [file("---ล | -ด-ร".encode("utf-16"), "txt")]])
    assert len(wide["notes"]) == 3


@pytest.mark.long
def test_techniques_are_suggested_as_phin_suggests_them(page: Any, tunes: list[dict[str, Any]], tmp_path: Path) -> None:
    """Fails: another technique is suggested without a server, or for another reason."""
    sources = [{"tune": tune} for tune in tunes]
    ours = [told(run(Errand("suggest", TuneSource(**source)), str(tmp_path), ServerLimits())) for source in sources]
    assert sum("suggestions" in each for each in ours) > len(ours) // 2
    assert page.evaluate(READ, ["suggest", sources]) == ours


READ = """async ([what, sources]) => {
    const local = await import("./static/js/local.js");
    const made = [];
    for (const source of sources) {
        try {
            made.push(await local[what](source));
        } catch (error) {
            if (!error.reason) throw error;
            made.push({ where: error.where, reason: error.reason, remedy: error.remedy });
        }
    }
    return made;
}"""


def told(answer: Any) -> dict[str, Any]:
    """What an errand answers, as a page hears it."""
    if isinstance(answer, PhinError):
        return refusal(answer)
    assert not isinstance(answer, Fault), answer.traceback
    return json.loads(json.dumps(answer, default=lambda tune: tune.model_dump()))


def loudness(samples: np.ndarray, hertz: float) -> float:
    """How strong a frequency is."""
    spectrum = np.abs(np.fft.rfft(samples))
    there = np.fft.rfftfreq(len(samples), 1 / 44_100)
    return float(spectrum[np.abs(there - hertz) < 2].max())
