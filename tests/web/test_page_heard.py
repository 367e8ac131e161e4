"""What reaches the ear and the eye while a tune is played: recorded samples, lit frets and the roll's pixels are held
to the notes of the tune, at the audio clock's times.
"""

from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.web.pages import ASKED, MINE, WATCH, Open, after_strokes, colour, play, put, strokes, until, windows
from tests.web.serving import serving_all

pytestmark = pytest.mark.slow
A_BLOCK = 128 / 44_100
"""Seconds that an audio worklet computes at once."""
A_SLOT = 6
NEAR = 3.0
"""Steps by which a frame may show another moment than its recorder took down: 75 ms at 100 hong a minute."""
CALM = ASKED.replace("tempo=200", "tempo=100")

RECORDER = """registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage({ frame: currentFrame, samples: heard.slice() });
    return true;
  }
});"""

TAP = """async (recorder) => {
  const { connect } = AudioNode.prototype;
  const sources = [];
  AudioNode.prototype.connect = function (to, ...more) {
    if (to instanceof AudioDestinationNode) sources.push(this);
    return connect.call(this, to, ...more);
  };
  await phin.sound.ready();
  window.recorded = [];
  for (const source of sources) {
    await source.context.audioWorklet.addModule(recorder);
    const heard = new AudioWorkletNode(source.context, "recorder");
    heard.port.onmessage = ({ data }) => recorded.push(data);
    connect.call(source, heard);
    connect.call(heard, source.context.destination);
  }
}"""
"""Whatever goes to the loudspeaker is taken down on its way."""


def tapped(page: Any) -> None:
    """From now on `samples` gives what the loudspeaker is given."""
    page.evaluate(TAP, f"data:text/javascript,{quote(RECORDER)}")


def samples(page: Any) -> tuple[np.ndarray, int]:
    """All that was sent to the loudspeaker since the audio clock began, and the samples a second."""
    blocks = page.evaluate("recorded.map(({ frame, samples }) => [frame, [...samples]])")
    assert blocks, "nothing goes to the loudspeaker"
    sound = np.zeros(blocks[-1][0] + 4096)
    for frame, block in blocks:
        sound[frame : frame + len(block)] = block
    return sound, page.evaluate("phin.sound.context.sampleRate")


def hertz_of(sound: np.ndarray, rate: int) -> float:
    """The pitch of a sound, by the first highest peak of its autocorrelation between 70 and 1500 Hz."""
    spectrum = np.fft.rfft(sound - sound.mean(), 2 * len(sound))
    alike = np.fft.irfft(np.abs(spectrum) ** 2)[: len(sound)] / np.arange(len(sound), 0, -1)
    low, high = rate // 1500, rate // 70
    lags = np.arange(low, high)
    peaks = lags[(alike[lags] > alike[lags - 1]) & (alike[lags] >= alike[lags + 1])]
    lag = peaks[alike[peaks] > 0.9 * alike[peaks].max()][0]
    before, at, after = alike[lag - 1 : lag + 2]
    return rate / (lag + (before - after) / (2 * (before - 2 * at + after)))


@pytest.mark.long
def test_what_goes_to_the_loudspeaker_is_the_tune(opened: Open) -> None:
    """Fails: the page is silent while all that it says of itself is right, or another pitch sounds than is written."""
    page = opened(CALM, bypass_csp=True)  # for the recorder, which the page's own rules would not let in
    put(page, MINE)
    tapped(page)
    page.click("#play")
    until(page, "phin.session.notes.length && phin.sound.playing")
    until(page, "!phin.sound.playing", 30)
    sound, rate = samples(page)
    notes = page.evaluate("phin.session.notes")
    began = next(stroke["began"] for stroke in page.evaluate("phin.sound.log"))
    assert not sound[: int(began * rate)].any(), "silence before the first stroke"
    for note in notes:
        struck = began + (note["onset"] - notes[0]["onset"]) * 60 / 100 / 24
        heard = sound[int((struck + 0.03) * rate) : int((struck + 0.13) * rate)]
        assert np.sqrt((heard**2).mean()) > 0.01
        wanted = 440 * 2 ** ((note["pitch"] - 69) / 12)
        assert 1200 * np.log2(hertz_of(heard, rate) / wanted) == pytest.approx(0, abs=20), note


@pytest.mark.long
def test_a_tune_sounds_at_its_times_and_lights_where_it_is_plucked(opened: Open) -> None:
    """Fails: it stumbles while the page is busy, or a fret or a hong lights that is not played then."""
    page = opened(CALM)
    assert page.is_visible("#empty")
    play(page)
    until(page, "phin.sound.log.length && !phin.sound.playing", 30)
    page.evaluate(WATCH)
    for _ in range(3):  # a machine with much else to do may starve the audio once
        page.evaluate("phin.sound.log.length = frames_seen.length = 0")
        page.click("#again")
        until(page, "phin.sound.log.length && !phin.sound.playing", 30)
        heard = strokes(page)
        if all(abs(stroke["began"] - stroke["asked"]) < A_BLOCK for stroke in heard):
            break
    else:
        pytest.fail("strokes begin later than they are asked for")
    assert len(heard) == page.evaluate("phin.session.notes.filter((note) => note.voice === 'melody').length")
    seconds = 60 / 100 / 24
    for one, other in pairwise(heard):
        steps = other["step"] - one["step"]
        assert other["began"] - one["began"] == pytest.approx(steps * seconds, abs=2 / 44_100)
    notes, begins, num_hong = page.evaluate("[phin.session.notes, phin.session.begins, phin.session.numHong]")
    seen = set()
    for frame in page.evaluate("frames_seen"):
        step = heard[0]["step"] + (frame["time"] - heard[0]["began"]) / seconds
        assert set(frame["lit"]) >= lit_at(notes, step, -NEAR), (step, frame)
        assert set(frame["lit"]) <= lit_at(notes, step, NEAR), (step, frame)
        if step > notes[0]["onset"] + NEAR:
            hong = {(step + by - begins) // 24 for by in (-NEAR, NEAR)}
            assert frame["hong"] in {each if each < num_hong else -1 for each in hong}
        seen |= set(frame["lit"])
    assert len(seen) > 1
    assert len(page.evaluate("frames_seen")) > 20
    assert page.inner_text("#play") == "Play"
    assert not page.query_selector(".light.on")


def lit_at(notes: list[dict[str, Any]], step: float, near: float) -> set[str]:
    """The places of the notes that sound at a step, or would within so many steps; surely so where it is below 0."""
    sounding = (
        note for note in notes if -near <= step - note["onset"] < max(note["duration"], A_SLOT) + near
    )  # fmt: skip
    return {f"{note['string']}:{note['fret']}" for note in sounding}


WAITS = """async () => {
  const { Session } = await import("/static/js/session.js");
  const session = new Session({ ...phin.settings });
  session.begin({ tempo: 100, metre: "2/4", begins: -18 });
  const note = { duration: 12, pitch: 69, velocity: 90, technique: "plain", voice: "melody", string: 1, fret: 5 };
  for (const onset of [0, 12]) session.add({ ...note, onset, pitch: 69 - onset, fret: 5 + onset / 6 });
  phin.put(session);
  await phin.sound.play(session);
}"""


def test_a_note_that_is_waited_for_is_not_lit_as_if_it_sounded(opened: Open) -> None:
    """Fails: where the net is slow, a fret is lit that nobody has heard."""
    page = opened(CALM)
    page.evaluate(WATCH)
    page.evaluate(WAITS)
    until(page, "phin.sound.waits")
    page.wait_for_timeout(100)
    assert strokes(page)[-1]["step"] == 0, "the other one is held back until it is known what follows"
    assert page.evaluate("frames_seen.every(({ lit }) => !lit.includes('1:7')) && frames_seen.length") > 3
    assert page.evaluate("frames_seen.at(0).lit") == [], "before the first stroke"


def test_what_was_never_sent_is_not_lit(opened: Open) -> None:
    """Fails: where a machine is too slow to send what comes next, frets light up that nobody hears."""
    page = opened(CALM)
    put(page, MINE)
    page.click("#play")
    after_strokes(page, 2)
    page.evaluate("clearInterval(phin.sound.timer)")
    page.wait_for_timeout(1500)
    assert page.evaluate("phin.sound.step() === phin.sound.cursor && !phin.sound.isStruck")


PIXELS = """([step, near, wanted]) => {
  const { canvas } = phin.roll;
  if (step === null) phin.display.showFrame();
  else phin.roll.show(phin.session, step, null, null);
  const heard = step ?? phin.sound.step();
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const isNear = (at) => data[at + 3] > 80 && wanted.every((level, part) => Math.abs(data[at + part] - level) < near);
  const told = Array.from({ length: data.length / 4 }, (_, place) => (isNear(4 * place) ? "1" : "0"));
  return [heard, canvas.height, canvas.width, told.join("")];
}"""


def pixels(page: Any, step: float | None, near: int = 40) -> tuple[float, np.ndarray]:
    """The step that the roll is drawn at (None: as it plays), and which pixels have about a melody note's colour."""
    heard, height, width, told = page.evaluate(PIXELS, [step, near, colour(page, "accent")])
    return heard, (np.frombuffer(told.encode(), np.uint8) == ord("1")).reshape(height, width)


def hold_notes(page: Any, step: float, coloured: np.ndarray, plays: bool = False) -> int:
    """Each note in sight has its colour at its time (64 pixels a hong), the higher the further up; how many those are.

    The line of the moment covers what it passes. Where it `plays`, over the lai's colours, those that are over are too
    pale to be told.
    """
    left, a_step, width = 34, 64 / 24, coloured.shape[1]
    first = step - (width - left) / a_step * 0.3
    heard = left + (step - first) * a_step
    found = []
    for note in page.evaluate("phin.session.notes.filter((note) => note.voice === 'melody')"):
        struck = left + (note["onset"] + 2 - first) * a_step  # between the lines of two slots
        is_over = plays and note["onset"] + note["duration"] < step + NEAR
        if left < struck < width and abs(struck - heard) > 2 and not is_over:
            (rows,) = np.nonzero(coloured[:, int(struck)])
            assert len(rows), f"no note at {note['onset']}"
            found.append((note["pitch"], rows.mean()))
        rest = left + (note["onset"] + note["duration"] - first) * a_step - 1  # two pixels between two notes
        assert plays or not (left < rest < width - 1) or not coloured[:, int(rest)].any()
    pitch, row = np.array(found).T
    slope, at_zero = np.polyfit(pitch, row, 1)
    assert slope < -2
    assert row == pytest.approx(slope * pitch + at_zero, abs=1)
    return len(found)


def test_the_roll_has_each_note_at_its_time_and_pitch(opened: Open) -> None:
    """Fails: the roll is empty, or stands upside down, or its notes lie beside their hong."""
    page = opened()
    put(page, MINE)
    for step in (-18, 40, 100):
        assert hold_notes(page, *pixels(page, step)) >= 10


def test_the_roll_moves_with_the_sound(opened: Open) -> None:
    """Fails: the roll stands still, or is empty, while the tune sounds, or shows another moment."""
    page = opened(ASKED.replace("tempo=200", "tempo=60"))
    put(page, MINE)
    page.click("#play")
    after_strokes(page, 2)
    one, then = pixels(page, None, near=60)
    assert hold_notes(page, one, then, plays=True) > 4
    after_strokes(page, 5)
    other, later = pixels(page, None, near=60)
    assert other > one + 12
    assert hold_notes(page, other, later, plays=True) > 4


def test_a_device_that_sounds_nothing_is_told(opened: Open) -> None:
    """Fails: in Firefox, without a loudspeaker, a press does nothing and says nothing, for ever."""
    page = opened()
    page.evaluate("() => (AudioContext.prototype.resume = () => new Promise(() => {}))")
    page.evaluate("() => Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' })")
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    said = "no sound comes out of this device. See that it has a loudspeaker or headphones"
    assert said in page.inner_text("#refusal")
    assert page.evaluate("phin.session") is None, "nothing was drawn"


METER = """async () => {
  const { connect } = AudioNode.prototype;
  let meter;
  AudioNode.prototype.connect = function (to, ...more) {
    if (to instanceof AudioDestinationNode) connect.call(this, (meter = this.context.createAnalyser()));
    return connect.call(this, to, ...more);
  };
  await phin.sound.ready();
  window.level = () => {
    const now = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(now);
    return Math.max(...now.map(Math.abs));
  };
}"""
"""From now on `level()` tells how loud it is, where no worklet could take it down."""


def test_a_phone_in_the_same_network_hears_the_tune(browser: Any) -> None:
    """Fails: over http, from another machine, browsers have no AudioWorklet, and nothing is drawn or heard."""
    with serving_all(hosts=()) as served:
        base = f"http://phin.test:{served.client.base_url.port}"
        with windows(browser, base) as opened:
            page = opened()
            assert page.evaluate("isSecureContext") is False
            page.evaluate(METER)
            page.click("#play")
            until(page, "level() > 0.01")
            after_strokes(page, 6)
            struck = strokes(page)[:6]
            # the same for all that are in time
            due = [stroke["asked"] - stroke["step"] / 24 * 0.3 for stroke in struck]
            in_time = [at == pytest.approx(min(due), abs=1e-6) for at in due]
            assert sum(in_time) >= 3, "a busy page stumbles over a stroke or two, and no more"
            assert max(due) < min(due) + 0.5
            late = [stroke["began"] - stroke["asked"] for stroke in struck]
            assert all(-1 / 44_100 < each < 0.5 for each in late)


def counted_in(page: Any, typed: str = MINE) -> None:
    """A tune on the page that will be counted in, at 200 hong a minute."""
    put(page, typed)
    page.click("#practice summary")
    page.check("#count-in")
    page.evaluate("phin.sound.log.length = 0")


def test_a_loop_is_counted_in_on_its_beats(opened: Open) -> None:
    """Fails: who comes in after the fourth click comes in beside the beat: a loop begins with slot 1."""
    page = opened()
    counted_in(page)
    page.click('[data-hong="1"]')
    page.click("#choice-loop")
    page.click("#choice-play")
    first = after_strokes(page, 1)[0]
    rung = [stroke["began"] for stroke in strokes(page, "ching", "chap")]
    assert len(rung) == 4
    after_the_beat = (first["step"] - page.evaluate("phin.session.begins") - 18) / 24 * 0.3
    assert 0 < after_the_beat < 0.3, "the loop's first stroke lies off the beat"
    assert [first["began"] - began for began in rung] == pytest.approx(
        [beats * 0.3 + after_the_beat for beats in (3, 2, 1, 0)], abs=1e-4
    )


@pytest.mark.long
def test_a_count_in_goes_on_when_something_is_set_meanwhile(opened: Open) -> None:
    """Fails: a slider is moved while it is counted, and the rest of the clicks is silent."""
    page = opened()
    counted_in(page)
    page.fill("#speed", "50")
    page.click("#play")
    until(page, "document.getElementById('count').textContent === '2'")
    page.fill("#concert", "10")
    first = after_strokes(page, 1)[0]
    rung = [stroke["began"] for stroke in strokes(page, "ching", "chap")]
    assert [first["began"] - began for began in rung] == pytest.approx(
        [beats * 0.6 for beats in (4, 3, 2, 1)], abs=0.03
    )


@pytest.mark.long
def test_the_drone_alone_goes_on_whatever_becomes_of_the_tune(opened: Open) -> None:
    """Fails: the drone to play along with has holes where a tune is paused or its tempo changed."""
    page = opened()
    put(page, MINE)
    page.click("#practice summary")
    page.check("#drone-alone")
    page.click("#play")
    after_strokes(page, 2)
    page.click("#play")
    page.click("#play")
    count = len(after_strokes(page, 1, "drone"))
    page.fill("#concert", "10")
    droned = [stroke["began"] for stroke in after_strokes(page, count + 4, "drone")]
    assert [later - sooner for sooner, later in pairwise(droned)] == pytest.approx([0.3] * (len(droned) - 1), abs=1e-3)


@pytest.mark.long
def test_a_drone_that_is_asked_for_and_let_go_at_once_is_silent(opened: Open) -> None:
    """Fails: a box that is unticked before the strings are ready starts a drone that nothing stops; or two."""
    page = opened()
    page.click("#practice summary")
    page.evaluate("() => [true, false].forEach((on) => phin.sound.droneAlone(on))")
    page.wait_for_timeout(900)
    assert strokes(page, "drone") == []
    page.evaluate("() => [true, false, true].forEach((on) => phin.sound.droneAlone(on))")
    droned = [stroke["began"] for stroke in after_strokes(page, 4, "drone")]
    assert all(later - sooner == pytest.approx(0.3, abs=1e-3) for sooner, later in pairwise(droned))
