// How a phrase is played, as phin/music/perform.py: what each of its notes becomes on a string, by its technique.

import { FILES, FRETS, HAND, MELODY, STEPS_PER_HONG, TECHNIQUES, WRITING } from "./tables.js";
import { finger } from "./fingering.js";
import { DEFAULT, tuningOf } from "./fretboard.js";
import { STEPS_PER_SLOT, toTicks, wholeBars } from "./grid.js";
import { labelLai, pentatonicSet } from "./lai.js";
import { endOf } from "./phrase.js";
import { Refusal } from "./refusal.js";
import { rounded } from "./words.js";

const { style: STYLE, resolution: RESOLUTION, finest: FINEST, rings: RINGS, points_a_swing: POINTS } = WRITING;
const T = TECHNIQUES;
const COARSE = [T.plain, T.drone, T.accent];
const FINE = new Set(Object.values(T).filter((technique) => !COARSE.includes(technique))); // they need a fine clock

/**
 * What sounds: `strokes` by onset, {onset, duration, pitch, velocity, string, row} in ticks; `bends`, a curve of
 * [tick, semitones] for each row that is bent; and the ticks a quarter.
 */
export function perform(phrase) {
  const { notes, ticksPerQuarter } = inTicks(phrase);
  const { string, on } = stringsOf(phrase, notes);
  const ticksPerSecond = (ticksPerQuarter * 1e6) / (phrase.tempo || HAND.assumed_tempo);
  if (phrase.deviation === null) stagger(phrase, notes, ticksPerSecond);
  const hand = new Hand(phrase, ticksPerQuarter, ticksPerSecond, laddersOf(phrase, string, on));
  const order = notes.map((_, row) => row).sort((a, b) => notes[a].onset - notes[b].onset || a - b);
  for (const row of order) hand.play(row, string[row], notes[row]);
  const strokes = hand.strokes.sort((a, b) => a.onset - b.onset || a.row - b.row);
  for (const stroke of strokes) stroke.velocity = Math.min(Math.max(stroke.velocity, 0), 127);
  const bars = wholeBars(phrase.metre, ticksPerQuarter);
  const early = Math.floor(Math.min(0, ...strokes.map(({ onset }) => onset)) / bars) * bars;
  for (const stroke of strokes) stroke.onset -= early;
  const bends = new Map([...hand.bends].map(([row, curve]) => [row, curve.map(([tick, by]) => [tick - early, by])]));
  return { ticksPerQuarter, strokes, bends, bendRange: STYLE.bend_range };
}

/** The notes in the order of their rows, each with a length and a loudness, and the ticks a quarter. */
function inTicks(phrase) {
  const length = Math.max(0, ...phrase.notes.map(endOf)) - Math.min(0, ...phrase.notes.map(({ onset }) => onset));
  const isShort = (length + STEPS_PER_HONG ** 2) * RESOLUTION <= WRITING.most_ticks * STEPS_PER_HONG;
  let { notes, ticksPerQuarter } = toTicks(phrase, isShort ? RESOLUTION : STEPS_PER_HONG);
  let times = (tick) => tick;
  if (ticksPerQuarter > FILES.midi.most_division) {
    const from = ticksPerQuarter;
    times = (tick) => Math.floor((tick * RESOLUTION) / from);
    ticksPerQuarter = RESOLUTION;
  }
  let finer = 1;
  if (phrase.notes.some(({ technique }) => FINE.has(technique))) {
    const enough = Math.max(RESOLUTION, (phrase.tempo || HAND.assumed_tempo) / 1e6 / FINEST);
    finer = Math.ceil(enough / ticksPerQuarter);
    ticksPerQuarter *= finer;
  }
  notes = notes.map(({ onset, duration, pitch, velocity }) => ({
    ...{ onset: times(onset) * finer, duration: Math.max(times(duration) * finer, 1), pitch },
    velocity: velocity < 0 ? WRITING.assumed_velocity : velocity,
  }));
  return { notes, ticksPerQuarter };
}

/** The number of each note's string, and the tuning that they belong to, if they do. */
function stringsOf(phrase, notes) {
  const on = tried(() => tuningOf(phrase)) ?? DEFAULT;
  const found = tried(() => finger(phrase, on));
  if (!found) return { string: anyStrings(phrase, notes), on: null };
  const string = [...found.string];
  const order = notes.map((_, row) => row).sort((a, b) => string[a] - string[b] || notes[a].onset - notes[b].onset);
  const meet = order.slice(1).some((row, place) => {
    const before = order[place];
    return string[row] === string[before] && endOf(notes[before]) > notes[row].onset;
  });
  return meet ? { string: anyStrings(phrase, notes), on: null } : { string, on };
}

/** The first string that is silent, for each note; as many strings as that takes. */
function anyStrings(phrase, notes) {
  const string = [], busy = []; // prettier-ignore
  const under = (row) => Number(phrase.notes[row].voice !== MELODY);
  const order = notes.map((_, row) => row);
  order.sort((a, b) => notes[a].onset - notes[b].onset || under(a) - under(b) || notes[b].pitch - notes[a].pitch);
  for (const row of order) {
    const { onset, duration } = notes[row];
    let place = busy.findIndex((until) => until <= onset);
    if (place < 0) place = busy.length;
    busy[place] = onset + duration;
    string[row] = place + 1;
  }
  return string;
}

/** The pitches of the scale that lie on each string, ascending; all of a string's where the scale has but one there. */
function laddersOf(phrase, string, tuning) {
  const { root } = labelLai(phrase);
  const scale = root === null ? new Set(phrase.notes.map(({ pitch }) => pitch % 12)) : pentatonicSet(root);
  const ladders = new Map();
  for (const number of new Set(string)) {
    const frets = tuning ? FRETS.map((fret) => tuning.openPitch(number) + fret) : Array.from({ length: 128 }, (_, p) => p);
    const there = frets.filter((pitch) => pitch >= 0 && pitch <= 127);
    const inScale = there.filter((pitch) => scale.has(pitch % 12));
    ladders.set(number, inScale.length > 1 ? inScale : there);
  }
  return ladders;
}

/** Strums and dyads one by one, low to high, in place; each note ends when it did. */
function stagger(phrase, notes, ticksPerSecond) {
  for (const [technique, apart] of [[T.strum, STYLE.strum_stagger], [T.dyad, STYLE.dyad_spread]]) {
    const onsets = phrase.notes.filter((note) => note.technique === technique).map(({ onset }) => onset);
    for (const at of new Set(onsets)) {
      const together = notes.filter((_, row) => phrase.notes[row].onset === at);
      const isStrum = phrase.notes.some((note) => note.onset === at && note.technique === T.strum);
      if (technique === T.dyad && isStrum) continue;
      const struck = together.filter((note) => phrase.notes[notes.indexOf(note)].technique !== T.drone);
      const most = Math.min(...struck.map(({ duration }) => duration)) - 1;
      struck.forEach((note, place) => {
        const late = Math.min(place * Math.trunc(apart * ticksPerSecond), most);
        note.onset += late;
        note.duration -= late;
      });
    }
  }
}

/** Plays notes in the order of time; on each string the stroke before gives way to the next. */
class Hand {
  constructor(phrase, ticksPerQuarter, ticksPerSecond, ladders) {
    Object.assign(this, { phrase, ticksPerQuarter, ticksPerSecond, ladders });
    this.strokes = [];
    this.bends = new Map();
    this.last = new Map(); // the last two strokes on each string
    this.melody = null; // the pitch of the melody note before
  }

  play(row, string, { onset, duration, pitch, velocity }) {
    const { technique, voice } = this.phrase.notes[row];
    if (technique === T.accent) velocity += rounded(STYLE.accent);
    else if (technique === T.mute) duration = Math.min(duration, this.ticks(STYLE.mute_length));
    else if (technique === T["hammer-on"] || technique === T["pull-off"]) {
      velocity = Math.max(rounded(velocity * STYLE.legato_softness), Math.min(velocity, 1));
    } else if (technique === T.slide || technique === T.bend || technique === T.vibrato) {
      this.bends.set(row, this.curve(technique, string, onset, duration, pitch));
    }
    let played = [[onset, duration, pitch]];
    if (technique === T.tremolo || technique === T.trill) {
      played = this.repeated(technique, string, onset, duration, pitch);
    } else if (technique === T.flick) played = this.flick(string, onset, duration, pitch);
    let overlap = this.overlap(technique, string, onset, duration, pitch);
    for (const [begin, length, sounds] of played) {
      this.strike({ onset: begin, duration: length, pitch: sounds, velocity, string, row }, overlap);
      overlap = 0;
    }
    if (voice === MELODY) this.melody = pitch;
  }

  strike(stroke, overlap) {
    const before = this.last.get(stroke.string) ?? [];
    for (const other of before) other.duration = Math.min(other.duration, stroke.onset - other.onset);
    if (overlap) before.at(-1).duration = stroke.onset + overlap - before.at(-1).onset;
    this.strokes.push(stroke);
    this.last.set(stroke.string, [...before.slice(-1), stroke]);
  }

  ticks(seconds) {
    return Math.max(Math.trunc(seconds * this.ticksPerSecond), 1);
  }

  /** Ticks that the stroke before sounds into a hammer-on or pull-off; 0 where it does not. */
  overlap(technique, string, onset, duration, pitch) {
    const before = this.last.get(string)?.at(-1);
    if ((technique !== T["hammer-on"] && technique !== T["pull-off"]) || !before) return 0;
    const way = technique === T["hammer-on"] ? 1 : -1;
    const silent = (onset - before.onset - before.duration) * STEPS_PER_HONG;
    if (way * (pitch - before.pitch) <= 0 || silent > STEPS_PER_SLOT * this.ticksPerQuarter) return 0;
    return Math.min(this.ticks(STYLE.legato_overlap), Math.floor(duration / 2));
  }

  /** The note in equal parts, of a trill each second one on the neighbour. */
  repeated(technique, string, onset, duration, pitch) {
    const slots = (duration * STEPS_PER_HONG) / (STEPS_PER_SLOT * this.ticksPerQuarter);
    const seconds = duration / this.ticksPerSecond;
    let num, other = pitch; // prettier-ignore
    if (technique === T.tremolo) {
      num = Math.min(Math.max(2, Math.ceil(2 * slots), rounded(STYLE.tremolo_rate * seconds)), duration);
    } else {
      num = Math.max(3, Math.floor(rounded(STYLE.trill_rate * seconds) / 2) * 2 + 1);
      num = Math.min(num, Math.floor((duration + 1) / 2) * 2 - 1);
      [other] = this.beyond(string, pitch, 1, -1);
    }
    const edge = (part) => onset + Math.floor((part * duration) / num);
    return Array.from({ length: num }, (_, part) => [edge(part), edge(part + 1) - edge(part), part % 2 ? other : pitch]);
  }

  /** The fast notes and the note that they lead into. */
  flick(string, onset, duration, pitch) {
    const num = STYLE.flick_notes;
    const side = this.melody !== null && this.melody > pitch ? 1 : -1;
    const steps = this.beyond(string, pitch, side, -side).slice(0, num);
    const lead = [...new Array(num - steps.length).fill(pitch), ...steps.reverse()];
    const before = this.last.get(string)?.at(-1);
    let each = this.ticks(STYLE.flick_length);
    if (before) each = Math.min(each, Math.floor(Math.floor((onset - before.onset) / 2) / num));
    let start = onset - num * each;
    if (each === 0) {
      each = Math.min(this.ticks(STYLE.flick_length), Math.floor(Math.floor(duration / 2) / num));
      start = onset;
    }
    if (each === 0) return [[onset, duration, pitch]];
    const lands = start + num * each;
    return [...lead.map((step, place) => [start + place * each, each, step]), [lands, onset + duration - lands, pitch]];
  }

  /** The pitches of the scale on one side of a pitch on its string, the nearest first; on the other where there are none. */
  beyond(string, pitch, ...sides) {
    const ladder = this.ladders.get(string);
    const there = (side) => {
      const found = ladder.filter((step) => side * (step - pitch) > 0);
      return side > 0 ? found : found.reverse();
    };
    return sides.map(there).find((found) => found.length) ?? [];
  }

  curve(technique, string, onset, duration, pitch) {
    const half = Math.max(Math.floor(duration / 2), 1);
    if (technique === T.slide) {
      const before = this.last.get(string);
      let start = before ? before.at(-1).pitch : this.melody;
      if (start === null || start === pitch) [start] = this.beyond(string, pitch, -1, 1);
      const rise = Math.min(Math.max(start - pitch, -STYLE.bend_range), STYLE.bend_range);
      return [[onset, rise], [onset + Math.min(this.ticks(STYLE.slide_length), half), 0]]; // prettier-ignore
    }
    if (technique === T.bend) {
      return [[onset, 0], [onset + Math.min(this.ticks(STYLE.bend_length), half), STYLE.bend_depth]]; // prettier-ignore
    }
    const swings = Math.min(duration / this.ticksPerSecond, RINGS) * STYLE.vibrato_rate;
    return Array.from({ length: Math.trunc(swings * POINTS) + 1 }, (_, point) => {
      const phase = point / POINTS;
      const tick = onset + rounded((phase / STYLE.vibrato_rate) * this.ticksPerSecond);
      return [tick, STYLE.vibrato_depth * Math.sin(2 * Math.PI * phase)];
    });
  }
}

function tried(make) {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}
