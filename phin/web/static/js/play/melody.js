// Which notes of a performance are the melody, as phin/music/melody.py, where it stands what is looked at and why. Notes
// are {onset, duration, pitch, part}, sorted by onset and pitch; parts {name, program}.

import { ACCOMPANIMENT, FILES, HAND, MELODY } from "./tables.js";
import { endOf } from "./phrase.js";
import { numBelow } from "./sorted_numbers.js";

const { low_drone: LOW_DRONE, high_drone: HIGH_DRONE, held: HELD, chordal: CHORDAL } = FILES.melody;
const { taking_turns: TAKING_TURNS } = FILES.melody;
const MELODY_NAMES = new RegExp(FILES.melody.its_names, "iu");
const OTHER_NAMES = new RegExp(FILES.melody.other_names, "iu");
const NUMBER = new RegExp(FILES.melody.number, "u");

/** The voice of each note. */
export function findMelody(notes, parts) {
  const named = parts.map(({ name, program }) => ({ name: name.replace(NUMBER, ""), program }));
  const first = instruments(named);
  const played = notes.map((note) => ({ ...note, part: first[note.part] }));
  const chosen = chosenPart(played, named);
  const within = played.flatMap((note, row) => (chosen(note) ? [row] : []));
  const isLine = line(within.map((row) => played[row]));
  const voice = notes.map(() => ACCOMPANIMENT);
  within.forEach((row, place) => isLine[place] && (voice[row] = MELODY));
  return voice;
}

/** Of each part the first that is of the same instrument; one without a name is an instrument alone. */
function instruments(parts) {
  const isSame = (one, other) => one.name === other.name && one.program === other.program;
  return parts.map((part, number) => (part.name ? parts.findIndex((other) => isSame(part, other)) : number));
}

const share = (flags) => flags.filter(Boolean).length / flags.length;
const numOf = (values) => new Set(values).size;

/** Whether a note is of the part that is the melody; all are where the parts take turns at one line. */
function chosenPart(notes, parts) {
  const numbers = [...new Set(notes.map(({ part }) => part))].sort((a, b) => a - b);
  const isNamed = numbers.some((part) => MELODY_NAMES.test(parts[part].name) || OTHER_NAMES.test(parts[part].name));
  if (numbers.length === 1 || (!isNamed && takeTurns(notes))) return () => true;
  const of = numbers.map((number) => notes.filter(({ part }) => part === number));
  const means = of.map((own) => own.reduce((sum, { pitch }) => sum + pitch, 0) / own.length);
  const most = Math.max(...of.map((own) => own.length)), lowest = Math.min(...means); // prettier-ignore
  const scores = of.map((own, place) => evidence(own, parts[numbers[place]], means[place] - lowest, most));
  const best = numbers[scores.indexOf(Math.max(...scores))];
  return ({ part }) => part === best;
}

/** Whether the parts seldom strike together, and the line often goes from one to the other. */
function takeTurns(notes) {
  const after = notes.slice(1);
  const changes = after.map(({ part }, place) => part !== notes[place].part);
  const together = after.map(({ onset }, place) => changes[place] && onset === notes[place].onset);
  return share(together) < CHORDAL && share(changes) >= TAKING_TURNS && !held(notes).some(Boolean);
}

/** How much speaks for a part's being the melody; `height` in semitones above the lowest, `most` notes in one. */
function evidence(notes, { name }, height, most) {
  const alone = numOf(notes.map(({ onset }) => onset)) / notes.length;
  const moves = notes.length > 1 ? share(notes.slice(1).map(({ pitch }, at) => pitch !== notes[at].pitch)) : 0;
  const varied = Math.min(numOf(notes.map(({ pitch }) => pitch)) / 5, 1);
  const inReach = share(notes.map(({ pitch }) => pitch >= HAND.lowest && pitch <= HAND.highest));
  const plays = Math.min(notes.length / most / 0.3, 1);
  const called = 10 * (Number(MELODY_NAMES.test(name)) - Number(OTHER_NAMES.test(name)));
  return called + 2 * moves * varied + alone + inReach + plays + Math.min(height / 12, 1);
}

/** Which notes of one part are its line. */
function line(notes) {
  if (!overlap(notes)) return notes.map(() => true);
  const drones = drone(notes);
  const others = notes.flatMap((_, row) => (drones[row] ? [] : [row]));
  const isLine = drones.map((isDrone) => !isDrone);
  const tune = others.map((row) => notes[row]);
  const isTop = tune.map(({ onset }, place) => onset !== tune[place + 1]?.onset);
  if (share(isTop.map((is) => !is)) > CHORDAL) {
    skyline(tune).forEach((isHighest, place) => (isLine[others[place]] = isHighest));
    return isLine;
  }
  const tops = others.filter((_, place) => isTop[place]);
  others.forEach((row) => (isLine[row] = false));
  underHeldNotes(tops.map((row) => notes[row])).forEach((isUnder, place) => (isLine[tops[place]] = !isUnder));
  return isLine;
}

/** Whether each note is the highest that sounds. */
function skyline(notes) {
  const isHighest = notes.map(() => false), ringing = []; // prettier-ignore
  const order = notes.map((_, row) => row);
  order.sort((a, b) => notes[a].onset - notes[b].onset || notes[b].pitch - notes[a].pitch);
  for (const row of order) {
    while (ringing.length && endOf(ringing.at(-1)) <= notes[row].onset) ringing.pop();
    if (ringing.length && notes[row].pitch <= ringing.at(-1).pitch) continue;
    ringing.push(notes[row]);
    isHighest[row] = true;
  }
  return isHighest;
}

/** Which notes, one an onset, begin and end while a higher one sounds. */
function underHeldNotes(tune) {
  const strokes = new Set(tune.map(({ onset, pitch }) => onset * 128 + pitch));
  const accompanied = new Set();
  let sounding = [];
  return tune.map((note) => {
    const ends = endOf(note);
    sounding = sounding.filter((other) => endOf(other) > note.onset);
    const higher = sounding.filter((other) => other.pitch > note.pitch);
    sounding.push(note);
    if (!higher.length) return false;
    const least = strokes.has(ends * 128 + note.pitch) ? HELD * note.duration : 0;
    const around = higher.filter((other) => endOf(other) > ends && other.duration >= least);
    for (const other of around) accompanied.add(other);
    return around.length > 0 || higher.some((other) => accompanied.has(other) && endOf(other) === ends);
  });
}

/** Notes during which several others begin. */
function held(notes) {
  const onsets = notes.map(({ onset }) => onset);
  return notes.map((note) => numBelow(onsets, endOf(note)) - numBelow(onsets, note.onset, true) >= HELD);
}

/** Strokes of pitches that sound for much of the time while a line of other pitches moves. */
function drone(notes) {
  const nothing = notes.map(() => false);
  if (!overlap(notes)) return nothing; // there is one line
  const span = notes.reduce((most, note) => Math.max(most, endOf(note)), -Infinity) - notes[0].onset;
  const isHeld = held(notes), found = new Set(); // prettier-ignore
  for (let pitch = 0; pitch < 128; pitch++) {
    const mine = notes.filter((note) => note.pitch === pitch), others = notes.filter((note) => note.pitch !== pitch); // prettier-ignore
    const sounds = mine.reduce((sum, { duration }) => sum + duration, 0) / span;
    if (!mine.length || !(sounds >= LOW_DRONE && sounds > 0)) continue;
    if (others.length < 4 || !isApart(mine, others)) continue;
    const [above, below] = beginDuring(mine, others);
    const areHeld = share(notes.flatMap((note, row) => (note.pitch === pitch ? [isHeld[row]] : [])));
    const isLow = above >= 4 * below && above > 0;
    if (isLow || (sounds >= HIGH_DRONE && below > 0 && areHeld >= 0.5)) found.add(pitch);
  }
  const isDrone = notes.map(({ pitch }) => found.has(pitch));
  const tune = notes.filter((_, row) => !isDrone[row]).map(({ pitch }) => pitch);
  if (numOf(tune) < 3 || tune.length < 4) return nothing; // these are chords, or the tune itself
  const usual = found.size ? median(notes.filter((_, row) => isDrone[row]).map(({ duration }) => duration)) : 0;
  const alone = areAlone(notes);
  return isDrone.map((is, row) => is && !(alone[row] && 2 * notes[row].duration <= usual));
}

/** Whether any two notes sound together. */
function overlap(notes) {
  let until = -Infinity;
  return notes.some((note) => {
    const isInside = until > note.onset;
    until = Math.max(until, endOf(note));
    return isInside;
  });
}

/** Whether the strokes of a pitch do not take turns with the others, as those of one ringing line do. */
function isApart(mine, others) {
  const theirs = new Set(others.map(({ onset }) => onset));
  const together = share(mine.map(({ onset }) => theirs.has(onset))) >= 0.5;
  const lasting = (notes) => median(notes.map(({ duration }) => duration));
  const between = mine.slice(1).map(({ onset }, place) => onset - mine[place].onset);
  const counts = new Map();
  for (const steps of between) counts.set(steps, (counts.get(steps) ?? 0) + 1);
  const isRegular = between.length >= 5 && Math.max(...counts.values()) >= 0.8 * between.length;
  return together || lasting(mine) >= 2 * lasting(others) || isRegular;
}

/** How many notes begin while one of mine sounds, above it and below it. */
function beginDuring(mine, others) {
  const starts = mine.map(({ onset }) => onset), [{ pitch }] = mine; // prettier-ignore
  const during = others.filter(({ onset }) => {
    const last = numBelow(starts, onset, true) - 1;
    return last >= 0 && endOf(mine[last]) > onset;
  });
  return [during.filter((note) => note.pitch > pitch).length, during.filter((note) => note.pitch < pitch).length];
}

/** Notes that sound with no other at any time. */
function areAlone(notes) {
  let until = -Infinity;
  return notes.map((note, row) => {
    const isInside = until > note.onset;
    until = Math.max(until, endOf(note));
    return !isInside && !(notes[row + 1]?.onset < endOf(note));
  });
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b), half = sorted.length >> 1; // prettier-ignore
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
