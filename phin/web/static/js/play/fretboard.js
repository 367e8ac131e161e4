// Frets, tunings, where a pitch lies, and what drones under a lai, as phin/music/fretboard.py. Strings are numbered
// from the highest; `open` has their pitches low string first, as a tuning is written.

import { FRETS, HAND } from "./tables.js";
import { fifthOf } from "./lai.js";
import { refuse } from "./refusal.js";
import { counted, quoted } from "./words.js";

const LETTERS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const ACCIDENTALS = { "": 0, "#": 1, b: -1 };

export class Tuning {
  constructor(name, open) {
    Object.assign(this, { name, open, numStrings: open.length, places: new Map() });
  }

  static parse(text) {
    const where = `tuning ${quoted(text)}`, remedy = "write it low string first, like E-A-E"; // prettier-ignore
    const letters = text.split("-").map((letter) => {
      const match = /^([A-Ga-g])([#b♯♭]?)$/.exec(letter.trim());
      if (!match)
        refuse(where, `has ${quoted(letter.trim())} where a letter A to G should be, with # or b if need be`, remedy);
      const accidental = match[2].replace("♯", "#").replace("♭", "b");
      const name = match[1].toUpperCase();
      return [name + accidental, (LETTERS[name] + ACCIDENTALS[accidental] + 12) % 12];
    });
    const { fewest_strings: fewest, most_strings: most, measured_lowest: lowest } = HAND;
    if (letters.length < fewest || letters.length > most) {
      refuse(where, `has ${counted(letters.length, "string")}, and a phin has ${fewest} to ${most}`, remedy);
    }
    const open = [];
    for (const [, pitchClass] of letters) {
      const least = open.length ? open.at(-1) : lowest - 5;
      open.push(least + ((((pitchClass - least) % 12) + 12) % 12));
    }
    return new Tuning(letters.map(([name]) => name).join("-"), open);
  }

  toString() {
    return this.name;
  }

  number(place) {
    return this.numStrings - place;
  }

  openPitch(string) {
    return this.open[this.numStrings - string];
  }

  /** Where a pitch lies: [string, fret], string 1 first. */
  positions(pitch) {
    if (!this.places.has(pitch)) {
      const found = [];
      for (let string = 1; string <= this.numStrings; string++) {
        const fret = FRETS.indexOf(pitch - this.openPitch(string));
        if (fret >= 0) found.push([string, fret]);
      }
      this.places.set(pitch, found);
    }
    return this.places.get(pitch);
  }

  /** The pitches that lie on some fret, ascending. */
  get playable() {
    return [...new Set(this.open.flatMap((pitch) => FRETS.map((above) => pitch + above)))].sort((a, b) => a - b);
  }

  /** Those of them that the instrument's range holds. */
  get inRange() {
    return this.playable.filter((pitch) => HAND.lowest <= pitch && pitch <= HAND.highest);
  }
}

export const DEFAULT = Tuning.parse(HAND.default_tuning);
export const tuningOf = (phrase) => (phrase.tuning ? Tuning.parse(phrase.tuning) : DEFAULT);

/**
 * What drones under a lai: {pitch, string, isStopped}: an open tonic, an open fifth, a stopped tonic; null where none.
 */
export function droneOf(lai, tuning) {
  for (const wanted of [lai.tonic, fifthOf(lai)]) {
    const place = tuning.open.findIndex((pitch) => pitch % 12 === wanted);
    if (place >= 0) return { pitch: tuning.open[place], string: tuning.number(place), isStopped: false };
  }
  for (const [place, pitch] of tuning.open.entries()) {
    const above = FRETS.find((semitones) => (pitch + semitones) % 12 === lai.tonic);
    if (above !== undefined) return { pitch: pitch + above, string: tuning.number(place), isStopped: true };
  }
  return null;
}
