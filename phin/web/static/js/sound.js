// The player: the clock of everything that lights, and what sends strokes to the strings ahead of time.
//
// Time is the audio clock's. A stretch says which step sounds when; a change of pace, a loop or a wait begins another
// one, and so does the count-in: its steps lie before the tune, and of it alone the cymbals sound. Strokes go to the
// instrument a little ahead, and begin there at their sample.

import { BEAT, HONG, SLOT, beginOfHong, frequencyOf, hongOf } from "./music.js";
import { instrument } from "./instrument.js";
import { ACCOMPANIMENT_GAIN, Strikes, scaleOf, strokesAt } from "./performance.js";
import { RefusedHere } from "./refused.js";

const AHEAD = 0.3; // seconds that strokes are sent ahead
const AHEAD_HIDDEN = 2.5; // a page that nobody sees is woken once a second
const EVERY = 60; // milliseconds
const SOON = 0.12; // seconds from a press to the first stroke
const LOG = 20000; // strokes that are remembered for tests
const DRONE_GAIN = 0.35;
const ALONE_GAIN = 0.7;
const DRONE_RINGS = 1.5 * HONG; // steps
const COUNTED = 4; // beats before a tune that is counted in
const UNSOUNDED = { where: "phin", reason: "unsounded", remedy: "unsoundedRemedy" };
const SOUNDS_WITHIN = 5000; // milliseconds; Firefox waits for ever where a machine has nothing to sound through

export class Sound extends EventTarget {
  constructor() {
    super();
    this.session = null;
    this.practice = { speed: 1, loop: null, countIn: false, ching: false, cents: 0 };
    this.tempo = 100; // hong a minute
    this.drone = null; // {pitch, string, fret}: the open string that drones
    this.underTune = false; // whether it does so under a tune that has no drone of its own
    this.droned = []; // when it was struck, or will be
    this.stretches = [];
    this.playing = false;
    this.restsAt = null; // where it was paused
    this.waits = false;
    this.log = []; // of what the strings began: {kind, step, pitch, hertz, asked, began}
    // a page that is no longer seen is woken seldom: what is due until then is sent at once
    document.addEventListener("visibilitychange", () => this.playing && this.send());
  }

  /** Seconds a step. */
  get pace() {
    return 60 / (this.tempo * this.practice.speed * HONG);
  }

  /** Makes the strings ready; a press must have asked for it, or browsers keep silent. */
  async ready() {
    this.stringed ??= this.strung();
    await this.stringed;
    if (this.context.state !== "running") await this.resumed();
  }

  /** Sets the clock going. Throws where nothing sounds. */
  async resumed() {
    let timer;
    const late = new Promise((_, refuse) => (timer = setTimeout(() => refuse(new RefusedHere(UNSOUNDED)), SOUNDS_WITHIN)));
    await Promise.race([this.context.resume(), late]).finally(() => clearTimeout(timer));
  }

  async strung() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.strikes = new Strikes(this.context.sampleRate);
    this.strings = await instrument(this.context, (began) => {
      this.log.push(...began);
      if (this.log.length > LOG) this.log.splice(0, this.log.length - LOG);
    });
  }

  /** Plays a session from a step on. */
  async play(session, from = null) {
    await this.ready();
    this.silence();
    const { loop, countIn } = this.practice;
    this.session = session;
    this.restsAt = null;
    const begins = from ?? (loop ? loop.from : session.first);
    const counts = countIn ? this.countIn(begins) : null;
    this.restart(counts?.from ?? begins, this.context.currentTime + SOON, counts);
    this.playing = true;
    this.timer = setInterval(() => this.send(), EVERY);
    this.send();
    this.tell("play");
  }

  /** The steps of the beats that count a tune in: the last ones before the step at which it begins. */
  countIn(begins) {
    const first = this.session.begins + BEAT;
    const beat = first + Math.ceil((begins - first) / HONG) * HONG; // the first one of the tune
    return { from: beat - COUNTED * HONG, until: begins };
  }

  pause() {
    if (!this.playing) return;
    this.restsAt = this.stretchAt(this.heard).counts?.until ?? this.step();
    this.silence();
    this.tell("pause");
  }

  /** Stops at once, and lets nothing of what was sent sound. */
  silence() {
    clearInterval(this.timer);
    this.playing = this.waits = false;
    if (!this.droneTimer) this.droned = [];
    this.strings?.({ clear: 0, damp: true });
  }

  /** From now on another pace, loop or concert pitch: what was sent ahead is taken back. */
  changed() {
    if (!this.playing) return;
    const now = this.context.currentTime;
    const { loop } = this.practice;
    let { counts } = this.stretchAt(now);
    let step = this.step(now);
    const begins = counts?.until ?? step;
    if (loop && (begins < loop.from || begins >= loop.to)) {
      counts = counts && this.countIn(loop.from);
      step = counts?.from ?? loop.from;
    }
    this.strings({ clear: now });
    if (!this.droneTimer) this.droned = this.droned.filter((time) => time <= now);
    this.restart(step, now + 0.02, counts);
    this.send();
  }

  /** From a time on all is played from a step; `counts` says of a count-in which steps it has. */
  restart(step, time, counts = null) {
    this.stretches = [{ time, step, pace: this.pace, counts }];
    this.cursor = step;
    this.waits = false;
  }

  /** The step that is heard at a time of the audio clock, or now, in fractions too: none beyond what was sent. */
  step(time = this.heard) {
    if (!this.stretches.length) return this.session ? this.session.first : 0;
    const stretch = this.stretchAt(time);
    const step = stretch.step + Math.max(time - stretch.time, 0) / stretch.pace;
    return stretch === this.stretches.at(-1) ? Math.min(step, this.sent) : step;
  }

  stretchAt(time) {
    return this.stretches.findLast((each) => each.time <= time) ?? this.stretches[0];
  }

  /** The step up to which strokes were sent: beyond it nothing sounds, and what is struck there is waited for. */
  get sent() {
    const isAll = this.session?.ended && !this.practice.loop && this.cursor >= this.session.last;
    return isAll ? Infinity : this.cursor;
  }

  /** Whether what is struck at the step is heard: not before the first stroke, nor while more is waited for. */
  get isStruck() {
    return this.heard >= this.stretches[0].time && (this.heard < this.stretches.at(-1).time || this.step() < this.sent);
  }

  /** The time that is heard now: what was begun a while ago is only now at the ear. */
  get heard() {
    return this.context ? this.context.currentTime - (this.context.outputLatency || this.context.baseLatency || 0) : 0;
  }

  /** Which beat of the count-in is heard, from 1; 0 where none is. */
  get counting() {
    const counts = this.playing && this.stretchAt(this.heard).counts;
    return counts ? Math.min(Math.floor((this.step() - counts.from) / HONG) + 1, COUNTED) : 0;
  }

  timeOf(step) {
    const stretch = this.stretches[this.stretches.length - 1];
    return stretch.time + (step - stretch.step) * stretch.pace;
  }

  /** Sends what is due within the time ahead. */
  send() {
    const { session, practice } = this;
    const now = this.context.currentTime;
    const until = now + (document.hidden ? AHEAD_HIDDEN : AHEAD);
    const strokes = [];
    for (let turns = 0; turns < 64; turns++) {
      const { counts } = this.stretches.at(-1);
      const end = counts ? counts.until : practice.loop ? practice.loop.to : session.ended ? session.last : Infinity;
      const known = counts ? end : Math.min(session.horizon, end);
      if (this.waits) {
        if (known <= this.cursor && !session.ended) break;
        this.restart(this.cursor, now + SOON);
      }
      const due = Math.min(this.cursor + (until - this.timeOf(this.cursor)) / this.pace, known);
      if (due > this.cursor) this.gather(this.cursor, due, strokes);
      this.cursor = Math.max(this.cursor, due);
      if (this.cursor >= end) {
        if (!counts && !practice.loop) break;
        const step = counts ? end : practice.loop.from;
        this.stretches.push({ time: this.timeOf(end), step, pace: this.pace, counts: null });
        if (this.stretches.length > 8) this.stretches.shift();
        this.cursor = step;
        continue;
      }
      if (!counts && this.cursor >= session.horizon && this.timeOf(this.cursor) <= now) {
        this.waits = true; // more is listened to than is drawn
      }
      break;
    }
    if (strokes.length) this.strings({ strokes });
    if (session.ended && !practice.loop && this.step() >= session.last + SLOT) {
      this.restsAt = null;
      this.playing = this.waits = false;
      clearInterval(this.timer);
      this.tell("end");
    }
  }

  /** The strokes from one step up to another. */
  gather(from, to, strokes) {
    const { notes, begins } = this.session;
    const { counts } = this.stretches.at(-1);
    const late = this.context.currentTime + 0.005;
    const scale = scaleOf(notes); // as far as the tune is drawn
    (counts ? [] : notes).forEach((note, place) => {
      if (note.onset < from || note.onset >= to) return;
      const gain = note.voice === "melody" ? 1 : ACCOMPANIMENT_GAIN;
      for (const stroke of strokesAt(notes, place, this.pace, scale)) {
        const time = Math.max(this.timeOf(note.onset) + stroke.after, late);
        strokes.push(this.string(time, stroke, note.string, gain, note.voice, note.onset));
      }
    });
    for (let hong = hongOf(from, begins) - 1; beginOfHong(hong, begins) < to; hong++) {
      const beat = beginOfHong(hong, begins) + BEAT;
      if (beat < from || beat >= to) continue;
      if (this.practice.ching || counts) strokes.push(this.cymbal(this.timeOf(beat), hong % 2 === 0));
      if (this.drone && this.underTune && !counts) strokes.push(this.ofDrone(this.timeOf(beat), DRONE_GAIN));
    }
  }

  string(time, { pitch, velocity, seconds, bend }, string, gain, kind, step) {
    const frequency = frequencyOf(pitch, this.practice.cents);
    const strike = this.strikes.of(frequency, velocity);
    return { kind, step, time, frequency, pitch, seconds, bend, gain, string, strike };
  }

  /** A stroke of the drone, which rings half a hong into the next one. */
  ofDrone(time, gain) {
    const gone = this.heard - DRONE_RINGS * this.pace;
    this.droned = [...this.droned.filter((each) => each > gone), time];
    const stroke = { pitch: this.drone.pitch, velocity: 80, seconds: DRONE_RINGS * this.pace, bend: null };
    return this.string(time, stroke, null, gain, "drone", null);
  }

  cymbal(time, open) {
    return { kind: open ? "ching" : "chap", step: null, pitch: null, time, open, gain: 1, string: null };
  }

  /** Sounds a pitch at once, as a finger on the neck asks. */
  async touch(pitch, string = null) {
    await this.ready();
    const stroke = { pitch, velocity: 84, seconds: 1.2, bend: null };
    const touched = this.string(this.context.currentTime + 0.01, stroke, string, 1, "touch", null);
    this.strings({ strokes: [{ ...touched, alone: true }] });
  }

  /** The open string that drones, as a note that sounds, `since` in seconds from its stroke; null where it rests. */
  get droning() {
    const since = this.heard - Math.max(...this.droned.filter((time) => time <= this.heard)); // none: for ever
    return this.drone && since < DRONE_RINGS * this.pace ? { ...this.drone, voice: "accompaniment", since } : null;
  }

  /** The drone by itself, a stroke a hong, until it is stopped. */
  async droneAlone(on) {
    const asked = (this.droneAsked = {});
    clearInterval(this.droneTimer);
    this.droneTimer = null;
    if (!on || !this.drone) {
      this.droned = [];
      return;
    }
    await this.ready();
    if (asked !== this.droneAsked) return; // it was stopped, or asked for anew, before the strings were ready
    let next = this.context.currentTime + SOON;
    const send = () => {
      const strokes = [];
      for (; next < this.context.currentTime + (document.hidden ? AHEAD_HIDDEN : AHEAD); next += HONG * this.pace) {
        strokes.push({ ...this.ofDrone(next, ALONE_GAIN), alone: true });
      }
      if (strokes.length) this.strings({ strokes });
    };
    send();
    this.droneTimer = setInterval(send, EVERY);
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
