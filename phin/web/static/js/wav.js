// A tune as a file of sound: the strings of the page played in one go, 16 bits a sample.

import { frequencyOf, HONG, lengthOf } from "./music.js";
import { ACCOMPANIMENT_GAIN, Strikes, scaleOf, strokesAt } from "./performance.js";
import { Strings } from "./strings.js";

const RATE = 44_100;
const LEAD = 0.05; // seconds before the first stroke
const FADE = 1; // and after the last note has ended
const HEAD = 44; // bytes
const BLOCK = 1024; // samples that are made in one go
const BUSY = 20; // milliseconds after which the page may do something else

/** Seconds that a tune lasts, at its tempo or at 100 hong a minute, as the page plays where nobody knows it. */
export function secondsOf({ notes, tempo }) {
  const ends = notes.map((note, place) => note.onset + lengthOf(note, place, notes));
  return ((Math.max(...ends) - notes[0].onset) * 60) / ((tempo ?? 100) * HONG);
}

/** The bytes of a WAV file. The page may do something else from time to time while they are made. */
export async function wavOf(tune) {
  const strokes = strokesOf(tune);
  const samples = new Float32Array(Math.ceil((secondsOf(tune) + strokes.lead + FADE) * RATE));
  const strings = new Strings(RATE, strokes.all);
  let rests = performance.now() + BUSY;
  for (let frame = 0; frame < samples.length; frame += BLOCK) {
    strings.sound(samples.subarray(frame, frame + BLOCK), frame);
    if (performance.now() < rests) continue;
    await new Promise((go) => setTimeout(go));
    rests = performance.now() + BUSY;
  }
  return encoded(samples);
}

/** All strokes by time, and the seconds before the first note: a flick is struck before its note. */
function strokesOf({ notes, tempo }) {
  const pace = 60 / ((tempo ?? 100) * HONG);
  const scale = scaleOf(notes);
  const strikes = new Strikes(RATE);
  const all = notes.flatMap((note, place) => {
    const gain = note.voice === "melody" ? 1 : ACCOMPANIMENT_GAIN;
    return strokesAt(notes, place, pace, scale).map(({ after, seconds, pitch, velocity, bend }) => {
      const frequency = frequencyOf(pitch);
      const time = (note.onset - notes[0].onset) * pace + after;
      return { time, frequency, seconds, bend, gain, string: note.string, strike: strikes.of(frequency, velocity) };
    });
  });
  const lead = LEAD - Math.min(0, ...all.map(({ time }) => time));
  for (const stroke of all) stroke.time += lead;
  return { all: all.sort((one, other) => one.time - other.time), lead };
}

function encoded(samples) {
  const view = new DataView(new ArrayBuffer(HEAD + 2 * samples.length));
  const say = (at, text) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  say(0, "RIFF");
  view.setUint32(4, HEAD - 8 + 2 * samples.length, true);
  say(8, "WAVEfmt ");
  const [pcm, channels, bytes] = [1, 1, 2];
  view.setUint32(16, 16, true);
  view.setUint16(20, pcm, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * bytes, true);
  view.setUint16(32, bytes, true);
  view.setUint16(34, 8 * bytes, true);
  say(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, place) => view.setInt16(HEAD + 2 * place, Math.round(32767 * Math.max(-1, Math.min(sample, 1))), true));
  return view.buffer;
}
