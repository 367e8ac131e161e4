// The nearest version of a phrase that a phin can play, and a line for each change, as phin/music/fitting.py. A tune
// of a page has no deviation from the grid, so none is moved here.

import { HAND } from "./tables.js";
import {
  cheapestPath, finger, fretsByPlace, numbered, Search, SILENT, underOneHand, Unplayable, when,
} from "./fingering.js"; // prettier-ignore
import { DEFAULT } from "./fretboard.js";
import { labelLai, LAI_ROOTS, named, pentatonicSet, transpose } from "./lai.js";
import { isMelody, pitchName, sorted } from "./phrase.js";
import { modulo } from "./words.js";

const HIGHEST_MIDI = 127;
const { lowest: LOWEST, highest: HIGHEST } = HAND;

/** {phrase, changes}: the phrase itself, and no changes, where it can be played. */
export function fit(phrase, tuning = DEFAULT) {
  if (canBePlayed(phrase, tuning)) return { phrase, changes: [] };
  const changes = [];
  const semitones = bestMove(phrase, tuning);
  if (semitones) changes.push(`every note moves ${Math.abs(semitones)} semitones ${semitones > 0 ? "up" : "down"}`);
  let fitted = transpose(phrase, semitones);
  if (!canBePlayed(fitted, tuning)) {
    const draft = new Draft(fitted, tuning);
    draft.putPitchesOnFrets();
    draft.mergeUnisons();
    draft.thinChords();
    draft.stopWhatRingsTooLong();
    fitted = draft.finished();
    changes.push(...draft.changes);
  }
  const lai = labelOf(phrase, fitted, semitones);
  if (lai !== phrase.lai) changes.push(`its lai is now ${lai ?? "None"}, no longer ${phrase.lai}`);
  return { phrase: { ...fitted, lai }, changes };
}

function canBePlayed(phrase, tuning) {
  if (phrase.notes.some(({ pitch }) => pitch < LOWEST || pitch > HIGHEST)) return false;
  try {
    finger(phrase, tuning);
  } catch (error) {
    if (error instanceof Unplayable) return false;
    throw error;
  }
  return true;
}

/** The move of the whole phrase, in semitones, that is made first. */
function bestMove(phrase, tuning) {
  const { root } = labelLai(phrase), { notes } = phrase; // prettier-ignore
  const inSet = root === null ? null : pentatonicSet(root);
  const melody = notes.some(isMelody) ? notes.filter(isMelody) : notes;
  const counts = melody.filter(({ pitch }) => !inSet || inSet.has(pitch % 12));
  const onFret = new Set(tuning.inRange);
  const pitches = notes.map(({ pitch }) => pitch);
  const moves = [];
  for (let move = -Math.min(...pitches); move <= HIGHEST_MIDI - Math.max(...pitches); move++) {
    const lands = (some) => some.filter(({ pitch }) => onFret.has(pitch + move)).length;
    moves.push({ move, tune: lands(counts), all: lands(notes) });
  }
  moves.sort((a, b) => b.tune - a.tune || b.all - a.all || Math.abs(a.move) - Math.abs(b.move) || b.move - a.move);
  const here = moves.find(({ move }) => move % 12 === 0);
  const elsewhere = moves.find((each) => {
    return root === null || LAI_ROOTS.includes(modulo(root + each.move, 12)) || each === here;
  });
  return (elsewhere.tune > here.tune ? elsewhere : here).move;
}

/** The lai that can be said of the fitted phrase. */
function labelOf(before, after, semitones) {
  const found = labelLai(after), was = labelLai(before); // prettier-ignore
  const unchanged = modulo(semitones, 12) === 0 && found.root === was.root && found.family === was.family;
  return unchanged || before.lai === null ? before.lai : named(after, found).lai;
}

/**
 * A phrase on its way to being playable; notes keep their places until it is finished, so that they keep their
 * numbers.
 */
class Draft {
  constructor(phrase, tuning) {
    Object.assign(this, { phrase, tuning, changes: [] });
    this.notes = phrase.notes.map((note) => ({ ...note }));
    this.kept = this.notes.map(() => true);
  }

  putPitchesOnFrets() {
    for (const [pitch, instead] of replacements(this.phrase, this.tuning)) {
      const notes = this.phrase.notes.flatMap((note, at) => (note.pitch === pitch ? [at] : []));
      for (const note of notes) this.notes[note].pitch = instead;
      const others = notes.length > 1 ? ` and ${notes.length - 1} more` : "";
      let why = `${pitchName(pitch)} is on no fret of ${this.tuning}`;
      if (pitch < LOWEST || pitch > HIGHEST) {
        why = `${pitchName(pitch)} is outside ${pitchName(LOWEST)} to ${pitchName(HIGHEST)}`;
      }
      this.changes.push(`${this.note(notes[0])}${others}: ${why}, ${pitchName(instead)} stands for it`);
    }
  }

  /** Makes one stroke of those that came to meet on one pitch: the melody's, and of the melody's the highest. */
  mergeUnisons() {
    for (const notes of this.groups()) {
      const pitches = [...new Set(notes.map((note) => this.notes[note].pitch))].sort((a, b) => a - b);
      for (const pitch of pitches) {
        const alike = notes.filter((note) => this.notes[note].pitch === pitch);
        const melody = alike.filter((note) => isMelody(this.notes[note]));
        const stays = (melody.length ? melody : alike).at(-1);
        for (const note of alike) {
          if (note !== stays) this.drop(note, `it has come to be the same as note ${stays + 1}`);
        }
      }
    }
  }

  /** Drops notes until every chord by itself can be taken by a hand: the melody note stays, then what fits. */
  thinChords() {
    for (const notes of this.groups()) {
      const pitches = notes.map((note) => this.notes[note].pitch);
      const frets = new Map(fretsByPlace(pitches, this.tuning).map((at, place) => [notes[place], at]));
      if (underOneHand([...frets.values()])) continue;
      const melody = notes.filter((note) => isMelody(this.notes[note]));
      const others = notes.filter((note) => !melody.includes(note));
      others.sort((a, b) => this.notes[a].pitch - this.notes[b].pitch || a - b);
      const chord = [];
      for (const note of [...melody.reverse(), ...others]) {
        if (underOneHand([...chord, note].map((each) => frets.get(each)))) chord.push(note);
        else this.drop(note, `the hand cannot take it together with ${numbered([...chord].sort((a, b) => a - b))}`);
      }
    }
  }

  /** Cuts short what rings on a pitch that is struck again, then what rings where a hand is needed elsewhere. */
  stopWhatRingsTooLong() {
    const places = this.notes.flatMap((_, note) => (this.kept[note] ? [note] : []));
    const byPitch = [...places].sort((a, b) => {
      return this.notes[a].pitch - this.notes[b].pitch || this.notes[a].onset - this.notes[b].onset;
    });
    byPitch.slice(1).forEach((other, at) => {
      const one = this.notes[byPitch[at]], next = this.notes[other]; // prettier-ignore
      if (one.pitch !== next.pitch) return;
      if (one.onset + one.duration > next.onset) this.silence(byPitch[at], other, "on the same pitch");
    });
    const quarter = (this.phrase.tempo || HAND.assumed_tempo) / 1e6;
    const search = new Search(places.map((note) => this.notes[note]), this.tuning, quarter, this.phrase.hand); // prettier-ignore
    const path = cheapestPath(search.run(true));
    path.slice(1).forEach(({ hold: after }, at) => {
      const { onset, notes: struck } = search.groups[at + 1];
      path[at].hold.forEach((note, place) => {
        if (note === SILENT || search.end[note] <= onset || after[place] === note) return;
        if (after[place] !== SILENT) {
          this.silence(places[note], places[after[place]], `on string ${this.tuning.number(place)}`);
        } else {
          this.silence(places[note], places[struck.at(-1)], "and its finger is needed");
        }
      });
    });
  }

  finished() {
    return { ...this.phrase, notes: sorted(this.notes.filter((_, note) => this.kept[note])) };
  }

  note(note) {
    return `note ${note + 1} (${when(this.phrase, note)})`;
  }

  /** The kept notes that are struck together, in time. */
  groups() {
    const found = new Map();
    this.notes.forEach(({ onset }, note) => {
      if (this.kept[note]) found.set(onset, [...(found.get(onset) ?? []), note]);
    });
    return [...found.values()];
  }

  drop(note, why) {
    this.kept[note] = false;
    this.changes.push(`${this.note(note)} is dropped: ${why}`);
  }

  silence(note, by, where) {
    this.notes[note].duration = this.notes[by].onset - this.notes[note].onset;
    this.changes.push(`${this.note(note)} stops where note ${by + 1} is struck ${where}`);
  }
}

/** For each pitch of a phrase that is on no fret, the one that stands for it wherever it occurs. */
function replacements(phrase, tuning) {
  const onFrets = tuning.inRange;
  const { root } = labelLai(phrase);
  const inSet = root === null ? new Set() : pentatonicSet(root);
  const written = phrase.notes.filter(isMelody).map(({ pitch }) => pitch);
  const signs = (pitches) => pitches.slice(1).map((pitch, at) => Math.sign(pitch - pitches[at]));
  const direction = signs(written);
  const replaced = new Map();
  let sung = written;
  const strange = [...new Set(phrase.notes.map(({ pitch }) => pitch))].filter((pitch) => !onFrets.includes(pitch));
  for (const pitch of strange.sort((a, b) => a - b)) {
    const nearest = [...onFrets].sort((a, b) => {
      return Math.abs(a - pitch) - Math.abs(b - pitch) || !inSet.has(a % 12) - !inSet.has(b % 12) || a - b;
    });
    const put = (other) => sung.map((each, at) => (written[at] === pitch ? other : each));
    const keepsDirection = (octave) => {
      const moved = signs(put(octave));
      return direction.every((way, at) => {
        return (written[at] !== pitch && written[at + 1] !== pitch) || moved[at] === way;
      });
    };
    const octave = nearest.filter((other) => (other - pitch) % 12 === 0).find(keepsDirection);
    replaced.set(pitch, octave ?? nearest[0]);
    sung = put(replaced.get(pitch));
  }
  return replaced;
}
