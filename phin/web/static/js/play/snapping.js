// A rhythm moved to where a page can write it, as phin/music/snapping.py.

import { combinations } from "./fingering.js";
import { SHARES, STEPS_PER_SLOT } from "./grid.js";
import { endOf, letRestruckStringsStop } from "./phrase.js";
import { refuse } from "./refusal.js";
import { counted } from "./words.js";

/** {phrase, changes}: each stroke on a slot, or on a half or third of one. Throws Refusal where a slot has too many. */
export function snap(phrase) {
  const movedTo = moves(phrase);
  const at = (step) => movedTo.get(step) ?? step;
  const distances = [];
  const notes = phrase.notes.map((note) => {
    const onset = at(note.onset);
    if (onset !== note.onset) distances.push(Math.abs(onset - note.onset));
    return { ...note, onset, duration: Math.max(at(endOf(note)) - onset, 1) };
  });
  const changes = [];
  if (distances.length) {
    const most = distances.length > 1 ? " at most" : "";
    const far = `${Math.max(...distances)}/${STEPS_PER_SLOT} of a slot${most}`;
    changes.push(`${counted(distances.length, "note")} moved to slots, by ${far}`);
  }
  if (phrase.deviation !== null) changes.push("its deviation from the grid is left out: a page has none");
  if (!changes.length) return { phrase, changes };
  return { phrase: { ...phrase, notes: letRestruckStringsStop(notes), deviation: null }, changes };
}

/** Where the strokes at a step go, for each step whose strokes cannot stay. */
function moves(phrase) {
  const found = new Map(), slots = new Map(); // prettier-ignore
  for (const onset of new Set(phrase.notes.map((note) => note.onset))) {
    const slot = Math.floor(onset / STEPS_PER_SLOT);
    slots.set(slot, [...(slots.get(slot) ?? []), onset - slot * STEPS_PER_SLOT]);
  }
  for (const [slot, within] of slots) {
    const places = nearestPlaces(within);
    if (places === null) {
      const where = `${phrase.title || "phrase"}, step ${slot * STEPS_PER_SLOT}`;
      refuse(where, `${within.length} strokes, one after another, lie in one slot`, "keep it as MIDI");
    }
    within.forEach((step, at) => {
      if (step !== places[at]) found.set(slot * STEPS_PER_SLOT + step, slot * STEPS_PER_SLOT + places[at]);
    });
  }
  return found;
}

function nearestPlaces(within) {
  let best = null, least = Infinity; // prettier-ignore
  for (const share of SHARES) {
    const steps = Array.from({ length: share }, (_, part) => (part * STEPS_PER_SLOT) / share);
    for (const places of combinations(steps, within.length)) {
      const moved = places.reduce((sum, place, at) => sum + Math.abs(place - within[at]), 0);
      if (moved < least) [best, least] = [places, moved];
    }
  }
  return best;
}
