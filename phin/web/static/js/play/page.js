// What a page of letters and one of tablature have in common, as phin/music/page.py: the header, and lines of eight hong.

import { HONG_PER_LINE, PAGE, STEPS_PER_HONG } from "./tables.js";
import { SLOTS_PER_HONG } from "./grid.js";
import { laiNamed } from "./lai.js";
import { letterOf, written } from "./letters.js";
import { pitchName } from "./phrase.js";
import { refuse } from "./refusal.js";
import { general } from "./words.js";

/** What is known of a phrase, a line each. Throws Refusal for a drone that has no letter. */
export function headerLines(phrase) {
  const lines = [];
  const say = (name, text) => lines.push(`${name}: ${text}`);
  for (const name of ["title", "source"]) {
    const text = phrase[name].split(/\s+/).filter(Boolean).join(" ");
    if (text) say(name, text);
  }
  const lai = laiNamed(phrase.lai);
  if (lai) say("lai", lai.name);
  if (phrase.tempo) say("tempo", general(60e6 / phrase.tempo));
  if (phrase.metre && String(phrase.metre) !== PAGE.duple) say("metre", phrase.metre);
  if (phrase.tuning) say("tuning", phrase.tuning);
  if (phrase.drone.length) {
    say("drone", phrase.drone.map((pitch) => written(letterIn(pitch, phrase, "drone"))).join(" "));
  }
  if (phrase.inferred.has("onset")) say("rhythm", "inferred");
  return lines;
}

/** The letter of a MIDI pitch; throws Refusal, naming its place in the phrase, where it has none. */
export function letterIn(pitch, phrase, place) {
  const letter = letterOf(pitch);
  if (letter === null) {
    const remedy = "move the tune to where each note has one (phin-convert --transpose or --fit), or keep it as MIDI";
    refuse(phrase.title || "phrase", `${place}: ${pitchName(pitch)} has no Thai letter`, remedy);
  }
  return letter;
}

/** The lines of a page that begins at a step: {words, start, end}, hong counted from 0; words stand above their hong. */
export function pageLines(phrase, begins, numHong) {
  const words = new Map();
  for (const [step, text] of phrase.words) {
    const hong = Math.min(Math.floor(Math.max(step - begins, 0) / STEPS_PER_HONG), numHong);
    words.set(hong, [...(words.get(hong) ?? []), asWords(text)]);
  }
  const edges = [...new Set([0, ...words.keys(), numHong])].sort((a, b) => a - b);
  const lines = [];
  edges.slice(1).forEach((end, at) => {
    for (let start = edges[at]; start < end; start += HONG_PER_LINE) {
      const above = start === edges[at] ? (words.get(start) ?? []) : [];
      if (start === edges[at]) words.delete(start);
      lines.push({ words: above, start, end: Math.min(start + HONG_PER_LINE, end) });
    }
  });
  for (const left of words.values()) lines.push({ words: left, start: numHong, end: numHong });
  return lines;
}

/** Words as they are known again: in brackets. */
function asWords(text) {
  const line = text.split(/\s+/).filter(Boolean).join(" ");
  if (/^\([^()]*\)$/.test(line)) return line;
  return `(${line.replace(/[()]/g, " ").split(/\s+/).filter(Boolean).join(" ")})`;
}

/** A line of a page: whole hong of slots between bars. */
export function barred(slots) {
  const hong = [];
  for (let at = 0; at < slots.length; at += SLOTS_PER_HONG) hong.push(slots.slice(at, at + SLOTS_PER_HONG).join(" "));
  return `| ${hong.join(" | ")} |`;
}

/** Lines as the text of a file. */
export const asText = (lines) => `${lines.join("\n").replace(/^\n+|\n+$/g, "")}\n`;
