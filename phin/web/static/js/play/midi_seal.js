// The phrase inside a MIDI file, as phin/music/midi_seal.py: the text that stores it whole, tied to what sounds.

import { blake2b } from "./blake2b.js";

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
