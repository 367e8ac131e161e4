// A tune note by note, as phin/generation/stream.py: every step sees a window of rows, and motifs are recalled from as
// many notes, so a note takes the same time and memory at the end as at the beginning.

import { DRAWING, DURATION, PITCH, STEP, SYMBOLS, TECHNIQUE, UNKNOWN, VELOCITY, VOICE } from "./tables.js";
import { Endless, MostNotes } from "./constraints.js";
import { drawRows } from "./draw.js";
import { labelLai, named } from "./lai.js";
import { letRestruckStringsStop, letRing, Metre, phraseOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { REQUEST, shown, streamsOf, writtenTempo } from "./request.js";
import { ending, firstRows, leftOutOf, refuseUnlearned, scarceOf } from "./play.js";
import { NUM_SYMBOLS, valueOf } from "./tokenizer.js";

const { window: WINDOW } = DRAWING;

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
  const keptTo = ending(plan.constraints, new Endless());
  const step = engine.step(sampler, streams, WINDOW);
  const rows = drawRows(engine, step, firstRows(request, keptTo, begins), keptTo, seed, 0, null, WINDOW);
  let number = begins === null ? 0 : begins.ids.length - 1;
  for await (const row of rows) {
    const { shares } = row;
    yield { ...drawnNote(row), scarce: scarceOf(shares, ++number), leftOut: leftOutOf(shares) };
  }
}

/** Throws Refusal where a tune without end is to go on from more notes than it is drawn from. */
export function refuseMoreThanIsHeard(notes) {
  if (notes <= WINDOW) return;
  const reason = `has ${notes} notes, and what goes on from it is drawn from ${WINDOW}`;
  refuse("the given tune", reason, "give its last lines alone");
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

/** What a tune without end keeps to: of a pace, nothing that waits for its last stroke. */
export const withoutEnd = (constraints) =>
  constraints.map((each) => (each instanceof MostNotes ? new MostNotes(each.leastSteps) : each));
