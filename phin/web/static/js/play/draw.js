// The loop, as phin/generation/draw.py: what may be drawn, the step, what was drawn; until the tune has come to its
// end.

import { FIELDS, NUM_FIELDS } from "./tables.js";
import { breath } from "./breath.js";
import { Limits } from "./limits.js";
import { Noise } from "./random.js";
import { refuse } from "./refusal.js";
import { after, hear } from "./rows.js";

/** The limits of each next row of a tune that keeps to constraints. */
export class Bound {
  constructor(constraints) {
    this.others = constraints.filter((each) => !each.givesNotes);
    this.givers = constraints.filter((each) => each.givesNotes);
    this.always = new Limits();
    this.now = new Limits();
    for (const constraint of this.others) constraint.always(this.always);
    if (this.givers.length) this.always.leaveGivenNotes();
    for (const constraint of this.givers) constraint.always(this.always);
  }

  limits(heard) {
    this.now.copyFrom(this.always);
    for (const constraint of this.others) constraint.now(heard, this.now);
    if (this.givers.length) this.now.leaveGivenNotes(); // a given note is as it is given, whatever else is bound
    for (const constraint of this.givers) constraint.now(heard, this.now);
    return this.now;
  }
}

/**
 * The rows that follow a beginning, one at a time: {ids, shares, before}, before being the row before it; `shares` says
 * how much of each field's probability the constraints left. What is yielded is written anew for the next row, but for
 * the ids. Without `mostRows` rows follow for ever; random numbers are those of the rows from `firstRow` on. Throws
 * Refusal where nothing is left to draw.
 */
export async function* drawRows(engine, step, begins, constraints, seed, tune, mostRows, firstRow = 0) {
  let { rows } = begins;
  const row = { ...rows.at(-1) };
  const heard = hear(rows);
  const bound = new Bound(constraints);
  const noise = new Noise(seed, tune, engine.learned);
  const shares = new Float64Array(NUM_FIELDS);
  for (let number = 0; mostRows === null || number < mostRows; number++) {
    await breath();
    const limits = bound.limits(heard);
    const { ids, chances } = await step.draw(rows, begins, noise.ofRow(firstRow + number), limits);
    const nothing = limits.left(ids, chances, shares);
    if (nothing >= 0) {
      const where = `seed ${seed}, tune ${tune + 1}`;
      refuse(where, `no ${FIELDS[nothing].name} is left to draw`, "ask for less at once, or take another seed");
    }
    yield { ids, shares, before: row };
    rows = [after(row, ids, heard)];
    if (heard.hasEnded) return;
  }
}
