// A phrase as a MIDI file, as phin/music/midi_writing.py: as it is played, a track and a channel a string.

import { FILES, STEPS_PER_HONG, WRITING } from "./tables.js";
import { toTicks } from "./grid.js";
import {
  DEFAULT_TEMPO, MAX_NOTE_SECONDS, MAX_SECONDS, MAX_TICKS, refuseLengths, refuseSize, refuseTempo, refuseTicks,
} from "./midi_limits.js"; // prettier-ignore
import { sealed } from "./midi_seal.js";
import { perform } from "./perform.js";
import { lastEnd } from "./phrase.js";
import { rounded } from "./words.js";

const { program: PROGRAM, channels: CHANNELS, wheel: WHEEL, wheel_every: WHEEL_EVERY } = WRITING;
const META = { text: 0x01, trackName: 0x03, end: 0x2f, tempo: 0x51, metre: 0x58 };
const [OFF, ON, CONTROL, PROGRAM_CHANGE, BEND] = [0x80, 0x90, 0xb0, 0xc0, 0xe0];

/** The bytes of the file. Throws Refusal where reading would refuse them. */
export async function midiBytes(phrase) {
  const where = phrase.title || "tune";
  const performance = performed(phrase, where);
  const parts = partsOf(performance, phrase.tempo || DEFAULT_TEMPO);
  const head = [];
  if (phrase.title) head.push([0, meta(META.trackName, utf8(phrase.title))]);
  if (phrase.tempo !== null) head.push([0, meta(META.tempo, bigEndian(phrase.tempo, 3))]);
  const metre = writable(phrase.metre);
  if (metre) {
    head.push([0, meta(META.metre, [metre.numerator, Math.log2(metre.denominator), 24, 8])]);
  }
  const { ticksPerQuarter } = performance;
  head.push([0, meta(META.text, utf8(await sealed(phrase, [...parts.values()], ticksPerQuarter)))]);
  const tracks = [head, ...[...parts].map(([string, part]) => stringTrack(part, string))];
  const begin = [...utf8("MThd"), ...bigEndian(6, 4), 0, 1, ...bigEndian(tracks.length, 2), ...bigEndian(ticksPerQuarter, 2)];
  const bytes = Uint8Array.from([begin, ...tracks.map(track)].flat());
  refuseSize(bytes.length, where);
  return bytes;
}

/** How a phrase is played. Throws Refusal where it is longer, or slower, than a file may be. */
export function performed(phrase, where) {
  if (phrase.tempo !== null) refuseTempo(phrase.tempo, where);
  const performance = perform({ ...phrase, tempo: phrase.tempo || DEFAULT_TEMPO });
  refuseTicks(performance.strokes, where);
  refuseLengths(performance.strokes, performance.ticksPerQuarter, phrase.tempo, where);
  return performance;
}

/** Whether a phrase is so far from every limit that nothing of it is refused: to perform it would take longer. */
export function isPlainlyWritable(phrase) {
  if (phrase.tempo !== null && (phrase.tempo < WRITING.lowest_tempo || phrase.tempo > WRITING.highest_tempo)) return false;
  if (phrase.deviation !== null && phrase.deviation > FILES.midi.most_division) return false;
  if (!phrase.notes.length) return true;
  const { notes, ticksPerQuarter } = toTicks(phrase);
  const first = notes.reduce((least, { onset }) => Math.min(least, onset), Infinity), last = lastEnd(notes); // prettier-ignore
  const longest = notes.reduce((most, { duration }) => Math.max(most, duration), 0);
  if (first < -MAX_TICKS || last > MAX_TICKS || longest > MAX_TICKS) return false;
  const bar = phrase.metre ? phrase.metre.bar / STEPS_PER_HONG : 1;
  const seconds = (phrase.tempo || DEFAULT_TEMPO) / 1e6;
  const finest = ticksPerQuarter + Math.max(WRITING.resolution, seconds / WRITING.finest);
  const quarters = (last - Math.min(first, 0)) / ticksPerQuarter + 2 * bar + 2; // a flick begins before its note
  return (
    quarters * finest <= MAX_TICKS &&
    quarters * seconds <= MAX_SECONDS &&
    (longest / ticksPerQuarter) * seconds < MAX_NOTE_SECONDS / 2
  );
}

/** The metre where MIDI can say it: a time signature's denominator is a power of two. */
export function writable(metre) {
  return metre && metre.numerator < 256 && WRITING.denominators.includes(metre.denominator) ? metre : null;
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
