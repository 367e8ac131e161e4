// How a note is played: what becomes of it in strokes and bends, as phin/music/perform.py does it, in seconds.
//
// Its numbers are that file's, as the program tells them (`about.play.writing`). It is told note by note what is drawn:
// so a note knows those before it, as far as they are, and nothing of how the strings sound into each other.

import { SLOT, lengthOf, pitchClass } from "./music.js";

let STYLE, ASSUMED_VELOCITY, RINGS, POINTS, FRETS;

/** Takes the numbers in, before anything is played. */
export function tellPerformance({ play: { writing }, tunings }) {
  ({ style: STYLE, assumed_velocity: ASSUMED_VELOCITY, rings: RINGS, points_a_swing: POINTS } = writing);
  FRETS = tunings[0].frets;
}

/** What lies before a note in a tune: the last one on its string, and the last of the melody; null where none does. */
function beforeOf(notes, place) {
  const { string } = notes[place];
  const found = { onString: null, melody: null };
  for (let back = place - 1; back >= 0 && !(found.melody && (found.onString || !string)); back--) {
    if (notes[back].voice === "melody") found.melody ??= notes[back];
    if (string && notes[back].string === string) found.onString ??= notes[back];
  }
  return found;
}

/** The pitches of the scale that lie on the string of a note, the nearest first, on the first side where there are any. */
function beyond({ pitch, string, fret }, scale, ...sides) {
  const open = string ? pitch - FRETS[fret] : 0;
  const there = (string ? FRETS : Array.from({ length: 128 }, (_, each) => each)).map((semitones) => open + semitones);
  const inScale = there.filter((each) => scale.includes(pitchClass(each)));
  const ladder = inScale.length > 1 ? inScale : there;
  const on = (side) => ladder.filter((each) => side * (each - pitch) > 0).sort((a, b) => side * (a - b));
  return sides.map(on).find((found) => found.length) ?? [];
}

/** The bend of a note as points (seconds, semitones), flat; null for a straight one. */
function bendOf(note, seconds, scale, before) {
  const half = seconds / 2;
  const { bend_range: reach, slide_length, bend_length, bend_depth, vibrato_rate, vibrato_depth } = STYLE;
  if (note.technique === "slide") {
    let from = (before.onString ?? before.melody)?.pitch ?? note.pitch;
    if (from === note.pitch) [from] = beyond(note, scale, -1, 1);
    return [0, Math.max(-reach, Math.min(reach, from - note.pitch)), Math.min(slide_length, half), 0];
  }
  if (note.technique === "bend") return [0, 0, Math.min(bend_length, half), bend_depth];
  if (note.technique !== "vibrato") return null;
  const points = [];
  for (let point = 0; point <= Math.min(seconds, RINGS) * vibrato_rate * POINTS; point++) {
    const phase = point / POINTS;
    points.push(phase / vibrato_rate, vibrato_depth * Math.sin(2 * Math.PI * phase));
  }
  return points;
}

/** A note in equal parts, which may differ in pitch. */
const parts = (stroke, count, pitchOf) =>
  Array.from({ length: count }, (_, part) => ({
    ...stroke,
    after: (part * stroke.seconds) / count,
    seconds: stroke.seconds / count,
    pitch: pitchOf(part),
  }));

/** The fast notes and the note that they lead into; they take half the time since the stroke before at most. */
function flick(note, stroke, pace, scale, before) {
  const { flick_notes: count, flick_length } = STYLE;
  const side = before.melody && before.melody.pitch > note.pitch ? 1 : -1;
  const steps = beyond(note, scale, side, -side).slice(0, count);
  const lead = [...Array(count - steps.length).fill(note.pitch), ...steps.reverse()];
  const room = before.onString ? ((note.onset - before.onString.onset) * pace) / 2 : Infinity;
  const within = room > 0 ? room : stroke.seconds / 2; // struck together with another: out of its own time
  const each = Math.min(flick_length, within / count);
  const start = room > 0 ? -count * each : 0;
  const lands = start + count * each;
  const fast = lead.map((pitch, place) => ({ ...stroke, after: start + place * each, seconds: each, pitch }));
  return [...fast, { ...stroke, after: lands, seconds: stroke.seconds - lands }];
}

/** The seconds by which a note of a strum or dyad is struck later than its lowest; drones wait for nobody. */
function lateness(notes, place, pace) {
  const note = notes[place];
  const struck = notes.filter((other) => other.onset === note.onset);
  const has = (technique) => struck.some((other) => other.technique === technique);
  const apart = has("strum") ? STYLE.strum_stagger : has("dyad") ? STYLE.dyad_spread : 0;
  if (!apart || note.technique === "drone") return 0;
  const shortest = Math.min(...struck.map((other) => lengthOf(other, notes.indexOf(other), notes) * pace));
  return Math.min(apart * struck.filter(({ technique }) => technique !== "drone").indexOf(note), shortest);
}

/**
 * The strokes of a note of a tune: [{after, seconds, pitch, velocity, bend}], `after` in seconds from its onset (a flick
 * begins before it), at `pace` seconds a step. `scale` are the pitch classes that a flick or a trill goes to.
 */
export function strokesAt(notes, place, pace, scale) {
  const note = notes[place];
  const { pitch, technique } = note;
  const late = lateness(notes, place, pace);
  const seconds = lengthOf(note, place, notes) * pace - late;
  const velocity = note.velocity ?? ASSUMED_VELOCITY;
  const stroke = { after: late, seconds, pitch, velocity, bend: null };
  switch (technique) {
    case "accent":
      return [{ ...stroke, velocity: Math.min(velocity + STYLE.accent, 127) }];
    case "mute":
      return [{ ...stroke, seconds: Math.min(seconds, STYLE.mute_length) }];
    case "hammer-on":
    case "pull-off":
      return [{ ...stroke, velocity: velocity * STYLE.legato_softness }];
    case "tremolo": {
      const count = Math.max(2, Math.ceil((2 * seconds) / (SLOT * pace)), Math.round(STYLE.tremolo_rate * seconds));
      return parts(stroke, count, () => pitch);
    }
    case "trill": {
      const [other] = beyond(note, scale, 1, -1);
      const count = Math.max(3, 2 * Math.floor(Math.round(STYLE.trill_rate * seconds) / 2) + 1);
      return parts(stroke, count, (part) => (part % 2 ? other : pitch));
    }
    case "flick":
      return flick(note, stroke, pace, scale, beforeOf(notes, place));
    default:
      return [{ ...stroke, bend: bendOf(note, seconds, scale, beforeOf(notes, place)) }];
  }
}

/** The pitch classes that a flick or a trill goes to. */
export const scaleOf = (notes) => [...new Set(notes.map(({ pitch }) => pitchClass(pitch)))];

export const ACCOMPANIMENT_GAIN = 0.6; // beside the melody

const PLUCK_POINT = 0.07; // where the plectrum strikes, as a share of the string
const HARDNESS = [2500, 13000]; // Hz up to which a stroke of velocity 0 has partials, and how many more at 127

/** Strikes of strings, made once each: a tune has the same few pitches, struck a few times as hard. */
export class Strikes {
  constructor(rate) {
    this.rate = rate;
    this.made = new Map();
  }

  of(frequency, velocity) {
    const hard = Math.max(Math.round(velocity / 4) * 4, 4);
    const key = `${Math.round(frequency * 100)} ${hard}`;
    if (!this.made.has(key)) {
      if (this.made.size > 500) this.made.clear();
      this.made.set(key, strike(frequency, hard, this.rate));
    }
    return this.made.get(key);
  }
}

/**
 * One period of a string just after the stroke, as phin/music/voice.py's `_strike` makes it: noise with the spectrum of
 * a plucked string, harder strokes louder and brighter. The phases hang on the pitch: a note sounds alike twice.
 */
function strike(frequency, velocity, sampleRate) {
  const period = Math.round(sampleRate / frequency);
  const partials = Math.max(Math.floor(period / 2) - 1, 1);
  const strength = new Float64Array(partials);
  let power = 0;
  for (let k = 1; k <= partials; k++) {
    const bright = HARDNESS[0] + HARDNESS[1] * (velocity / 127) ** 2;
    strength[k - 1] = Math.sin(Math.PI * PLUCK_POINT * k) / k / (1 + ((k * frequency) / bright) ** 2);
    power += strength[k - 1] ** 2;
  }
  const wave = new Float32Array(period);
  let lot = Math.round(frequency * 100) | 1;
  for (let k = 1; k <= partials; k++) {
    lot = (Math.imul(lot, 1664525) + 1013904223) >>> 0;
    const phase = (2 * Math.PI * lot) / 2 ** 32;
    const level = (2 * strength[k - 1] * (velocity / 127) ** 2) / Math.sqrt(power);
    if (level < 1e-5) continue;
    for (let at = 0; at < period; at++) wave[at] += level * Math.cos((2 * Math.PI * k * at) / period + phase);
  }
  return wave;
}
