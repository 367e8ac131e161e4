// What a MIDI file may hold to be a tune, and what is said where it holds more, as phin/music/midi_limits.py. Notes are
// {onset, duration} in ticks.

import { FILES, WRITING } from "./tables.js";
import { refuse } from "./refusal.js";
import { fixed, grouped } from "./words.js";

const { most_bytes: MAX_BYTES, most_note_seconds: MAX_NOTE_SECONDS } = FILES.midi;
const { most_ticks: MAX_TICKS, most_seconds: MAX_SECONDS, default_tempo: DEFAULT_TEMPO } = WRITING;
const { lowest_tempo: MIN_TEMPO, highest_tempo: MAX_TEMPO } = WRITING;
export const AGAIN = FILES.midi.again;
export { DEFAULT_TEMPO, MAX_SECONDS, MAX_NOTE_SECONDS, MAX_TEMPO, MAX_TICKS, MIN_TEMPO };

export function refuseSize(numBytes, where) {
  if (numBytes > MAX_BYTES) {
    refuse(where, `has more than ${grouped(MAX_BYTES)} bytes`, "cut it into single tunes");
  }
}

/** Throws Refusal where ticks have overflowed. */
export function refuseTicks(notes, where) {
  const isFar = ({ onset, duration }) => onset < 0 || duration < 0 || onset + duration > MAX_TICKS;
  if (notes.some(isFar)) refuse(where, `has notes outside tick 0 to ${grouped(MAX_TICKS)}`, AGAIN);
}

/** Throws Refusal where a note or the tune lasts longer than music does. */
export function refuseLengths(notes, ticksPerQuarter, tempo, where) {
  const seconds = (tempo || DEFAULT_TEMPO) / 1e6 / ticksPerQuarter;
  let longest = 0, last = 0; // prettier-ignore
  for (const { onset, duration } of notes) {
    longest = Math.max(longest, duration);
    last = Math.max(last, onset + duration);
  }
  if (longest * seconds > MAX_NOTE_SECONDS) {
    const reason = `has a note of ${fixed((longest * seconds) / 60, 0)} minutes`;
    refuse(where, reason, "end that note where it stops sounding");
  }
  if (last * seconds > MAX_SECONDS) {
    const remedy = "cut it into single tunes, or move the note that is far off";
    refuse(where, `lasts ${fixed((last * seconds) / 3600, 1)} hours`, remedy);
  }
}

export function refuseTempo(tempo, where) {
  if (tempo >= MIN_TEMPO && tempo <= MAX_TEMPO) return;
  const reason = `has a tempo of ${tempo} microseconds a quarter`;
  refuse(where, reason, `set a tempo from ${grouped(MIN_TEMPO)} to ${grouped(MAX_TEMPO)}`);
}
