// A tune as JSON, and back, as phin/web/tune.py: what every answer with music holds, and what a request may give.

import {
  ACCOMPANIMENT, LAI_NAMES, MELODY, PAGE, TECHNIQUES, UNKNOWN,
} from "./tables.js"; // prettier-ignore
import { finger } from "./fingering.js";
import { Tuning, tuningOf } from "./fretboard.js";
import { beginOf, hongOf } from "./grid.js";
import { firstWrong } from "./kinds.js";
import { formatLetters } from "./notation.js";
import { forPaper } from "./paper.js";
import { brokenRule, isMelody, letRing, Metre, phraseOf, sorted } from "./phrase.js";
import { Refusal, refuse } from "./refusal.js";
import { formatTablature } from "./tablature.js";
import { quoted, rounded } from "./words.js";

const NAMES = Object.fromEntries(Object.entries(TECHNIQUES).map(([name, value]) => [value, name]));
const INFERRED = ["onset", "duration", "octave"];
const DENOMINATORS = [1, 2, 4, 8, 16, 32];

/** A phrase as a tune, with its page and the fingering of the whole; what could not be had is said. */
export function toJson(phrase, said = []) {
  const lines = [...said], { notes } = phrase; // prettier-ignore
  let string = notes.map(() => null), fret = string; // prettier-ignore
  const unplayed = (error) => lines.push(`no fingering: ${error.reason}`);
  const fingering = tried(() => finger(phrase, tuningOf(phrase)), unplayed);
  if (fingering) ({ string, fret } = fingering);
  const begins = beginOf(phrase);
  const told = {
    title: inShort(phrase.title),
    metre: phrase.metre ? String(phrase.metre) : null,
    tempo: phrase.tempo ? 60e6 / phrase.tempo : null,
    lai: phrase.lai,
    source: inShort(phrase.source) || null,
    tuning: phrase.tuning,
    drone: phrase.drone,
    inferred: INFERRED.filter((each) => phrase.inferred.has(each)),
    begins,
    num_hong: hongOf(phrase, begins),
    notes: notes.map((note, at) => noteOf(note, string[at], fret[at])),
  };
  for (const note of told.notes) refuseStrange(note, "Note", phrase);
  refuseStrange({ ...told, notes: [] }, "Tune", phrase);
  const letters = page(phrase, "txt", formatLetters, lines);
  const tablature = page(phrase, "tab", formatTablature, lines);
  return { ...told, letters, tablature, said: lines };
}

const inShort = (text) => [...text].slice(0, PAGE.longest_title).join("");

/** Throws Refusal where a tune holds what none may. */
function refuseStrange(value, kind, phrase) {
  const wrong = firstWrong(value, kind);
  if (!wrong) return;
  refuse(phrase.title || "tune", `has a ${wrong.name} that no tune has: ${wrong.reason}`, "take a part of it");
}

/** A note of a phrase as a tune has it. */
export function noteOf({ onset, duration, pitch, velocity, technique, voice }, string, fret) {
  const known = (value) => (value === UNKNOWN ? null : value);
  return {
    ...{ onset, duration: known(duration), pitch, velocity: known(velocity), technique: NAMES[technique] ?? null },
    ...{ voice: voice === MELODY ? "melody" : "accompaniment", string, fret },
  };
}

/** The phrase that a tune says. Throws Refusal where it is none. */
export function toPhrase(tune) {
  const title = inOneLine(tune.title ?? ""), where = title || "tune", notes = tune.notes ?? []; // prettier-ignore
  const lai = tune.lai ?? null;
  if (lai !== null && !LAI_NAMES.includes(lai)) {
    refuse(where, `is in a lai ${quoted(lai)} that nobody knows`, `take one of ${LAI_NAMES.join(", ")}`);
  }
  if (tune.tuning) Tuning.parse(tune.tuning);
  const metre = tune.metre ? Metre.parse(tune.metre) : null;
  if (metre !== null && !(metre.numerator <= 99 && DENOMINATORS.includes(metre.denominator))) {
    refuse(where, `has a metre ${quoted(tune.metre)} that no tune has`, "write one such as 2/4, 3/4 or 6/8");
  }
  notes.forEach(({ technique = null }, at) => {
    if (technique === null || technique in TECHNIQUES) return;
    const reason = `note ${at + 1} has a technique ${quoted(technique)} that nobody knows`;
    refuse(where, reason, `take one of ${Object.keys(TECHNIQUES).join(", ")}`);
  });
  const read = letRing(sorted(notes.map(toNote)));
  const broken = brokenRule(read);
  if (broken) refuse(where, broken, "let each note end before its pitch is struck again");
  const inferred = new Set(tune.inferred ?? []);
  if (notes.some(({ duration = null }) => duration === null)) inferred.add("duration");
  const tempo = tune.tempo ? rounded(60e6 / tune.tempo) : null;
  const said = { tuning: tune.tuning ?? null, drone: tune.drone ?? [], source: inOneLine(tune.source ?? "") };
  return phraseOf(read, { metre, tempo, lai, title, inferred, ...said });
}

function toNote({ onset, duration = null, pitch, velocity = null, technique = null, voice = "melody" }) {
  return {
    ...{ onset, pitch, duration: duration ?? UNKNOWN, velocity: velocity ?? UNKNOWN },
    technique: technique === null ? UNKNOWN : TECHNIQUES[technique],
    voice: voice === "melody" ? MELODY : ACCOMPANIMENT,
  };
}

const inOneLine = (text) =>
  text
    .replace(/[\p{C}\p{Z}]/gu, " ")
    .split(" ")
    .filter(Boolean)
    .join(" ");

/** The page of an ending, if one can hold the tune; what was changed for it is said. */
function page(phrase, ending, format, said) {
  if (!phrase.notes.some(isMelody)) return null;
  const made = () => {
    const { phrase: shown, changes } = forPaper({ ...phrase, words: [] }, ending);
    return { text: format(shown), changes };
  };
  const found = tried(made, (error) => said.push(`${ending}: not written: ${error.reason}`));
  if (!found) return null;
  said.push(...found.changes.map((change) => `${ending}: ${change}`));
  return found.text;
}

/** What is made; null where that is refused, which is told. */
function tried(make, told) {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    told(error);
    return null;
  }
}
