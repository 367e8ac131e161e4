// What a page of letters and one of tablature have in common, as phin/music/page.py: the header, and lines of eight
// hong.

import { HONG_PER_LINE, LAI, PAGE, STEPS_PER_HONG } from "./tables.js";
import { Tuning } from "./fretboard.js";
import { SLOTS_PER_HONG } from "./grid.js";
import { laiNamed } from "./lai.js";
import { DOWN, isWritable, letterOfSymbol, letterOf, pitchOf, SYMBOL, written } from "./letters.js";
import { Metre, pitchName } from "./phrase.js";
import { Refusal, refuse } from "./refusal.js";
import { general, grouped, inArabic, inWords, quoted, rounded } from "./words.js";

/** Words on a page: parts, repeats, whatever stands in brackets; finds all where it is asked for all. */
export const wordsIn = (line) => [...line.matchAll(new RegExp(PAGE.words, "gu"))];
const BEGINS_WITH_WORDS = new RegExp(`^(?:${PAGE.words})`, "u");
export const areWords = (line) => BEGINS_WITH_WORDS.exec(line)?.[0] === line;
const HEADER = /^\s*([\p{L}\p{Nl}\p{No}][^:：|]*?)\s*[:：]\s*(.*?)\s*$/u;
const ONLY = { octaves: ["marked", "inferred"], rhythm: ["inferred"] };

/** What the header of a page says, and what was guessed or left out so far, one line each. */
export class Page {
  constructor(where) {
    Object.assign(this, { where, facts: {}, repairs: [] });
  }

  /** What is wrong in a line of the page. */
  refuse(line, reason, remedy) {
    return refuse(`${this.where}:${line}`, reason, remedy);
  }

  /**
   * [number, text] of every line that is neither empty nor a remark, one as it is asked for, so that of two mistakes the
   * first is named; header lines go to `facts` instead.
   */
  *lines(text) {
    if ([...text].length > PAGE.most_characters) {
      refuse(this.where, `has more than ${grouped(PAGE.most_characters)} characters`, "cut it into single tunes");
    }
    let begun = false;
    const visible = text.replace(/[\u200b\ufeff]/g, "").replace(/\u00a0/g, " ");
    const lines = visible.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/); // eslint-disable-line no-control-regex
    for (const [at, line] of lines.entries()) {
      if (!line.trim() || line.trimStart().startsWith("#")) continue;
      const header = HEADER.exec(line);
      if (header && !line.includes("|") && !BEGINS_WITH_WORDS.test(line.trim()) && !begun) {
        this.readFact(header[1], header[2], at + 1);
      } else if (header && begun && header[1].toLowerCase() in PAGE.facts) {
        this.refuse(at + 1, `${header[1]} stands below the first notes`, "move the line above them");
      } else {
        begun = true;
        yield [at + 1, line];
      }
    }
  }

  /** Those of the facts that a phrase has a place for. */
  get ofThePhrase() {
    const names = ["title", "source", "lai", "tempo", "tuning", "drone"].filter((name) => name in this.facts);
    return Object.fromEntries(names.map((name) => [name, this.facts[name]]));
  }

  readFact(key, value, line) {
    const name = PAGE.facts[key.toLowerCase()];
    if (name === undefined) this.repairs.push(`header line ${quoted(key)} left out: it says nothing to phin`);
    else if (name in this.facts) this.refuse(line, `${key} is said twice`, "leave one of the two out");
    else if (value) this.facts[name] = this.fact(name, value, line);
  }

  /** What a header line says, as a phrase keeps it. */
  fact(name, value, line) {
    if (name === "lai") return this.lai(value, line);
    if (name === "tempo") {
      const number = Number(/^\d+(?:\.\d+)?/.exec(inArabic(value))?.[0] ?? NaN);
      if (number >= 4 && number <= 1000) return rounded(60e6 / number);
      this.refuse(line, `${quoted(value)} is no tempo`, "write hong a minute, such as tempo: 110");
    }
    if (name === "metre" || name === "tuning") {
      try {
        return name === "metre" ? Metre.parse(value) : String(Tuning.parse(value));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.refuse(line, `${error.where} ${error.reason}`, error.remedy);
      }
    }
    if (name === "drone") return this.drone(value, line);
    if (name in ONLY && !ONLY[name].includes(value)) {
      const remedy = `write ${name}: ${ONLY[name].join(" or ")}, or leave the line out`;
      this.refuse(line, `${name} is ${quoted(value)}`, remedy);
    }
    return value;
  }

  lai(value, line) {
    const lai = value.toLowerCase().replace(/^ลาย/, "").replace(/^lai /, "").trim();
    const found = LAI.find(({ name, thai }) => lai === name || lai === thai.replace(/^ลาย/, ""));
    if (found) return found.name;
    const names = LAI.map(({ name }) => name).join(", ");
    return this.refuse(line, `there is no lai ${quoted(value)}`, `take one of ${names}, or leave the line out`);
  }

  drone(value, line) {
    const whole = new RegExp(`^(?:${SYMBOL})$`, "u");
    const symbols = inWords(value).map((text) => whole.exec(text)); // prettier-ignore
    const letters = symbols.filter((symbol) => symbol && !symbol.groups.hold).map(letterOfSymbol);
    if (letters.length && letters.length === symbols.length && letters.every(isWritable)) {
      return [...new Set(letters.map(pitchOf))].sort((a, b) => a - b);
    }
    const remedy = `write its letters with blanks between, such as ล${DOWN} ม`;
    return this.refuse(line, `${quoted(value)} is no drone`, remedy);
  }
}

/** The text of a file: UTF-8, UTF-16 where it says so, else the Thai code page of Windows. Throws Refusal. */
export function textOf(bytes, where) {
  const marks =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
  for (const encoding of marks ? [marks] : ["utf-8", "windows-874"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      // of bytes that this code page has no sign for, a browser makes signs that nobody sees
      if (encoding !== "windows-874" || !/[\x80-\x9f]/.test(text)) return text; // eslint-disable-line no-control-regex
    } catch {
      continue;
    }
  }
  return refuse(where, "is no text", "save it as plain text in UTF-8");
}

/** What is known of a phrase, a line each. Throws Refusal for a drone that has no letter. */
export function headerLines(phrase) {
  const lines = [];
  const say = (name, text) => lines.push(`${name}: ${text}`);
  for (const name of ["title", "source"]) {
    const text = inWords(phrase[name]).join(" ");
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

/**
 * The lines of a page that begins at a step: {words, start, end}, hong counted from 0; words stand above their hong.
 */
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

/** Words as they are known again: what is neither a part nor a repeat goes into brackets. */
function asWords(text) {
  const line = inWords(text).join(" ");
  if (areWords(line)) return line;
  return `(${inWords(line.replace(/[()]/g, " ")).join(" ")})`;
}

/** A line of a page: whole hong of slots between bars. */
export function barred(slots) {
  const hong = [];
  for (let at = 0; at < slots.length; at += SLOTS_PER_HONG) hong.push(slots.slice(at, at + SLOTS_PER_HONG).join(" "));
  return `| ${hong.join(" | ")} |`;
}

/** Lines as the text of a file. */
export const asText = (lines) => `${lines.join("\n").replace(/^\n+|\n+$/g, "")}\n`;
