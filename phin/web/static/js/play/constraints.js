// What a tune keeps to, as phin/generation/constraints.py: each says in `always` what holds at every step, and in
// `now` what hangs on what was drawn so far. Together they are as strict as each: they only ever forbid, or add to a
// logit.

import { DRAWING, FIELDS, FRETS, MOST_RECALLED, PITCH, SIZES, STEP, STEPS_PER_HONG, SYMBOLS } from "./tables.js";
import { fretsByPlace, underOneHand } from "./fingering.js";
import { FORBIDDEN, KIND, NUM_AFTER, PLACES } from "./limits.js";
import { refuse } from "./refusal.js";
import { LONGEST_STEP, NUM_SYMBOLS } from "./tokenizer.js";

const NUM_STEPS = SIZES[STEP];
const END = SYMBOLS.end;
const TOGETHER_ID = NUM_SYMBOLS; // a step of nothing
export const pitchOfId = (id) => id - NUM_SYMBOLS + FIELDS[PITCH].lowest;
const PITCH_IDS = Array.from({ length: SIZES[PITCH] - NUM_SYMBOLS }, (_, place) => place + NUM_SYMBOLS);
const ALL_KINDS = Object.values(KIND);

class Constraint {
  /** By which step the tune has its last stroke, if this says when it ends. */
  latest = null;
  /** Whether it says what a given note is; then nothing else does. */
  givesNotes = false;

  /** At which step its last stroke is to come, if this says so: what a model that counts down is told. */
  get closing() {
    return this.latest;
  }

  always() {}

  now() {}
}

/** Ends with one note at a step, and neither before nor after. */
export class Length extends Constraint {
  constructor(lastStroke) {
    super();
    this.latest = this.lastStroke = lastStroke;
  }

  now(heard, limits) {
    const arrived = heard.onset === this.lastStroke;
    const wanted = this.lastStroke - heard.onset + NUM_SYMBOLS; // the id that lands there
    for (let id = 0; id < NUM_STEPS; id++) {
      const allowed = arrived ? id === END : id >= NUM_SYMBOLS && id <= wanted;
      if (!allowed) limits.step[id] = FORBIDDEN;
    }
    if (wanted >= 0 && wanted < NUM_STEPS) limits.leads(wanted, KIND.closing);
  }
}

/** Drawn up to a note that goes on as it was given: no tune ends there, though its rows do. */
export class ComesTo extends Length {}

/** Ends near `wanted`, the likelier the later, and at `atMost` whatever happens; after a stroke beyond `after`. */
export class AboutLength extends Constraint {
  constructor(wanted, atMost, pull, after = null) {
    super();
    Object.assign(this, { wanted, atMost, pull, after, latest: atMost });
  }

  get closing() {
    return null;
  }

  now(heard, limits) {
    limits.step[END] += Math.fround(this.pull * ((heard.onset - this.wanted) / STEPS_PER_HONG));
    for (let id = NUM_SYMBOLS; id < NUM_STEPS; id++) {
      const lands = heard.onset + id - NUM_SYMBOLS;
      if (lands > this.atMost || heard.onset >= this.atMost) limits.step[id] = FORBIDDEN;
    }
    const nothingNew = this.after === null ? heard.numNotes === 0 : heard.onset <= this.after;
    if (nothingNew) limits.step[END] = FORBIDDEN;
  }
}

/** Never ends, and never falls silent, but for strokes that must be `leastSteps` apart. */
export class Endless extends Constraint {
  constructor(leastSteps) {
    super();
    this.leastSteps = leastSteps;
  }

  always(limits) {
    limits.step[END] = FORBIDDEN;
  }

  now(heard, limits) {
    const longest = Math.max(heard.until + DRAWING.most_rest - heard.onset, this.leastSteps);
    for (let step = longest + 1; step < NUM_STEPS - NUM_SYMBOLS; step++) limits.step[step + NUM_SYMBOLS] = FORBIDDEN;
  }
}

/** No pitch is struck twice at one time, and no more than a few notes. */
export class Chords extends Constraint {
  now(heard, limits) {
    if (heard.together.length >= DRAWING.most_together) limits.step[TOGETHER_ID] = FORBIDDEN;
    for (const pitch of heard.together) limits.forbidPitchOfAll(pitch, [KIND.together]);
  }
}

/** All notes lie in the lai's five pitch classes. */
export class InLai extends Constraint {
  constructor(lai) {
    super();
    this.lai = lai;
  }

  always(limits) {
    const inside = new Set(this.lai.pitch_classes);
    for (const id of PITCH_IDS) if (!inside.has(pitchOfId(id) % 12)) limits.forbidPitchOfAll(id);
  }
}

/** The last stroke has this pitch class, and is the melody's. */
export class ClosesOn extends Constraint {
  constructor(pitchClass) {
    super();
    this.pitchClass = pitchClass;
  }

  always(limits) {
    for (const id of PITCH_IDS) {
      if (pitchOfId(id) % 12 !== this.pitchClass) limits.forbidPitchOfAll(id, [KIND.closing]);
    }
    limits.forbidVoice(KIND.closing, 1);
  }
}

/**
 * Every pitch lies on a fret, and what is struck together lies under one hand, which stays at a fret if one is given.
 */
export class OnFretboard extends Constraint {
  constructor(tuning, hand = null) {
    super();
    Object.assign(this, { tuning, hand, besides: new Map() });
  }

  always(limits) {
    const possible = this.beside([]);
    for (const id of PITCH_IDS) if (!possible.has(id)) limits.forbidPitchOfAll(id);
  }

  now(heard, limits) {
    const struck = heard.together;
    if (struck.length >= this.tuning.numStrings) limits.step[TOGETHER_ID] = FORBIDDEN;
    if (!struck.length) return;
    const possible = this.beside(struck);
    for (const id of PITCH_IDS) if (!possible.has(id)) limits.forbidPitchOfAll(id, [KIND.together]);
    if (!possible.size) limits.step[TOGETHER_ID] = FORBIDDEN;
  }

  /** Which pitch ids can be struck together with these. */
  beside(struck) {
    const key = struck.join();
    if (!this.besides.has(key)) {
      const lower = [...struck].reverse().map(pitchOfId);
      this.besides.set(key, new Set(PITCH_IDS.filter((id) => this.canStrike([...lower, pitchOfId(id)]))));
    }
    return this.besides.get(key);
  }

  canStrike(pitches) {
    const frets = fretsByPlace(pitches, this.tuning);
    if (new Set(pitches).size < pitches.length || !frets.every((places) => places.length)) return false;
    return underOneHand(frets, this.hand);
  }
}

/** A melody alone, above a drone that is struck under it afterwards, on strings that the drone leaves free. */
export class OverDrone extends Constraint {
  constructor(drone, tuning) {
    super();
    Object.assign(this, { drone, tuning });
  }

  always(limits) {
    const free = this.tuning.open.filter((_, place) => this.tuning.number(place) !== this.drone.string);
    const possible = new Set(free.flatMap((pitch) => FRETS.map((above) => pitch + above)));
    for (const id of PITCH_IDS) {
      if (!possible.has(pitchOfId(id)) || pitchOfId(id) <= this.drone.pitch) limits.forbidPitchOfAll(id);
    }
    onlyMelody(limits);
  }
}

/** One note at a time. */
export class OnlyMelody extends Constraint {
  always(limits) {
    onlyMelody(limits);
  }
}

function onlyMelody(limits) {
  for (const kind of ALL_KINDS) limits.forbidVoice(kind, 1);
  limits.step[TOGETHER_ID] = FORBIDDEN;
}

/** Melody notes begin at these steps and at no others; the tune ends after the last. */
export class Rhythm extends Constraint {
  constructor(onsets) {
    super();
    const gaps = onsets.slice(1).map((onset, place) => onset - onsets[place]);
    if (!onsets.length || gaps.some((gap) => gap <= 0 || gap > LONGEST_STEP)) {
      const reason = "is no rhythm: its strokes must follow each other, and no rest may be longer than 16 quarters";
      refuse("rhythm", reason, "mend it");
    }
    Object.assign(this, { onsets, latest: onsets.at(-1) });
  }

  always(limits) {
    onlyMelody(limits);
  }

  now(heard, limits) {
    const coming = heard.numNotes === 0 ? 0 : this.onsets.filter((onset) => onset <= heard.onset).length;
    const isOver = coming === this.onsets.length;
    const wanted = isOver ? END : this.onsets[coming] - heard.onset + NUM_SYMBOLS;
    for (let id = 0; id < NUM_STEPS; id++) {
      if (id !== wanted || (!isOver && id < NUM_SYMBOLS)) limits.step[id] = FORBIDDEN;
    }
    if (coming === this.onsets.length - 1 && wanted >= NUM_SYMBOLS && wanted < NUM_STEPS) {
      limits.leads(wanted, KIND.closing);
    }
  }
}

/** Melody notes [onset, pitch] that stand fast; other notes come in the steps `free` alone, if they are given. */
export class GivenNotes extends Constraint {
  givesNotes = true;

  constructor(notes, free = null) {
    super();
    Object.assign(this, { notes, free });
  }

  now(heard, limits) {
    const onsets = this.notes.map(([onset]) => onset);
    if (this.free !== null) {
      for (let id = NUM_SYMBOLS; id < NUM_STEPS; id++) {
        const lands = heard.onset + id - NUM_SYMBOLS;
        const isFree = lands >= this.free[0] && lands < this.free[1];
        if (!isFree && !onsets.includes(lands)) limits.step[id] = FORBIDDEN;
      }
    }
    if (heard.numNotes && onsets.includes(heard.onset)) limits.step[NUM_SYMBOLS] = FORBIDDEN; // it is struck alone
    const isBefore = (onset) => (heard.numNotes === 0 ? onset < heard.onset : onset <= heard.onset);
    const coming = onsets.filter(isBefore).length;
    if (coming === onsets.length) return;
    const [onset, pitch] = this.notes[coming];
    const wanted = onset - heard.onset;
    for (let id = Math.max(wanted + 1, 0) + NUM_SYMBOLS; id < NUM_STEPS; id++) limits.step[id] = FORBIDDEN;
    limits.step[END] = FORBIDDEN;
    if (wanted > LONGEST_STEP) return;
    limits.leads(NUM_SYMBOLS + wanted, KIND.given);
    for (let id = 0; id < SIZES[PITCH]; id++) {
      if (pitchOfId(id) !== pitch) limits.forbidPitchOfAll(id, [KIND.given]);
    }
    limits.forbidVoice(KIND.given, 1);
  }
}

/** No two strokes follow each other faster than this many steps; before `fixed` steps the tune keeps its distance. */
export class MostNotes extends Constraint {
  constructor(leastSteps, fixed = []) {
    super();
    Object.assign(this, { leastSteps, fixed });
  }

  now(heard, limits) {
    const { leastSteps } = this;
    const first = heard.onset - NUM_SYMBOLS, last = first + NUM_STEPS - 1; // prettier-ignore
    const near = this.fixed.filter((at) => at >= first && at < last + leastSteps);
    for (let id = NUM_SYMBOLS; id < NUM_STEPS; id++) {
      const step = id - NUM_SYMBOLS, lands = heard.onset + step; // prettier-ignore
      const isHurried =
        (step > 0 && step < leastSteps && heard.numNotes > 0) ||
        near.some((at) => lands < at && lands > at - leastSteps);
      if (isHurried && !near.includes(lands)) limits.step[id] = FORBIDDEN;
    }
  }
}

/** Makes it dearer to go on as before: motifs, and pitches by their share in the last melody notes. */
export class Repetition extends Constraint {
  constructor(motif = 0, pitch = 0, free = 3, memory = 16) {
    super();
    Object.assign(this, { motif, pitch, free, memory });
  }

  now(heard, limits) {
    if (this.motif) this.makeMotifsDearer(heard.memory, heard.onset, limits);
    if (this.pitch) this.makePitchesDearer(heard.memory, limits);
  }

  makePitchesDearer(memory, limits) {
    const recent = memory.pitch.subarray(Math.max(memory.heard - this.memory, 0), memory.heard);
    const times = new Map();
    for (const id of recent) times.set(id, (times.get(id) ?? 0) + 1);
    for (const [id, count] of times) {
      const cost = Math.fround(Math.fround(this.pitch) * Math.fround(count / recent.length));
      for (const kind of ALL_KINDS) limits.after[kind * NUM_AFTER + PLACES.pitch + id] -= cost;
    }
  }

  makeMotifsDearer(memory, onset, limits) {
    const now = memory.pitch[Math.max(memory.heard - 1, 0)];
    const found = [];
    for (let note = 0; note < memory.heard - 1; note++) {
      const agree = memory.agree[note];
      if (agree < this.free) continue;
      const step = memory.onset[note + 1] - memory.onset[note] - (onset - memory.lastOnset);
      const pitch = now + memory.pitch[note + 1] - memory.pitch[note];
      if (step < 0 || step > LONGEST_STEP || pitch < NUM_SYMBOLS || pitch >= SIZES[PITCH]) continue;
      found.push({ step: step + NUM_SYMBOLS, pitch, cost: this.motif * (agree - this.free + 1) });
    }
    found.sort((a, b) => b.cost - a.cost);
    found.slice(0, MOST_RECALLED).forEach(({ step, pitch, cost }, place) => {
      limits.recalled[place] = step;
      limits.recalled[MOST_RECALLED + place] = pitch;
      limits.recalledCost[place] = cost;
    });
  }
}
