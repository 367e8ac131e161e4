// The drone, as phin/music/drone.py: which note sounds under a tune, and when it is struck.

import { ACCOMPANIMENT, HAND, STEPS_PER_HONG, TECHNIQUES } from "./tables.js";
import { droneOf, tuningOf } from "./fretboard.js";
import { laiNamed } from "./lai.js";
import { endOf, isMelody, lastEnd, phraseOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";

/** The phrase with its drone struck under it, a stroke a hong with its slot 4, where the melody has not its pitch. */
export function withDrone(phrase) {
  if (!phrase.notes.length) return phrase;
  const where = phrase.title || "phrase";
  if (!phrase.notes.every(isMelody)) {
    refuse(where, "already has a drone or chords under its melody", "leave the drone out");
  }
  const lai = laiNamed(phrase.lai);
  const ofLai = lai && droneOf(lai, tuningOf(phrase));
  const drone = phrase.drone.length ? phrase.drone : ofLai ? [ofLai.pitch] : [];
  if (!drone.length) {
    const remedy = "write `drone:` and its letters, or `lai:` and its name, on a line of its own above the notes";
    refuse(where, "nothing says what its drone is", remedy);
  }
  const first = phrase.notes[0].onset, end = lastEnd(phrase.notes), every = STEPS_PER_HONG; // prettier-ignore
  const struck = drone.flatMap((pitch) => {
    const taken = phrase.notes.filter((note) => note.pitch === pitch);
    const found = [];
    for (let onset = Math.ceil(first / every) * every; onset < end; onset += every) {
      if (taken.some((note) => note.onset <= onset && onset < endOf(note))) continue;
      const stops = taken.map((note) => note.onset).filter((start) => onset < start && start < onset + every);
      const duration = Math.min(onset + every, ...stops) - onset;
      const played = { technique: TECHNIQUES.drone, velocity: HAND.drone_loudness, voice: ACCOMPANIMENT };
      found.push({ onset: onset + 0, duration, pitch, ...played });
    }
    return found;
  });
  return phraseOf(sorted([...phrase.notes, ...struck]), { ...phrase, drone, deviation: null });
}
