// A tune note by note, as phin/generation/stream.py: without end it is drawn from its first verse and its latest ones.

import { DURATION, PITCH, STEP, SYMBOLS, TECHNIQUE, UNKNOWN, VELOCITY, VOICE } from "./tables.js";
import { Endless, MostNotes } from "./constraints.js";
import { drawRows } from "./draw.js";
import { labelLai, named } from "./lai.js";
import { letRestruckStringsStop, letRing, Metre, phraseOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { REQUEST, shown, streamsOf, writtenTempo } from "./request.js";
import { ending, firstRows, leftOutOf, refuseUnlearned, scarceOf } from "./play.js";
import { NUM_SYMBOLS, startOf, valueOf } from "./tokenizer.js";
import { goneOn, isFull, latest, verseOf } from "./verses.js";

/** The note of a row that was drawn after another; null for the end of the tune. */
export function drawnNote({ ids, before }) {
  if (ids[STEP] === SYMBOLS.end) return null;
  return {
    onset: before.onset + ids[STEP] - NUM_SYMBOLS,
    duration: valueOf(ids[DURATION], DURATION),
    pitch: valueOf(ids[PITCH], PITCH),
    velocity: valueOf(ids[VELOCITY], VELOCITY),
    technique: valueOf(ids[TECHNIQUE], TECHNIQUE),
    voice: valueOf(ids[VOICE], VOICE),
  };
}

/** The notes of tune 0 of a plan without end, each as soon as it is drawn. */
export async function* stream(engine, plan, begins) {
  const { request, seed, sampler } = plan;
  refuseUnlearned(engine, sampler);
  const streams = streamsOf(request, engine.sources);
  const keptTo = ending(plan.constraints, new Endless(leastSteps(plan.constraints)));
  let heard = begins ?? startOf(Metre.parse(request.metre));
  let moved = 0, numDrawn = 0, number = heard.ids.length - 1; // prettier-ignore
  const verse = verseOf(heard.bar);
  for (;;) {
    const [those, by] = latest(heard, verse), drawn = []; // prettier-ignore
    moved += by;
    const step = engine.step(sampler, streams);
    for await (const row of drawRows(engine, step, firstRows(request, keptTo, those), keptTo, seed, 0, null, numDrawn)) {
      const { ids, shares } = row, note = drawnNote(row), isLast = isFull(note.onset, verse); // prettier-ignore
      drawn.push(ids);
      yield { ...note, onset: note.onset + moved, scarce: scarceOf(shares, ++number), leftOut: leftOutOf(shares) };
      if (isLast) break;
    }
    heard = goneOn(those, drawn);
    numDrawn += drawn.length;
  }
}

/** Throws Refusal where a tune without end is asked to be so long. */
export function refuseLength(request, remedy) {
  for (const name of ["lines", "hong", "about"]) {
    if (request[name] === REQUEST[name]) continue;
    refuse(shown(name, request[name]), "means nothing for a tune without end", remedy);
  }
}

/** What was streamed of a request, as a phrase, after the one that it `begins` with, if it does. */
export function tuneOf(notes, request, seed, begins = null) {
  const inferred = new Set(begins?.inferred);
  if (notes.some(({ duration }) => duration === UNKNOWN)) inferred.add("duration");
  const rung = letRestruckStringsStop(letRing(sorted([...(begins?.notes ?? []), ...notes])));
  const phrase = phraseOf(rung, { metre: Metre.parse(request.metre), inferred });
  return { ...named(phrase, labelLai(phrase)), tempo: writtenTempo(request), title: `phin ${seed}-1` };
}

/** Throws Refusal where something is wished of a tune without end that only one with an end can have. */
export function refuseWaitingForAnEnd(keep, remedy) {
  if (keep.tonic) refuse("keep.tonic=true", "means nothing for a tune without end", remedy);
  if (!keep.drone) return;
  refuse("keep.drone=true", "cannot be struck under a tune that is not over", `play the drone beside it, or ${remedy}`);
}

const leastSteps = (constraints) => Math.max(0, ...constraints.map((each) => each.leastSteps ?? 0));

/** What a tune without end keeps to: of a pace, nothing that waits for its last stroke. */
export const withoutEnd = (constraints) =>
  constraints.map((each) => (each instanceof MostNotes ? new MostNotes(each.leastSteps) : each));
