// A file as a phrase, as phin/music/readers.py and phin/web/errands.py: pages of letters and of tablature, MIDI and ABC.
// What the server has against a file that hangs or eats the memory, limits of time and of memory, a page has not.

import { LIMITS } from "./tables.js";
import { readAbc } from "./abc.js";
import { readMidi } from "./midi_reading.js";
import { parseLetters } from "./notation.js";
import { textOf } from "./page.js";
import { refuse } from "./refusal.js";
import { parseTablature } from "./tablature.js";
import { toPhrase } from "./tune.js";
import { grouped, inWords } from "./words.js";

const page = (parse) => (bytes, where) => parse(textOf(bytes, where), where);
const READERS = { txt: page(parseLetters), tab: page(parseTablature), mid: readMidi, abc: readOne };

/** The one tune of an ABC file. */
function readOne(bytes, where) {
  const tunes = readAbc(bytes, where);
  if (tunes.length !== 1) refuse(where, `holds ${tunes.length} tunes`, "send one of them");
  return { phrase: tunes[0], repairs: [] };
}

/** {phrase, said}: the one tune of a TuneSource, and what was guessed to read it. Throws Refusal. */
export async function readSource({ tune = null, form = null, content = null, name = null }) {
  const { most_notes: most, most_bytes: mostBytes } = LIMITS;
  const isFile = form !== null && content !== null;
  if ((tune !== null) === isFile || (!isFile && (form || content))) {
    refuse("tune", "is not given in one way", "send either tune, or form and content");
  }
  if (tune !== null && name !== null) refuse("name", "means nothing beside tune, which has a title", "leave it out");
  if (tune !== null) {
    if (tune.notes.length > most) tooLong("tune.notes", `are ${grouped(tune.notes.length)}`, most);
    return { phrase: toPhrase(tune), said: [] };
  }
  if (Math.floor(content.length / 4) * 3 - (content.slice(-2).match(/=/g) ?? []).length > mostBytes) {
    refuse(name ?? "the file", `is larger than ${mostBytes / 1e6} MB`, "send one tune");
  }
  const called = inWords(name || `the ${form} file`).join(" ");
  const { phrase, repairs } = await READERS[form](bytesOf(content, called), called);
  if (phrase.notes.length > most) tooLong(called, `has ${grouped(phrase.notes.length)} notes`, most);
  const ofFile = inWords(name ?? "").join(" ");
  const title = phrase.title || ofFile.replace(/(^|\.)[^.]*$/, "");
  return { phrase: { ...phrase, title }, said: repairs };
}

function tooLong(where, what, most) {
  refuse(where, `${what}, and ${grouped(most)} are the most`, "send less");
}

function bytesOf(content, name) {
  try {
    return Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  } catch {
    return refuse(name, "is not in base64", "encode its bytes so, in the standard alphabet");
  }
}
