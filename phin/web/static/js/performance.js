// How a note is played: what becomes of it in strokes and bends, as phin/music/perform.py does it, in seconds.
//
// The numbers are that file's PerformanceStyle; no source measured a player.

import { SLOT, lengthOf, pitchClass } from "./music.js";

const ASSUMED_VELOCITY = 80;
const ACCENT = 20;
const TREMOLO_RATE = 14;
const TRILL_RATE = 14;
const FLICK_NOTES = 2;
const FLICK_LENGTH = 0.04;
const LEGATO_SOFTNESS = 0.7;
const SLIDE_LENGTH = 0.12;
const BEND_LENGTH = 0.15;
const BEND_DEPTH = 2;
const VIBRATO_RATE = 5.5;
const VIBRATO_DEPTH = 0.3;
const MUTE_LENGTH = 0.045;
const STAGGER = { strum: 0.018, dyad: 0.008 };
const RINGS = 4;

/** The bend of a note as points (seconds, semitones), flat; null for a straight one. */
function bendOf(technique, seconds, pitch, before) {
  const half = seconds / 2;
  if (technique === "slide") {
    const from = Math.max(-12, Math.min(12, (before && before !== pitch ? before : pitch - 2) - pitch));
    return [0, from, Math.min(SLIDE_LENGTH, half), 0];
  }
  if (technique === "bend") return [0, 0, Math.min(BEND_LENGTH, half), BEND_DEPTH];
  if (technique !== "vibrato") return null;
  const points = [];
  for (let phase = 0; phase <= Math.min(seconds, RINGS) * VIBRATO_RATE; phase += 1 / 8) {
    points.push(phase / VIBRATO_RATE, VIBRATO_DEPTH * Math.sin(2 * Math.PI * phase));
  }
  return points;
}

/**
 * The strokes of a note: [{after, seconds, pitch, velocity, bend}], `after` in seconds from its onset (a flick begins
 * before it). `scale` are the pitch classes that a flick or a trill goes to, `before` is the pitch of the melody note
 * before, `under` how many notes of the same chord are struck before this one, `slot` how long a slot lasts.
 */
function strokesOf({ pitch, velocity, technique }, seconds, how) {
  const { scale, before, under = 0, slot, chord = technique } = how;
  const loud = velocity ?? ASSUMED_VELOCITY;
  const late = Math.min((STAGGER[chord] ?? 0) * under, seconds / 2);
  const stroke = { after: late, seconds: seconds - late, pitch, velocity: loud, bend: null };
  const beyond = (side) => {
    const found = [];
    for (let step = pitch + side; found.length < FLICK_NOTES && Math.abs(step - pitch) < 24; step += side) {
      if (scale.includes(((step % 12) + 12) % 12)) found.push(step);
    }
    return found.length ? found : [pitch + side * 2];
  };
  const parts = (count, pitchOf) =>
    Array.from({ length: count }, (_, part) => ({
      ...stroke,
      after: (part * seconds) / count,
      seconds: seconds / count,
      pitch: pitchOf(part),
    }));
  switch (technique) {
    case "accent":
      return [{ ...stroke, velocity: Math.min(loud + ACCENT, 127) }];
    case "mute":
      return [{ ...stroke, seconds: Math.min(seconds, MUTE_LENGTH) }];
    case "hammer-on":
    case "pull-off":
      return [{ ...stroke, velocity: loud * LEGATO_SOFTNESS }];
    case "tremolo":
      return parts(Math.max(2, Math.ceil((2 * seconds) / slot), Math.round(TREMOLO_RATE * seconds)), () => pitch);
    case "trill": {
      const [above] = beyond(1);
      const count = Math.max(3, 2 * Math.floor(Math.round(TRILL_RATE * seconds) / 2) + 1);
      return parts(count, (part) => (part % 2 ? above : pitch));
    }
    case "flick": {
      const steps = beyond(before && before > pitch ? 1 : -1).reverse();
      const lead = steps.map((step, place) => ({
        ...stroke,
        after: (place - steps.length) * FLICK_LENGTH,
        seconds: FLICK_LENGTH,
        pitch: step,
      }));
      return [...lead, stroke];
    }
    default:
      return [{ ...stroke, bend: bendOf(technique, seconds, pitch, before) }];
  }
}

/** The strokes of a note of a tune, `pace` seconds a step; `before` is the pitch of the melody note before it. */
export function strokesAt(notes, place, pace, scale, before) {
  const note = notes[place];
  const struck = notes.filter((other) => other.onset === note.onset);
  const chord = ["strum", "dyad"].find((name) => struck.some((other) => other.technique === name));
  const how = { scale, before, under: struck.indexOf(note), slot: SLOT * pace, chord };
  return strokesOf(note, lengthOf(note, place, notes) * pace, how);
}

/** The pitch classes that a flick or a trill goes to. */
export const scaleOf = (notes) => [...new Set(notes.map(({ pitch }) => pitchClass(pitch)))];

export const ACCOMPANIMENT_GAIN = 0.6; // beside the melody

const PLUCK_POINT = 0.07; // where the plectrum strikes, as a share of the string
const HARDNESS = [2500, 13000]; // Hz up to which a stroke of velocity 0 has partials, and how many more at 127

/**
 * One period of a string just after the stroke, as phin/music/voice.py's `_strike` makes it: noise with the spectrum of
 * a plucked string, harder strokes louder and brighter. The phases hang on the pitch: a note sounds alike twice.
 */
export function strike(frequency, velocity, sampleRate) {
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
