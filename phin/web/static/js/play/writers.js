// A tune as a file, as phin-web's POST api/convert answers it (phin/web/errands.py): what needs no sound of a browser's.

import { withDrone } from "./drone.js";
import { midiBytes } from "./midi_writing.js";
import { formatLetters } from "./notation.js";
import { forPaper } from "./paper.js";
import { formatSheet } from "./sheet.js";
import { formatTablature } from "./tablature.js";
import { toJson, toPhrase } from "./tune.js";

const WRITERS = {
  mid: { type: "audio/midi", write: midiBytes },
  txt: { type: "text/plain; charset=utf-8", write: formatLetters },
  tab: { type: "text/plain; charset=utf-8", write: formatTablature },
  html: { type: "text/html; charset=utf-8", write: formatSheet },
};

/** {content, type}: a tune as a file of this ending, on paper changed as far as it must be. Throws Refusal. */
export async function writtenAs(tune, ending) {
  const phrase = toPhrase(tune);
  const { type, write } = WRITERS[ending];
  const shown = ending === "mid" ? phrase : forPaper(phrase, ending).phrase;
  return { content: await write(shown), type };
}

/** A tune over its drone. Throws Refusal where nobody knows one. */
export const droned = (tune) => toJson(withDrone(toPhrase(tune)));
