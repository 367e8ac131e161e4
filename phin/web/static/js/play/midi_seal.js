// The phrase inside a MIDI file, as phin/music/midi_seal.py: the text that stores it whole, tied to what sounds.

import { FILES } from "./tables.js";
import { blake2b } from "./blake2b.js";
import { brokenRule, Metre, phraseOf, sorted } from "./phrase.js";

const { inferred: INFERRED, techniques_from: LABEL_SOURCES, most_stored: MAX_STORED } = FILES.midi;

/** How a stored phrase stands in the bytes of a file; its groups are the seal and what it seals. */
export const STORED = new RegExp(FILES.midi.stored, "u");

/** The whole phrase as text, and the seal that ties it to the parts, each {notes, bends, bendCents}. */
export async function sealed(phrase, parts, ticksPerQuarter) {
  const rows = phrase.notes.map((note) => [
    ...[note.onset, note.duration, note.pitch, note.velocity, note.technique, note.voice],
  ]);
  const { tempo, lai, title, source, tuning, drone, words } = phrase;
  const metre = phrase.metre && String(phrase.metre);
  const facts = { rows, metre, tempo, lai, title, source, tuning, drone, words };
  const all = { ...facts, inferred: [...phrase.inferred].sort(), deviation: null };
  const payload = base64(await compressed(new TextEncoder().encode(JSON.stringify(all))));
  return `phin1:${seal(parts, ticksPerQuarter, payload)}:${payload};`;
}

/**
 * The phrase of a match of STORED; null where what sounds is no longer what it was stored with, or it is no phrase. Of a
 * forged one each number must be of its kind, where Python's would be made one.
 */
export async function unseal([, expected, payload], parts, ticksPerQuarter) {
  if (expected !== seal(parts, ticksPerQuarter, payload)) return null;
  try {
    return phraseFrom(JSON.parse(await unpacked(payload)));
  } catch {
    return null; // whatever is wrong with an event that somebody forged, the notes are there to be read
  }
}

async function unpacked(payload) {
  const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader(), read = new TextDecoder("utf-8", { fatal: true }); // prettier-ignore
  let text = "", size = 0; // prettier-ignore
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + read.decode();
    size += value.length;
    if (size > MAX_STORED) throw new Error("too much is stored");
    text += read.decode(value, { stream: true });
  }
}

const FACTS = ["rows", "metre", "tempo", "lai", "title", "source", "tuning", "drone", "words", "inferred", "deviation"];

/** The phrase of what is stored. Throws where it is none. */
function phraseFrom(facts) {
  const must = (isSo) => {
    if (!isSo) throw new Error("no phrase");
  };
  const { rows, tempo, lai, title, source, tuning, drone, words, inferred, deviation, techniques_from: from, ...more } = facts;
  const { metre, ...others } = more;
  const isText = (value) => typeof value === "string";
  must(FACTS.every((name) => name in facts) && !Object.keys(others).length);
  must(isText(title) && isText(source) && [lai, tuning].every((text) => text === null || isText(text)));
  must((tempo === null || Number.isInteger(tempo)) && drone.every(Number.isInteger));
  must(rows.every((row) => row.length === 6 && row.every((value) => Number.isInteger(value) && (value | 0) === value)));
  must(inferred.every((each) => INFERRED.includes(each)) && (!from || LABEL_SOURCES.includes(from)));
  must(words.every(([step, text]) => Number.isInteger(step) && isText(text)));
  const notes = rows.map(([onset, duration, pitch, velocity, technique, voice]) => ({
    ...{ onset, duration, pitch, velocity, technique, voice },
  }));
  must(!brokenRule(notes) && sorted(notes).every((note, row) => note === notes[row]));
  const said = { tempo, lai, title, source, tuning, drone, words, inferred: new Set(inferred) };
  said.metre = metre && Metre.parse(metre);
  if (deviation) {
    const [resolution, onsets, durations] = deviation;
    must([onsets, durations].every((far) => far.length === notes.length && far.every(Number.isInteger)));
    must(Number.isInteger(resolution) && resolution > 0);
    notes.forEach((note, row) => (note.off = [onsets[row], durations[row]]));
    said.deviation = resolution;
  }
  return phraseOf(notes, said);
}

async function compressed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Hash of what sounds and of what is stored. */
function seal(parts, ticksPerQuarter, payload) {
  const digests = parts.filter(({ notes }) => notes.length).map((part) => hex(digest(part)));
  const of = [...new TextEncoder().encode(`${ticksPerQuarter}:${payload}`)];
  for (const each of digests.sort()) for (let at = 0; at < each.length; at += 2) of.push(parseInt(each.slice(at, at + 2), 16));
  return hex(blake2b(new Uint8Array(of), 8));
}

/** Strokes and releases apart, each by its last column first. */
function digest({ notes, bends, bendCents }) {
  const strokes = notes.map(({ onset, pitch, velocity }) => [onset, pitch, velocity]);
  const releases = notes.map(({ onset, duration, pitch }) => [onset + duration, pitch]);
  const byLast = (one, other) => {
    let column = one.length - 1;
    while (column > 0 && one[column] === other[column]) column--;
    return one[column] - other[column];
  };
  const cents = bends.map(([tick, wheel]) => [tick, wheel * bendCents]);
  const numbers = [...strokes.sort(byLast), ...releases.sort(byLast), ...cents].flat();
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  numbers.forEach((number, place) => view.setBigInt64(8 * place, BigInt(number), true));
  return blake2b(new Uint8Array(view.buffer), 16);
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
