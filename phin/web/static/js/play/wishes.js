// What binds a tune, as a person asks for it, and the constraints that make it so, as phin/generation/wishes.py.

import { ACCOMPANIMENT, DRAWING, FRETS, STEPS_PER_HONG } from "./tables.js";
import {
  ClosesOn,
  InLai,
  MostNotes,
  OnFretboard,
  OnlyMelody,
  OverDrone,
  Repetition,
  pitchOfId,
} from "./constraints.js";
import { withDrone } from "./drone.js";
import { fit } from "./fitting.js";
import { DEFAULT, droneOf, Tuning } from "./fretboard.js";
import { laiNamed } from "./lai.js";
import { lastEnd, letRestruckStringsStop, melodyOf, sorted } from "./phrase.js";
import { Refusal, refuse } from "./refusal.js";
import { lastStroke, writtenTempo } from "./request.js";
import { LONGEST_STEP } from "./tokenizer.js";
import { real } from "./words.js";

const { fewest_of_lai: FEWEST_OF_LAI } = DRAWING;

const KEEP = {
  ...{ lai: false, tonic: false, melody: false, tuning: null, hand: null, drone: false, most_notes: null },
  ...{ motif: 0, pitch: 0 },
};

export class Wishes {
  /** Throws Refusal where wishes contradict each other. */
  constructor(keep) {
    Object.assign(this, KEEP, keep);
    for (const name of ["motif", "pitch"]) {
      if (this[name] >= 0 && this[name] < Infinity) continue;
      refuse(`keep.${name}=${real(this[name])}`, "is no cost", "take 0 for none, or 1 to 5");
    }
    this.refuseContradictions();
    this.strings = DEFAULT;
    if (this.tuning === null) return;
    try {
      this.strings = Tuning.parse(this.tuning);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(`keep.tuning=${this.tuning}`, error.reason, error.remedy);
    }
  }

  refuseContradictions() {
    const { melody, drone, most_notes: most, hand, tuning } = this;
    if (melody && drone) {
      const reason = "is one note at a time, and keep.drone=true strikes another under it";
      refuse("keep.melody=true", reason, "leave one of them out");
    }
    if (most !== null && !(most >= 0.1 && most <= 100)) {
      refuse(`keep.most_notes=${real(most)}`, "is no pace to play at", "take 0.1 to 100");
    }
    if (hand !== null && tuning === null) {
      refuse(`keep.hand=${hand}`, "means nothing without a tuning", "say which, as keep.tuning=E-A-E");
    }
    if (hand !== null && !(hand >= 1 && hand < FRETS.length)) {
      refuse(`keep.hand=${hand}`, "there is no such fret", `take 1 to ${FRETS.length - 1}`);
    }
  }

  /**
   * What a tune of this request keeps to; `laterStrokes` are steps at which a note must come, if others than the last.
   */
  constraints(request, laterStrokes = []) {
    if (this.tonic && request.about) {
      const about = `about=${real(request.about)}`;
      const reason = `cannot be with ${about}: which note closes the tune is known when it is drawn`;
      refuse("keep.tonic=true", reason, "leave one of them out");
    }
    const lai = this.boundLai(request);
    if (request.blend === 1 && request.lai !== null && lai === null) {
      const reason = "means nothing with blend=1, which is the other style alone, where nothing keeps to it";
      refuse(`lai=${request.lai}`, reason, "leave it out, or take keep.lai=true");
    }
    const found = [];
    if (this.lai && lai) found.push(new InLai(lai));
    if (this.tonic && lai) found.push(new ClosesOn(lai.tonic));
    if (this.melody) found.push(new OnlyMelody());
    if (this.tuning !== null) found.push(new OnFretboard(this.strings, this.hand));
    if (this.drone && lai) found.push(new OverDrone(this.droneUnder(lai), this.strings));
    if (this.most_notes !== null) {
      const closing = request.about || laterStrokes.length ? [] : [lastStroke(request)];
      found.push(new MostNotes(this.leastSteps(request), [...laterStrokes, ...closing]));
    }
    if (this.motif || this.pitch) found.push(new Repetition(this.motif, this.pitch));
    if (lai && this.tuning !== null && (this.lai || this.tonic)) this.refuseFarLai(lai);
    return found;
  }

  /** A tune that was drawn, its strings free for what is struck next, over its drone: {phrase, changes}. */
  finished(phrase, request) {
    if (this.tuning === null && !this.drone) return { phrase, changes: [] };
    const lai = this.boundLai(request);
    phrase = { ...phrase, tuning: this.strings.name, hand: this.hand };
    if (this.drone && lai) {
      phrase = atPace(withDrone({ ...phrase, drone: [this.droneUnder(lai).pitch] }), this.leastSteps(request));
    }
    return fit(phrase, this.strings);
  }

  /** How many of these pitches the hand does not reach where it stays. */
  outOfHand(pitches) {
    if (this.hand === null) return 0;
    const reached = this.underHand;
    return pitches.filter((pitch) => !reached.has(pitch)).length;
  }

  /** From one stroke to the next, at the tempo of the request. */
  leastSteps(request) {
    if (this.most_notes === null) return 1;
    const stepsASecond = STEPS_PER_HONG / (writtenTempo(request) / 1e6);
    return Math.max(Math.ceil(Number((stepsASecond / this.most_notes).toFixed(4))), 1);
  }

  /** The lai that is asked for, if it binds. */
  boundLai(request) {
    const lai = laiNamed(request.lai);
    const wants = ["lai", "tonic", "drone"].filter((name) => this[name]);
    if (wants.length && !lai) refuse(`keep.${wants[0]}=true`, "means nothing without a lai", "say which, as lai=yai");
    return wants.length ? lai : null;
  }

  droneUnder(lai) {
    const held = droneOf(lai, this.strings);
    if (held === null || held.isStopped) {
      const reason = `no open string of ${this.strings} has the tonic or the fifth of lai ${lai.name}`;
      refuse("keep.drone=true", reason, "take another keep.tuning, or no drone");
    }
    return held;
  }

  refuseFarLai(lai) {
    const frets = new Set(this.strings.inRange.map((pitch) => pitch % 12));
    const missing = lai.pitch_classes.filter((each) => !frets.has(each)).length;
    if (missing) {
      const reason = `lai ${lai.name} has ${missing} of its five notes on no fret of it`;
      refuse(`keep.tuning=${this.tuning}`, reason, "take another tuning, or another lai");
    }
    if (this.hand === null) return;
    const underHand = new Set([...this.underHand].map((pitch) => pitch % 12));
    const reached = lai.pitch_classes.filter((each) => underHand.has(each));
    const where = `keep.hand=${this.hand}`, remedy = "take another fret, or let the hand move"; // prettier-ignore
    if (this.lai && reached.length < FEWEST_OF_LAI) {
      refuse(where, `of lai ${lai.name} ${reached.length} of five notes lie under it`, remedy);
    }
    if (this.tonic && !reached.includes(lai.tonic)) {
      refuse(where, `the tonic of lai ${lai.name} does not lie under it`, remedy);
    }
  }

  /** The pitches that the hand reaches where it stays. */
  get underHand() {
    return new Set([...new OnFretboard(this.strings, this.hand).beside([])].map(pitchOfId));
  }
}

/**
 * The phrase with the strokes of its drone so many steps at least from others: what is nearer is struck with the
 * melody.
 */
function atPace(phrase, leastSteps) {
  const drone = phrase.notes.filter((note) => note.voice === ACCOMPANIMENT);
  if (leastSteps === 1 || !drone.length) return phrase;
  const melody = [...new Set(melodyOf(phrase).map(({ onset }) => onset))];
  const onsets = [];
  const taken = new Set(melodyOf(phrase).filter(({ pitch }) => pitch === drone[0].pitch).map(({ onset }) => onset)); // prettier-ignore
  for (const { onset } of drone) {
    const near = melody.reduce((best, each) => (Math.abs(each - onset) < Math.abs(best - onset) ? each : best));
    const at = Math.abs(near - onset) < leastSteps ? near : onset;
    const isApart = !onsets.length || (at === near ? at !== onsets.at(-1) : at - onsets.at(-1) >= leastSteps);
    if (isApart && !taken.has(at)) onsets.push(at);
  }
  const stops = [...onsets.slice(1), lastEnd(phrase.notes)];
  const struck = onsets.map((onset, at) => ({
    ...drone[0],
    onset,
    duration: Math.min(stops[at] - onset, LONGEST_STEP),
  }));
  return { ...phrase, notes: letRestruckStringsStop(sorted([...melodyOf(phrase), ...struck])) };
}
