// The hand, as phin/music/fingering.py: on which string and fret each note is played, by Viterbi's algorithm over the
// notes struck together; a state is which note each string holds (its place among the notes, SILENT where none) and
// where the index finger lies. Costs are added in the order in which Python adds them, so that of two ways as good
// both take one.

import { ACCOMPANIMENT, FRET_DISTANCES, HAND, MELODY, STEPS_PER_HONG } from "./tables.js";
import { DEFAULT } from "./fretboard.js";
import { pageBegins, STEPS_PER_SLOT } from "./grid.js";
import { endOf, pitchName } from "./phrase.js";
import { Refusal } from "./refusal.js";

export const SILENT = -1;
const ROUNDING = 1e-9;
const COSTS = HAND.costs;
const NUM_FRETS = FRET_DISTANCES.length;
const NUM_HANDS = NUM_FRETS - 1;
const SPAN = FRET_DISTANCES[4] - FRET_DISTANCES[1];
const AT = FRET_DISTANCES.slice(1);

const away = (fret, hand) => FRET_DISTANCES[fret] - AT[hand];
const isReached = (fret, hand) => fret === 0 || (away(fret, hand) > -ROUNDING && away(fret, hand) < SPAN + ROUNDING);
const byFret = (made) => FRET_DISTANCES.map((_, fret) => AT.map((_, hand) => made(fret, hand)));
const IMPOSSIBLE = byFret((fret, hand) => (isReached(fret, hand) ? 0 : Infinity));
const LENGTH = byFret((fret, hand) => (fret && isReached(fret, hand) ? away(fret, hand) : 0));

/** Whether a hand with its index finger at one fret reaches another, or need not (an open string). */
export const reaches = (hand, fret) => isReached(fret, hand - 1);

/** A phrase that no hand can finger in this tuning. */
export class Unplayable extends Refusal {}

/**
 * For each pitch the fret on each string that has it, by the string's place: [[place, fret], …], the highest string
 * first.
 */
export const fretsByPlace = (pitches, tuning) =>
  pitches.map((pitch) => tuning.positions(pitch).map(([string, fret]) => [tuning.numStrings - string, fret]));

/** Every way to put notes struck together on a string each: places of strings, in the order of the notes. */
function waysOf(frets) {
  let ways = [[]];
  for (const places of frets) {
    ways = ways.flatMap((way) => places.filter(([place]) => !way.includes(place)).map(([place]) => [...way, place]));
  }
  return ways;
}

/** Whether notes struck together can be fingered if nothing else rings; with the index finger at a fret, if it is given. */
export function underOneHand(frets, hand = null) {
  if (hand !== null) frets = frets.map((places) => places.filter(([, fret]) => reaches(hand, fret)));
  return waysOf(frets).some((way) => {
    const stopped = way.map((place, note) => frets[note].find(([at]) => at === place)[1]).filter(Boolean);
    return !stopped.length || stretchOf(stopped) < SPAN + ROUNDING;
  });
}

const stretchOf = (stopped) => FRET_DISTANCES[Math.max(...stopped)] - FRET_DISTANCES[Math.min(...stopped)];

/** The cheapest fingering of a phrase: {string, fret}, by note. Throws Unplayable. */
export function finger(phrase, tuning = DEFAULT) {
  const { notes } = phrase;
  notes.forEach(({ pitch }, note) => {
    if (!tuning.positions(pitch).length)
      throw unplayable(phrase, [note], `${pitchName(pitch)} is on no fret of ${tuning}`);
  });
  const search = new Search(notes, tuning, (phrase.tempo || HAND.assumed_tempo) / 1e6, phrase.hand);
  const layers = search.run();
  if (layers.length < search.groups.length) {
    const stuck = search.groups[layers.length].notes;
    throw unplayable(phrase, stuck, whyStuck(phrase, tuning, stuck));
  }
  const string = new Array(notes.length), fret = new Array(notes.length); // prettier-ignore
  cheapestPath(layers).forEach(({ hold }, group) => {
    for (const note of search.groups[group].notes) {
      const place = hold.indexOf(note);
      string[note] = tuning.number(place);
      fret[note] = search.fretOf(note, place);
    }
  });
  return { string, fret };
}

export class Search {
  /**
   * `notes` are sorted and lie on frets, and no pitch sounds twice at once; a `quarter` is in seconds; `stays` is the fret
   * at which the index finger was asked to stay, or null.
   */
  constructor(notes, tuning, quarter, stays = null) {
    Object.assign(this, { notes, quarter, numStrings: tuning.numStrings });
    this.elsewhere = new Float64Array(NUM_HANDS); // what it costs the hand to be there
    this.end = notes.map(endOf);
    this.frets = fretsByPlace(notes.map(({ pitch }) => pitch), tuning); // prettier-ignore
    this.groups = [];
    notes.forEach(({ onset }, note) => {
      if (this.groups.at(-1)?.onset !== onset) this.groups.push({ onset, notes: [] });
      this.groups.at(-1).notes.push(note);
    });
    this.stays = stays;
    if (stays !== null) this.elsewhere.fill(HAND.elsewhere)[stays - 1] = 0;
  }

  fretOf(note, place) {
    return this.frets[note].find(([at]) => at === place)[1];
  }

  /**
   * A layer for each group, as far as the phrase can be played; with `maySilence` what rings is silenced if need be.
   */
  run(maySilence = false) {
    if (maySilence && this.strikesAll()) this.elsewhere.fill(Infinity)[this.stays - 1] = 0;
    const layers = [];
    const nowhere = new Int32Array(NUM_HANDS);
    let arrivals = [
      { hold: new Array(this.numStrings).fill(SILENT), cost: this.elsewhere, fromHold: nowhere, fromHand: nowhere },
    ];
    for (const [group, { onset, notes }] of this.groups.entries()) {
      if (group) arrivals = this.arrive(layers.at(-1), onset, onset - this.groups[group - 1].onset);
      const ways = waysOf(notes.map((note) => this.frets[note]));
      let states = this.strike(arrivals, notes, ways);
      if (!states.length && maySilence) {
        for (const some of this.silenced(arrivals)) {
          states = this.strike(some, notes, ways);
          if (states.length) break;
        }
      }
      if (!states.length) break;
      layers.push(states);
    }
    return layers;
  }

  /** Whether the hand was asked to stay at a fret from which it can strike each group, if nothing else rings. */
  strikesAll() {
    if (this.stays === null) return false;
    return this.groups.every(({ notes }) => underOneHand(notes.map((note) => this.frets[note]), this.stays)); // prettier-ignore
  }

  /** The cheapest way to each place of the hand at `onset`, for each set of notes that still rings there. */
  arrive(before, onset, steps) {
    const seconds = (steps * this.quarter) / STEPS_PER_HONG;
    const move = AT.map((from) => {
      return AT.map((to) => (COSTS.hurry * Math.abs(from - to)) / seconds + COSTS.shift * (Math.abs(from - to) > 0));
    });
    const alike = new Map();
    before.forEach(({ hold }, index) => {
      const ringing = hold.map((note) => (note !== SILENT && this.end[note] > onset ? note : SILENT));
      const key = ringing.join();
      if (!alike.has(key)) alike.set(key, { ringing, indices: [] });
      alike.get(key).indices.push(index);
    });
    return [...alike.values()].map(({ ringing, indices }) => {
      const least = new Float64Array(NUM_HANDS).fill(Infinity), whose = new Int32Array(NUM_HANDS); // prettier-ignore
      for (let hand = 0; hand < NUM_HANDS; hand++) {
        whose[hand] = indices[0];
        for (const index of indices) {
          if (before[index].cost[hand] < least[hand]) {
            least[hand] = before[index].cost[hand];
            whose[hand] = index;
          }
        }
      }
      const cost = new Float64Array(NUM_HANDS), fromHand = new Int32Array(NUM_HANDS); // prettier-ignore
      const fromHold = new Int32Array(NUM_HANDS);
      for (let to = 0; to < NUM_HANDS; to++) {
        let best = 0;
        for (let from = 1; from < NUM_HANDS; from++) {
          if (least[from] + move[from][to] < least[best] + move[best][to]) best = from;
        }
        cost[to] = least[best] + move[best][to] + this.elsewhere[to];
        fromHand[to] = best;
        fromHold[to] = whose[best];
      }
      return { hold: ringing, cost, fromHold, fromHand };
    });
  }

  /** Every state in which these notes have just been struck, each in one of the ways, on strings that are free. */
  strike(arrivals, notes, ways) {
    const states = [];
    for (const { hold: ringing, cost: arrived, fromHold, fromHand } of arrivals) {
      for (const way of ways) {
        if (way.some((place) => ringing[place] !== SILENT)) continue;
        const hold = [...ringing], cost = Float64Array.from(arrived); // prettier-ignore
        notes.forEach((note, at) => {
          hold[way[at]] = note;
          this.addEffort(cost, note, way[at]);
        });
        ringing.forEach((note, place) => {
          if (note === SILENT) return;
          const away = IMPOSSIBLE[this.fretOf(note, place)];
          for (let hand = 0; hand < NUM_HANDS; hand++) cost[hand] += away[hand];
        });
        if (!cost.some(Number.isFinite)) continue;
        const stretch = this.stretch(hold);
        for (let hand = 0; hand < NUM_HANDS; hand++) cost[hand] += stretch;
        states.push({ hold, cost, fromHold, fromHand });
      }
    }
    return states;
  }

  /** Adds what it costs to finger a note on the string at `place`, by where the hand lies. */
  addEffort(cost, note, place) {
    const fret = this.fretOf(note, place), isStopped = fret > 0, above = this.numStrings - 1 - place; // prettier-ignore
    const forVoice =
      this.notes[note].voice === ACCOMPANIMENT
        ? COSTS.high_drone * place + COSTS.stopped_drone * isStopped
        : COSTS.low_melody * above + COSTS.dull * above * FRET_DISTANCES[fret];
    for (let hand = 0; hand < NUM_HANDS; hand++) {
      cost[hand] += COSTS.reach * LENGTH[fret][hand] + IMPOSSIBLE[fret][hand] + COSTS.stop * isStopped + forVoice;
    }
  }

  stretch(hold) {
    const stopped = hold.map((note, place) => (note === SILENT ? 0 : this.fretOf(note, place))).filter(Boolean);
    return stopped.length ? COSTS.stretch * stretchOf(stopped) : 0;
  }

  /**
   * The same arrivals with some of what rings silenced: lists of equal loss, the least first; melody counts for two.
   */
  *silenced(arrivals) {
    const byLoss = new Map();
    for (const arrival of arrivals) {
      let lefts = [[]];
      for (const note of arrival.hold) {
        const choices = note === SILENT ? [SILENT] : [note, SILENT];
        lefts = lefts.flatMap((left) => choices.map((choice) => [...left, choice]));
      }
      for (const left of lefts) {
        const gone = arrival.hold.filter((note) => note !== SILENT && !left.includes(note));
        const loss = gone.reduce((sum, note) => sum + (this.notes[note].voice === MELODY ? 2 : 1), 0);
        if (!byLoss.has(loss)) byLoss.set(loss, []);
        byLoss.get(loss).push({ ...arrival, hold: left });
      }
    }
    for (const loss of [...byLoss.keys()].sort((a, b) => a - b)) yield byLoss.get(loss);
  }
}

/** The hold and the place of the hand at each layer of the cheapest way through all. */
export function cheapestPath(layers) {
  const path = [];
  if (!layers.length) return path;
  let index = 0, hand = 0; // prettier-ignore
  layers.at(-1).forEach(({ cost }, at) => {
    cost.forEach((each, place) => {
      if (each < layers.at(-1)[index].cost[hand]) [index, hand] = [at, place];
    });
  });
  for (const states of [...layers].reverse()) {
    const { hold, fromHold, fromHand } = states[index];
    path.push({ hold, hand });
    [index, hand] = [fromHold[hand], fromHand[hand]];
  }
  return path.reverse();
}

/** When a note is struck, in words: hong and slot. */
export function when(phrase, note) {
  const step = phrase.notes[note].onset, from = step - pageBegins(phrase.metre); // prettier-ignore
  const hong = Math.floor(from / STEPS_PER_HONG);
  if (hong < 0) return `step ${step}`;
  const within = from - hong * STEPS_PER_HONG;
  const late = within % STEPS_PER_SLOT ? "after " : "";
  return `hong ${hong + 1}, ${late}slot ${Math.floor(within / STEPS_PER_SLOT) + 1}`;
}

/** Notes as a person counts them: "notes 1, 2 and 5". */
export function numbered(notes) {
  const all = notes.map((note) => note + 1);
  return all.length > 1 ? `notes ${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : `note ${all[0]}`;
}

function unplayable(phrase, notes, reason) {
  const where = `${phrase.title || "phrase"}, ${numbered(notes)} (${when(phrase, notes[0])})`;
  return new Unplayable(where, reason, "take the nearest that can be played (phin-convert --fit)");
}

function whyStuck(phrase, tuning, notes) {
  const frets = fretsByPlace(notes.map((note) => phrase.notes[note].pitch), tuning); // prettier-ignore
  let most = Math.min(notes.length, tuning.numStrings);
  while (!combinations(frets, most).some((some) => waysOf(some).length)) most--;
  if (most < notes.length) {
    const strings = `and only ${most} of them can have a string of ${tuning} each`;
    return `${notes.length} notes are struck together, ${strings}`;
  }
  if (!underOneHand(frets)) {
    const names = notes.map((note) => pitchName(phrase.notes[note].pitch)).join(" and ");
    return `${names} are struck together, and lie further apart on ${tuning} than a hand reaches`;
  }
  const { onset } = phrase.notes[notes[0]];
  const ringing = phrase.notes.flatMap((note, at) => (note.onset < onset && endOf(note) > onset ? [at] : []));
  const rings = ringing.length === 1 ? "rings" : "ring";
  return `${numbered(ringing)} still ${rings}, and no string of ${tuning} that the hand can reach is left`;
}

/** Every choice of so many of some things, in their order. */
export function combinations(things, size) {
  if (!size) return [[]];
  return things.flatMap((thing, at) => combinations(things.slice(at + 1), size - 1).map((rest) => [thing, ...rest]));
}
