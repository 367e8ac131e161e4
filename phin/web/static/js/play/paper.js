// From a tune as it was drawn to one that a page can hold, each change said, as phin/music/paper.py: strokes go onto
// slots, the tune moves to where each note of its melody has a letter, and on tablature it is fitted to the phin.

import { fit } from "./fitting.js";
import { DEFAULT, tuningOf } from "./fretboard.js";
import { beginOf } from "./grid.js";
import { transpose } from "./lai.js";
import { letterOf } from "./letters.js";
import { melodyOf } from "./phrase.js";
import { snap } from "./snapping.js";
import { counted } from "./words.js";

const FARTHEST = 6; // semitones that a tune moves at most to be written in letters,
const FARTHEST_FRETTED = 24; // and to be written with its frets as well

/** {phrase, changes}: the tune as a page of this ending, txt, tab or html, holds it. */
export function forPaper(phrase, ending) {
  if (!phrase.notes.length) return { phrase, changes: [] };
  if (ending === "txt") phrase = { ...phrase, notes: melodyOf(phrase) };
  const snapped = snap(phrase);
  const changes = [...snapped.changes];
  phrase = snapped.phrase;
  if (ending !== "tab") {
    const semitones = moveToLetters(phrase, ending === "html");
    if (semitones) {
      const way = semitones > 0 ? "up" : "down";
      changes.push(`every note moves ${counted(Math.abs(semitones), "semitone")} ${way}, to where it has a letter`);
      phrase = transpose(phrase, semitones);
    }
  }
  if (ending !== "txt") {
    const fitted = fit(phrase, tuningOf(phrase));
    changes.push(...inShort(fitted.changes));
    phrase = fitted.phrase;
  }
  if (!changes.length) return { phrase, changes };
  const words = [[beginOf(phrase), `(${changes.join("; ").replace(/[()]/g, "")})`], ...phrase.words];
  return { phrase: { ...phrase, words }, changes };
}

/** The smallest move that gives every melody note a letter, and every note a fret if `fretted`; 0 if none does. */
function moveToLetters(phrase, fretted) {
  const pitches = (notes) => [...new Set(notes.map(({ pitch }) => pitch))];
  const melody = pitches(melodyOf(phrase)), all = pitches(phrase.notes); // prettier-ignore
  const lettered = (move) =>
    melody.every((pitch) => pitch + move >= 0 && pitch + move <= 127 && letterOf(pitch + move));
  const onFrets = (move) => {
    const frets = new Set((move % 12 ? DEFAULT : tuningOf(phrase)).inRange);
    return all.every((pitch) => frets.has(pitch + move));
  };
  if (lettered(0)) return 0;
  for (const withFrets of fretted ? [true, false] : [false]) {
    for (let distance = 1; distance <= (withFrets ? FARTHEST_FRETTED : FARTHEST); distance++) {
      for (const move of [distance, -distance]) if (lettered(move) && (!withFrets || onFrets(move))) return move;
    }
  }
  return 0;
}

/** What fitting says: of single notes only how many things were done to them. */
function inShort(changes) {
  const single = changes.filter((change) => change.startsWith("note "));
  const others = changes.filter((change) => !change.startsWith("note "));
  return single.length ? [...others, `fitted to the phin in ${counted(single.length, "place")}`] : others;
}
