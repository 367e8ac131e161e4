// A tune that a person sent, as phin/web/errands.py: read, or techniques suggested for it. Of files letters alone are read.

import { LIMITS, MELODY, WRITING } from "./tables.js";
import { parseLetters } from "./letters_reading.js";
import { textOf } from "./page_reading.js";
import { Refusal } from "./refusal.js";
import { NAMES, suggest as suggestFor } from "./suggestion.js";
import { toJson, toPhrase } from "./tune.js";
import { grouped } from "./words.js";

const FORM = "txt";

/** The Tune of a TuneSource. Throws Refusal where it is none, or in a form that only a server reads. */
export function read(source) {
  const { phrase, said } = phraseOf(source);
  return toJson(phrase, said);
}

function phraseOf({ tune, form, content, name }) {
  if (tune) return { phrase: toPhrase(tune), said: [] };
  const called = inOneLine(name ?? "") || `the ${form} file`;
  if (form !== FORM) {
    throw new Refusal(called, `is no page of letters (.${FORM}), and this page reads nothing else without a server`, WRITING.served);
  }
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  if (bytes.length > LIMITS.most_bytes) {
    throw new Refusal(called, `is larger than ${LIMITS.most_bytes / 1e6} MB`, "send one tune");
  }
  const { phrase, repairs } = parseLetters(textOf(bytes), called);
  if (phrase.notes.length > LIMITS.most_notes) {
    const most = grouped(LIMITS.most_notes);
    throw new Refusal(called, `has ${grouped(phrase.notes.length)} notes, and ${most} are the most`, "send less");
  }
  const titled = inOneLine(name ?? "").replace(/\.[^.]*$|^[^.]*$/, "");
  return { phrase: { ...phrase, title: phrase.title || titled }, said: repairs };
}

const inOneLine = (text) => text.split(/\s+/).filter(Boolean).join(" ");

/** {tune, suggestions, said}: for each melody note the likeliest technique, if one is likely enough, with why. */
export function suggest(source) {
  const { phrase, said } = phraseOf(source);
  const places = phrase.notes.map((_, note) => note).filter((note) => phrase.notes[note].voice === MELODY);
  if (!places.length) throw new Refusal(phrase.title || "tune", "has no melody", "give a tune with notes");
  const four = (share) => Number(share.toFixed(4));
  const suggestions = suggestFor(places.map((note) => phrase.notes[note])).map((each, at) => ({
    note: places[at],
    technique: each.technique === null ? null : NAMES[each.technique],
    probability: four(each.probability[each.likeliest]),
    others: Object.fromEntries(
      NAMES.map((name, technique) => [name, four(each.probability[technique])]).filter((_, technique) => technique !== each.likeliest),
    ),
    why: each.reason(each.likeliest),
  }));
  return { tune: toJson(phrase, said), suggestions, said: WRITING.suggested };
}
