// A phrase as a MIDI file, as phin/music/midi_writing.py: as it is played, a track and a channel a string.

import { WRITING } from "./tables.js";
import { sealed } from "./midi_seal.js";
import { perform } from "./perform.js";
import { refuse } from "./refusal.js";
import { grouped, rounded } from "./words.js";

const { program: PROGRAM, channels: CHANNELS, wheel: WHEEL, wheel_every: WHEEL_EVERY } = WRITING;
const META = { text: 0x01, trackName: 0x03, end: 0x2f, tempo: 0x51, metre: 0x58 };
const [OFF, ON, CONTROL, PROGRAM_CHANGE, BEND] = [0x80, 0x90, 0xb0, 0xc0, 0xe0];

/** The bytes of the file. Throws Refusal where reading would refuse them. */
export async function midiBytes(phrase) {
  const where = phrase.title || "phrase";
  const { lowest_tempo: lowest, highest_tempo: highest } = WRITING;
  if (phrase.tempo !== null && (phrase.tempo < lowest || phrase.tempo > highest)) {
    const reason = `has a tempo of ${phrase.tempo} microseconds a quarter`;
    refuse(where, reason, `set a tempo from ${grouped(lowest)} to ${grouped(highest)}`);
  }
  const tempo = phrase.tempo || WRITING.default_tempo;
  const performance = perform({ ...phrase, tempo });
  refuseLong(performance, tempo, where);
  const parts = partsOf(performance, tempo);
  const head = [];
  if (phrase.title) head.push([0, meta(META.trackName, utf8(phrase.title))]);
  if (phrase.tempo !== null) head.push([0, meta(META.tempo, bigEndian(phrase.tempo, 3))]);
  const { metre } = phrase;
  if (metre && metre.numerator < 256 && WRITING.denominators.includes(metre.denominator)) {
    head.push([0, meta(META.metre, [metre.numerator, Math.log2(metre.denominator), 24, 8])]);
  }
  const { ticksPerQuarter } = performance;
  head.push([0, meta(META.text, utf8(await sealed(phrase, [...parts.values()], ticksPerQuarter)))]);
  const tracks = [head, ...[...parts].map(([string, part]) => stringTrack(part, string))];
  const begin = [...utf8("MThd"), ...bigEndian(6, 4), 0, 1, ...bigEndian(tracks.length, 2), ...bigEndian(ticksPerQuarter, 2)];
  return Uint8Array.from([begin, ...tracks.map(track)].flat());
}

function refuseLong({ strokes, ticksPerQuarter }, tempo, where) {
  const last = Math.max(0, ...strokes.map(({ onset, duration }) => onset + duration));
  const seconds = (last * tempo) / 1e6 / ticksPerQuarter;
  if (seconds <= WRITING.most_seconds) return;
  const remedy = "cut it into single tunes, or move the note that is far off";
  refuse(where, `lasts ${(seconds / 3600).toFixed(1)} hours`, remedy);
}

/** What each string's channel holds, by the string's number: {notes, bends, bendCents}. */
function partsOf({ strokes, bends, bendRange, ticksPerQuarter }, tempo) {
  const every = Math.max(Math.trunc((WHEEL_EVERY * ticksPerQuarter * 1e6) / tempo), 1);
  const parts = new Map();
  for (const string of [...new Set(strokes.map((stroke) => stroke.string))].sort((a, b) => a - b)) {
    const notes = strokes.filter((stroke) => stroke.string === string);
    for (const note of notes) note.velocity = Math.max(note.velocity, 1); // to MIDI 0 is a release
    parts.set(string, { notes, bends: wheelOf(notes, bends, bendRange, every), bendCents: 100 * bendRange });
  }
  return parts;
}

/** Where the wheel of a string stands, [tick, wheel], at each tick where it moves: back before the next stroke. */
function wheelOf(strokes, bends, bendRange, every) {
  const turns = [];
  strokes.forEach(({ onset, duration, row }, place) => {
    const curve = bends.get(row);
    if (!curve) return;
    const end = onset + duration;
    const rest = strokes[place + 1]?.onset ?? end;
    const last = Math.min(end, rest, Math.trunc(curve.at(-1)[0]) + 1);
    const ticks = new Set(curve.map(([tick]) => Math.min(Math.max(Math.trunc(tick), onset), last - 1)));
    for (let tick = onset; tick < last; tick += every) ticks.add(tick);
    for (const tick of [...ticks].sort((a, b) => a - b)) {
      const wheel = rounded((along(curve, tick) / bendRange) * WHEEL);
      turns.push([tick, Math.min(Math.max(wheel, -WHEEL), WHEEL - 1) + 0]);
    }
    turns.push([rest, 0]);
  });
  // back and away again at one tick is one movement
  const moved = turns.filter(([tick], place) => turns[place + 1]?.[0] !== tick);
  return moved.filter(([, wheel], place) => wheel !== (moved[place - 1]?.[1] ?? 0));
}

/** A curve at a tick; outside its points it stays as at the nearest one. */
function along(curve, tick) {
  if (tick <= curve[0][0]) return curve[0][1];
  const next = curve.findIndex(([point]) => point > tick);
  if (next < 0) return curve.at(-1)[1];
  const [[from, low], [to, high]] = [curve[next - 1], curve[next]];
  return ((high - low) / (to - from)) * (tick - from) + low;
}

/** A string on a channel of its own: [ticks since the event before, bytes]. */
function stringTrack({ notes, bends, bendCents }, string) {
  const channel = CHANNELS[(string - 1) % CHANNELS.length];
  const events = [[0, meta(META.trackName, utf8(`string ${string}`))], [0, [PROGRAM_CHANGE | channel, PROGRAM]]];
  if (bends.length) {
    const reach = [[101, 0], [100, 0], [6, Math.floor(bendCents / 100)], [38, bendCents % 100], [101, 127], [100, 127]];
    events.push(...reach.map((control) => [0, [CONTROL | channel, ...control]]));
  } // prettier-ignore
  // at one tick a release comes first, then the wheel, then the stroke that it bends
  const moves = [
    ...notes.map(({ onset, duration, pitch }) => [onset + duration, 0, pitch, 0]),
    ...bends.map(([tick, wheel]) => [tick, 1, wheel, 0]),
    ...notes.map(({ onset, pitch, velocity }) => [onset, 2, pitch, velocity]),
  ].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3]);
  let now = 0;
  for (const [tick, kind, value, velocity] of moves) {
    const bent = value + WHEEL;
    const bytes = kind === 1 ? [BEND | channel, bent & 127, bent >> 7] : [(kind ? ON : OFF) | channel, value, velocity];
    events.push([tick - now, bytes]);
    now = tick;
  }
  return events;
}

/** A track's bytes, which leave out what a message has in common with the one before (running status). */
function track(events) {
  const bytes = [];
  let running = null;
  for (const [time, message] of [...events, [0, meta(META.end, [])]]) {
    bytes.push(...variable(time));
    const [status] = message;
    for (let at = status === running ? 1 : 0; at < message.length; at++) bytes.push(message[at]);
    running = status < 0xf0 ? status : null;
  }
  return [...utf8("MTrk"), ...bigEndian(bytes.length, 4), ...bytes];
}

const utf8 = (text) => [...new TextEncoder().encode(text)];
const meta = (kind, data) => [0xff, kind, ...variable(data.length), ...data];
const bigEndian = (number, size) => Array.from({ length: size }, (_, at) => (number >>> (8 * (size - 1 - at))) & 255);

function variable(number) {
  const bytes = [number & 127];
  while ((number >>= 7)) bytes.unshift((number & 127) | 128);
  return bytes;
}
