// A tune as a file of sound: the strings of the page (pluck.js) played in one go, 16 bits a sample.

import { frequencyOf, HONG, lengthOf } from "./music.js";
import { ACCOMPANIMENT_GAIN, scaleOf, strike, strokesAt } from "./performance.js";

const RATE = 44_100;
const LEAD = 0.05; // seconds before the first stroke
const FADE = 1; // and after the last note has ended
const HEAD = 44; // bytes

/** Seconds that a tune lasts, at its tempo or at 100 hong a minute, as the page plays where nobody knows it. */
export function secondsOf({ notes, tempo }) {
  const ends = notes.map((note, place) => note.onset + lengthOf(note, place, notes));
  return ((Math.max(...ends) - notes[0].onset) * 60) / ((tempo ?? 100) * HONG);
}

/** The bytes of a WAV file. */
export async function wavOf(tune) {
  const strokes = strokesOf(tune);
  const length = Math.ceil((secondsOf(tune) + strokes.lead + FADE) * RATE);
  const context = new OfflineAudioContext(1, length, RATE);
  await context.audioWorklet.addModule(new URL("./pluck.js", import.meta.url));
  const options = { numberOfInputs: 0, outputChannelCount: [1], processorOptions: { strokes: strokes.all } };
  new AudioWorkletNode(context, "strings", options).connect(context.destination);
  return encoded((await context.startRendering()).getChannelData(0));
}

/** All strokes by time, and the seconds before the first note: a flick is struck before its note. */
function strokesOf({ notes, tempo }) {
  const pace = 60 / ((tempo ?? 100) * HONG);
  const scale = scaleOf(notes);
  const strikes = new Map();
  const struck = (frequency, velocity) => {
    const key = `${frequency} ${velocity}`;
    if (!strikes.has(key)) strikes.set(key, strike(frequency, velocity, RATE));
    return strikes.get(key);
  };
  const all = notes.flatMap((note, place) => {
    return strokesAt(notes, place, pace, scale).map(({ after, seconds, pitch, velocity, bend }) => {
      const frequency = frequencyOf(pitch);
      const hard = Math.max(Math.round(velocity / 4) * 4, 4);
      const time = (note.onset - notes[0].onset) * pace + after;
      const gain = note.voice === "melody" ? 1 : ACCOMPANIMENT_GAIN;
      return { kind: note.voice, step: note.onset, time, frequency, pitch, seconds, bend, gain, string: note.string, hard };
    });
  });
  const lead = LEAD - Math.min(0, ...all.map(({ time }) => time));
  for (const stroke of all) Object.assign(stroke, { time: stroke.time + lead, strike: struck(stroke.frequency, stroke.hard) });
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
