// The bytes of a MIDI file as events, as symusic 0.6 hands them to phin/music/midi.py (`_score`): what it lets pass is let
// pass, notes are paired as it pairs them, and what is damaged is refused where it refuses it. Two things are not its: of more than
// two dozen tempos those of one tick stay in the order of the file, and a number that goes on beyond the last byte ends.

import { AGAIN } from "./midi_limits.js";
import { refuse } from "./refusal.js";

const HEADER = 14;
const CHUNK = 8;
const META = { trackName: 0x03, lyric: 0x05, end: 0x2f, tempo: 0x51, metre: 0x58 };
const [OFF, ON, CONTROL, PROGRAM, PRESSURE, BEND, SYSTEM] = [0x80, 0x90, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0];
const DRUMS = 9;
const WORDS = 15; // the channel that lyrics are on
const MOST_BEND = 8191;
const SHORT = new Map([[SYSTEM | 1, 2], [SYSTEM | 2, 3], [SYSTEM | 3, 2]]); // prettier-ignore
const OF_NO_KIND = [0xf4, 0xf5, 0xf9, 0xfd];

/**
 * {ticksPerQuarter, tracks, tempos, metres}: a track is what a channel of a track holds under one program, {name,
 * program, isDrum, notes, bends, controls}, its notes {onset, duration, pitch, velocity} in ticks and in the order of
 * their strokes; bends [tick, wheel], controls [number, value], tempos [tick, microseconds a quarter], metres [tick,
 * numerator, denominator]. Throws Refusal where the file is damaged.
 */
export function midiScore(bytes, where) {
  const damaged = () => refuse(where, "is damaged: something in it is no MIDI", AGAIN);
  const torn = () => refuse(where, "is damaged: it breaks off within a track", AGAIN);
  const size = bigEndian(bytes, 4, 4), format = bigEndian(bytes, 8, 2), numTracks = bigEndian(bytes, 10, 2); // prettier-ignore
  if (size !== 6 || format > 2) damaged();
  const score = { ticksPerQuarter: bigEndian(bytes, 12, 2), tracks: [], tempos: [], metres: [] };
  let at = HEADER;
  for (let track = 0; track < numTracks && at < bytes.length; track++) {
    const [begin, end] = chunk(bytes, at, torn);
    new Track(bytes, begin, end, score, damaged, torn).read();
    at = end;
  }
  const byTick = (one, other) => one[0] - other[0];
  score.tempos.sort(byTick);
  score.metres.sort(byTick);
  return score;
}

/** Where the next track begins and ends; chunks of other kinds are passed over. */
function chunk(bytes, at, torn) {
  for (;;) {
    const left = bytes.length - at;
    if (left < CHUNK) torn();
    const length = bigEndian(bytes, at + 4, 4);
    if (length > left - CHUNK) torn();
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (name === "MTrk") return [at + CHUNK, at + CHUNK + length];
    at += CHUNK + length;
  }
}

/** Reads one track, event by event; it may read what lies behind its end, as symusic does, and says so then. */
class Track {
  constructor(bytes, at, end, score, damaged, torn) {
    Object.assign(this, { bytes, at, end, score, damaged, torn });
    this.tick = 0;
    this.status = 0;
    this.length = 0; // of the event before, whose status a next one may leave out
    this.name = "";
    this.channels = new Channels();
  }

  read() {
    while (this.at < this.end && !this.event());
    this.score.tracks.push(...this.channels.tracks(this.name));
  }

  /** Reads an event; whether it ends the track. */
  event() {
    this.tick = (this.tick + this.variable()) | 0;
    const status = this.byte(this.at);
    if (status === 0xff) return this.meta();
    if (status === SYSTEM) this.exclusive();
    else if (status < 0x80) this.running();
    else this.message(status);
    return false;
  }

  byte(at) {
    return this.bytes[at] ?? 0;
  }

  /** A number of seven bits a byte, four bytes at the most. */
  variable() {
    let value = 0;
    for (let many = 0; many < 4; many++) {
      const byte = this.byte(this.at++);
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) break;
    }
    return value;
  }

  running() {
    if (!this.length) this.damaged();
    const begin = this.at;
    if (begin + this.length - 1 > this.end) this.torn();
    this.at += this.length - 1;
    this.take(this.status, begin);
  }

  message(status) {
    if (OF_NO_KIND.includes(status)) this.damaged();
    const kind = status & 0xf0;
    this.status = status;
    this.length = kind === SYSTEM ? (SHORT.get(status) ?? 1) : kind === PROGRAM || kind === PRESSURE ? 2 : 3;
    const begin = this.at;
    if (begin + this.length > this.end) this.torn();
    this.at += this.length;
    this.take(status, begin + 1);
  }

  exclusive() {
    const begin = this.at;
    this.at += 1;
    const length = this.variable() + this.at - begin;
    this.status = SYSTEM;
    this.length = length;
    if (begin + length > this.end) this.torn();
    this.at = begin + length;
  }

  meta() {
    const begin = this.at;
    this.at += 2;
    const size = this.variable(), data = this.at; // prettier-ignore
    if (data + size > this.end) this.torn();
    const kind = this.byte(begin + 1);
    if (kind === META.end) return true;
    this.at = data + size;
    const { tempos, metres } = this.score;
    if (kind === META.trackName) this.name = textOf(this.bytes.subarray(data, data + size));
    else if (kind === META.tempo) tempos.push([this.tick, bigEndian(this.bytes, begin + 3, 3)]);
    else if (kind === META.metre) {
      metres.push([this.tick, this.byte(begin + 3), (1 << this.byte(begin + 4)) & 0xff]);
    } else if (kind === META.lyric) this.channels.on(WORDS, true).hasWords ||= size > 0;
    return false;
  }

  /** A message of a channel, whose data begin there. */
  take(status, data) {
    const kind = status & 0xf0, channel = status & 0x0f, { channels, tick } = this; // prettier-ignore
    const first = this.byte(data), second = this.byte(data + 1); // prettier-ignore
    const within = (value) => value < 0x80 || this.damaged();
    if (kind === ON || kind === OFF) {
      within(first);
      within(second);
      if (kind === ON && second) channels.strike(channel, first, tick, second);
      else channels.release(channel, first, tick);
    } else if (kind === PROGRAM) {
      within(first);
      channels.programs[channel] = first;
    } else if (kind === CONTROL) {
      const { controls } = channels.on(channel, false);
      within(first);
      within(second);
      controls.push([first, second]);
    } else if (kind === BEND) {
      const { bends } = channels.on(channel, false);
      const wheel = (first | (second << 7)) - MOST_BEND - 1;
      if (wheel > MOST_BEND) this.damaged();
      bends.push([tick, wheel]);
    }
  }
}

const nothing = () => ({ notes: [], bends: [], controls: [], hasWords: false });

/** What the channels of a track hold, each program by itself; before its first note what it says waits for one. */
class Channels {
  constructor() {
    this.programs = new Array(16).fill(0);
    this.begun = new Map(); // by channel and program
    this.waiting = this.programs.map(nothing);
    this.sounding = new Map(); // by channel and pitch: strokes that nobody has ended, the first that ends first
  }

  on(channel, begin) {
    const key = channel * 128 + this.programs[channel];
    if (!this.begun.has(key)) {
      if (!begin) return this.waiting[channel];
      this.begun.set(key, this.waiting[channel]);
      this.waiting[channel] = nothing();
    }
    return this.begun.get(key);
  }

  strike(channel, pitch, onset, velocity) {
    const note = { onset, duration: -1, pitch, velocity };
    this.on(channel, true).notes.push(note);
    const key = channel * 128 + pitch;
    const strokes = this.sounding.get(key) ?? { notes: [], ended: 0 };
    strokes.notes.push(note);
    this.sounding.set(key, strokes);
  }

  release(channel, pitch, tick) {
    const strokes = this.sounding.get(channel * 128 + pitch);
    if (!strokes || strokes.ended === strokes.notes.length) return;
    const note = strokes.notes[strokes.ended++];
    note.duration = (tick - note.onset) | 0;
  }

  /** What holds something, by channel and program, without the notes that never end. */
  tracks(name) {
    const held = [...this.begun].filter(([, { notes, bends, controls, hasWords }]) => {
      return notes.length || bends.length || controls.length || hasWords;
    });
    return held.sort(([one], [other]) => one - other).map(([key, { notes, bends, controls }]) => ({
      ...{ name, program: key % 128, isDrum: Math.floor(key / 128) === DRUMS },
      ...{ notes: notes.filter(({ duration }) => duration >= 0), bends, controls },
    })); // prettier-ignore
  }
}

function bigEndian(bytes, at, size) {
  let number = 0;
  for (let place = 0; place < size; place++) number = number * 256 + (bytes[at + place] ?? 0);
  return number;
}

/** Bytes as text in UTF-8; for each run of them that is none stands one mark. */
function textOf(bytes) {
  let text = "", at = 0; // prettier-ignore
  const trails = (place) => (bytes[place] & 0xc0) === 0x80;
  while (at < bytes.length) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead >> 5 === 6 ? 2 : lead >> 4 === 14 ? 3 : lead >> 3 === 30 ? 4 : 0;
    let there = 1;
    while (there < length && at + there < bytes.length && trails(at + there)) there++;
    if (length && there === length) {
      const letter = decoded(bytes.subarray(at, at + length));
      text += letter ?? "\ufffd";
      at += length; // of what is no letter the bytes that follow are passed over too
      if (letter === null) while (at < bytes.length && trails(at)) at++;
    } else {
      text += "\ufffd";
      at++;
      if (length) while (at < bytes.length && trails(at)) at++;
    }
  }
  return text;
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
