// New tunes, exact in length and seeded, as phin/generation/play.py; each is drawn by itself.

import { DRAWING, FIELDS, HONG_PER_LINE, NO_CLOSING, STEP, STEPS_PER_HONG, SYMBOLS } from "./tables.js";
import { AboutLength, Chords, ComesTo, Length } from "./constraints.js";
import { drawRows } from "./draw.js";
import { labelLai, named } from "./lai.js";
import { Metre } from "./phrase.js";
import { refuse } from "./refusal.js";
import { lastStroke, numHong, streamsOf, writtenTempo } from "./request.js";
import { beginning } from "./rows.js";
import { decode, startOf } from "./tokenizer.js";
import { general, real } from "./words.js";

const { most_notes_a_hong: MOST, drawn_again: DRAWN_AGAIN, again: AGAIN, scarce: SCARCE } = DRAWING;

/**
 * Throws Refusal for a model that never learned when notes begin, and for the temperature of a field it never learned.
 */
export function refuseUnlearned({ learned, manifest }, sampler) {
  const { corpus } = manifest;
  if (!learned[STEP]) {
    const reason = `was trained on ${corpus}, where nobody wrote the rhythm down, and knows none`;
    refuse("model", reason, "train it with tunes among the others whose rhythm is written");
  }
  const drawn = FIELDS.filter((_, field) => learned[field]);
  if (sampler.temperature !== 1 && drawn.every(({ name }) => name in sampler.temperatures)) {
    const reason = "means nothing: each field that is drawn has its own in sampler.temperatures";
    refuse(`sampler.temperature=${real(sampler.temperature)}`, reason, "leave it out");
  }
  for (const [name, value] of Object.entries(sampler.temperatures)) {
    if (learned[FIELDS.findIndex((field) => field.name === name)]) continue;
    const reason = `means nothing: the model learned from ${corpus}, which says nothing of ${name}`;
    refuse(`sampler.temperatures.${name}=${real(value)}`, reason, "leave it out");
  }
}

/** The constraints, before them `Chords`, and the length where none of them says when a tune ends. */
export function ending(constraints, length) {
  const isOpen = constraints.every(({ latest }) => latest === null);
  return [...(isOpen ? [length] : []), new Chords(), ...constraints];
}

function lengthOf(request, begins) {
  const last = lastStroke(request);
  if (!request.about) return new Length(last);
  const more = STEPS_PER_HONG * Math.floor(numHong(request) / 2);
  if (begins === null) return new AboutLength(last, last + more, request.about);
  const after = begins.onset.at(-1);
  return new AboutLength(last, last + Math.floor(Math.max(last - after, 0) / 2), request.about, after);
}

/**
 * What a tune of a request begins with, as the loop takes it: {rows, bar, closing}. When its last stroke comes is told
 * as the beginning says, or else as the constraints do.
 */
export function firstRows(request, constraints, begins) {
  const { bar, closing, ...encoded } = begins ?? startOf(Metre.parse(request.metre));
  const said = constraints.find((each) => each.closing !== null)?.closing ?? NO_CLOSING;
  return { rows: beginning(encoded), bar, closing: closing === NO_CLOSING ? said : closing };
}

/**
 * Tune `number` of a plan, a function of the model and the plan alone: {phrase, leftOut, scarce}. `onRow` is told each
 * row that is drawn, and how often the tune was begun. Throws Refusal where it does not come to its end, however often it is
 * drawn.
 */
export async function play(engine, plan, number, begins, onRow) {
  const { request, seed, sampler } = plan;
  refuseUnlearned(engine, sampler);
  const streams = streamsOf(request, engine.sources);
  const keptTo = ending(plan.constraints, lengthOf(request, begins));
  const isOver = !keptTo.some((each) => each instanceof ComesTo); // else it goes on as it was given
  const latest = Math.min(...keptTo.filter((each) => each.latest !== null).map((each) => each.latest));
  const mostRows = MOST * (HONG_PER_LINE + Math.floor(latest / STEPS_PER_HONG));
  const played = begins === null ? [] : begins.ids.slice(begins.given + 1);
  for (let again = 0; again < DRAWN_AGAIN; again++) {
    const step = engine.step(sampler, streams);
    const first = firstRows(request, keptTo, begins);
    const drawn = [], scarce = []; let leftOut = 0; // prettier-ignore
    for await (const row of drawRows(engine, step, first, keptTo, seed, number + again * AGAIN, mostRows)) {
      await onRow?.(row, again);
      drawn.push(row.ids);
      if (row.ids[STEP] !== SYMBOLS.end || isOver) leftOut += leftOutOf(row.shares);
      if (row.ids[STEP] !== SYMBOLS.end) scarce.push(...scarceOf(row.shares, played.length + drawn.length));
    }
    if (drawn.at(-1)[STEP] !== SYMBOLS.end) continue;
    const phrase = tuneOf([...played, ...drawn], request);
    leftOut /= Math.max(drawn.length - 1, 1); // the end is no note
    return { phrase: { ...phrase, title: `phin ${seed}-${number + 1}` }, leftOut, scarce };
  }
  const reason = `was drawn ${DRAWN_AGAIN} times, over ${MOST} notes a hong, and did not come to its end`;
  const remedy = "bind its pace, as keep.most_notes=4, or train the model longer";
  return refuse(`seed ${seed}, tune ${number + 1}`, reason, remedy);
}

/** How much of a row's probability was left out, in bits. */
export const leftOutOf = (shares) => shares.reduce((bits, share) => bits - Math.log2(Math.max(share, TINY)), 0);

/** Where less than `SCARCE` of a field's probability was left, in words. */
export function scarceOf(shares, note) {
  return FIELDS.flatMap(({ name }, field) => {
    return shares[field] < SCARCE ? [`note ${note}: ${general(Math.max(shares[field], TINY), 2)} of its ${name}`] : [];
  });
}

const TINY = 2 ** -126; // the least that float32 holds whole: what is less likely counts as this likely

/** The phrase that rows say, as it was asked for, its last stroke ringing one hong and nothing longer. */
function tuneOf(rows, request) {
  const tune = decode(rows, Metre.parse(request.metre));
  const last = Math.max(...tune.notes.map(({ onset }) => onset));
  for (const note of tune.notes) {
    note.duration = note.onset === last ? STEPS_PER_HONG : Math.min(note.duration, last + STEPS_PER_HONG - note.onset);
  }
  return { ...named(tune, labelLai(tune)), tempo: writtenTempo(request) };
}
