// A page of text as it is read, as phin/music/page.py: its header, and the lines that are music.

import { LAI, READ_PAGE } from "./tables.js";
import { Tuning } from "./fretboard.js";
import { isWritable, pitchOf } from "./letters.js";
import { Metre } from "./phrase.js";
import { Refusal } from "./refusal.js";
import { grouped, quoted, rounded } from "./words.js";

export const WORDS = READ_PAGE.words; // a regular expression for words on a page, in brackets or known
export const SYMBOL = new RegExp(`^(?:${READ_PAGE.symbol})$`, "u");
const HEADER = /^\s*(\p{L}[^:：|]*?)\s*[:：]\s*(.*?)\s*$/u;
const LINE_ENDS = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const ONLY = { octaves: ["marked", "inferred"], rhythm: ["inferred"] };
const KEPT = ["title", "source", "lai", "tempo", "tuning", "drone"];

/** What the header of a page says, and what was guessed or left out so far, a line each. */
export class Page {
  constructor(where) {
    Object.assign(this, { where, facts: {}, repairs: [] });
  }

  refuse(line, reason, remedy) {
    throw new Refusal(`${this.where}:${line}`, reason, remedy);
  }

  /** [number, text] of every line that is neither empty nor a remark; header lines go to `facts` instead. */
  lines(text) {
    const { most_characters: most } = READ_PAGE;
    if ([...text].length > most) {
      throw new Refusal(this.where, `has more than ${grouped(most)} characters`, "cut it into single tunes");
    }
    const found = [];
    const plain = text.replace(/[\u200b\ufeff]/g, "").replace(/\u00a0/g, " ");
    plain.split(LINE_ENDS).forEach((line, place) => {
      if (!line.trim() || line.trimStart().startsWith("#")) return;
      const header = HEADER.exec(line);
      const isWords = new RegExp(`^(?:${WORDS})`, "u").test(line.trim());
      if (header && !line.includes("|") && !isWords && !found.length) this.readFact(header[1], header[2], place + 1);
      else if (header && found.length && header[1].toLowerCase() in READ_PAGE.facts) {
        this.refuse(place + 1, `${header[1]} stands below the first notes`, "move the line above them");
      } else found.push([place + 1, line]);
    });
    return found;
  }

  /** Those of the facts that a phrase has a place for. */
  get ofThePhrase() {
    return Object.fromEntries(KEPT.filter((name) => name in this.facts).map((name) => [name, this.facts[name]]));
  }

  readFact(key, value, line) {
    const name = READ_PAGE.facts[key.toLowerCase()];
    if (name === undefined) this.repairs.push(`header line ${quoted(key)} left out: it says nothing to phin`);
    else if (name in this.facts) this.refuse(line, `${key} is said twice`, "leave one of the two out");
    else if (value) this.facts[name] = this.fact(name, value, line);
  }

  /** What a header line says, as a phrase keeps it. */
  fact(name, value, line) {
    if (name === "lai") {
      const asked = value.toLowerCase().replace(/^ลาย/, "").replace(/^lai /, "").trim();
      const known = LAI.find((lai) => asked === lai.name || asked === lai.thai.replace(/^ลาย/, ""));
      if (known) return known.name;
      const names = LAI.map((lai) => lai.name).join(", ");
      this.refuse(line, `there is no lai ${quoted(value)}`, `take one of ${names}, or leave the line out`);
    }
    if (name === "tempo") {
      const found = /^\d+(?:\.\d+)?/.exec(value.replace(/[๐-๙]/g, (digit) => digit.charCodeAt(0) - 0x0e50));
      const tempo = Number(found?.[0]);
      if (tempo >= 4 && tempo <= 1000) return rounded(60e6 / tempo);
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
    if (name === "drone") {
      const letters = value.split(/\s+/).map((text) => letterOfSymbol(SYMBOL.exec(text)));
      if (letters.every((letter) => letter && isWritable(letter))) {
        return [...new Set(letters.map(pitchOf))].sort((a, b) => a - b);
      }
      this.refuse(line, `${quoted(value)} is no drone`, `write its letters with blanks between, such as ล${READ_PAGE.down} ม`);
    }
    if (name in ONLY && !ONLY[name].includes(value)) {
      const remedy = `write ${name}: ${ONLY[name].join(" or ")}, or leave the line out`;
      this.refuse(line, `${name} is ${quoted(value)}`, remedy);
    }
    return value;
  }
}

/** The octave marks of a symbol. */
export const marksOf = ({ groups }) => (groups.marks ?? "") + (groups.signs ?? "");

/** The letter that a match of a symbol writes; null for a hyphen, or where there is none. */
export function letterOfSymbol(symbol) {
  if (!symbol || symbol.groups.hold) return null;
  const { letter, digit } = symbol.groups;
  const octave = [...marksOf(symbol)].reduce((sum, mark) => sum + (mark === READ_PAGE.up || mark === "*" ? 1 : -1), 0);
  if (letter) return { place: READ_PAGE.letters.indexOf(letter), octave };
  const number = Number(digit) - 1, most = READ_PAGE.letters.length; // prettier-ignore
  return { place: number % most, octave: octave + Math.floor(number / most) };
}

/** Bytes as text: UTF-8, UTF-16 where it says so, else the Thai code page of Windows. */
export function textOf(bytes) {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (isWide) return new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-874").decode(bytes);
  }
}
