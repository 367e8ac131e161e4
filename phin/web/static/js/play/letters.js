// The seven letters of Thai notation and their pitches, as phin/music/letters.py: {place, octave}.

import { PAGE } from "./tables.js";

const { letters: LETTERS, natural: NATURAL, up: UP, down: DOWN, unmarked_do: DO, most_octaves: MOST } = PAGE;
export { DOWN, LETTERS, NATURAL, UP };

export const pitchOf = ({ place, octave }) => DO + NATURAL[place] + 12 * octave;
export const isWritable = ({ octave }) => Math.abs(octave) <= MOST;

/** The letter of a MIDI number; null where it has none. */
export function letterOf(pitch) {
  const octave = Math.floor((pitch - DO) / 12);
  const place = NATURAL.indexOf(pitch - DO - 12 * octave);
  return place >= 0 && Math.abs(octave) <= MOST ? { place, octave } : null;
}

/** As a page has it; without marks, as pages for instruments of one octave do. */
export function written({ place, octave }, marked = true) {
  const mark = octave >= 0 ? UP : DOWN;
  return LETTERS[place] + (marked ? mark.repeat(Math.abs(octave)) : "");
}

/** A regular expression for what can stand in a slot: a letter, a digit, a hyphen; its groups are those of Python. */
export const SYMBOL = PAGE.symbol;

/** The octave marks of a match of SYMBOL. */
export const marksOf = ({ groups }) => (groups.marks ?? "") + (groups.signs ?? "");

/** The letter that a match of SYMBOL, not a hyphen, writes. */
export function letterOfSymbol(symbol) {
  const octave = [...marksOf(symbol)].reduce((sum, mark) => sum + (mark === UP || mark === "*" ? 1 : -1), 0);
  const { letter, digit } = symbol.groups;
  if (letter) return { place: LETTERS.indexOf(letter), octave };
  const number = Number(digit) - 1;
  return { place: number % LETTERS.length, octave: octave + Math.floor(number / LETTERS.length) };
}
