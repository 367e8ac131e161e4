// A printable A4 sheet, as phin/music/sheet.py: Thai letters above tablature, as one HTML file that needs no other.

import { HONG_PER_LINE, PAGE, WRITING } from "./tables.js";
import { finger } from "./fingering.js";
import { tuningOf } from "./fretboard.js";
import { beginOf, SLOTS_PER_HONG } from "./grid.js";
import { laiNamed } from "./lai.js";
import { written } from "./letters.js";
import { letteredSlots } from "./notation.js";
import { letterIn, pageLines } from "./page.js";
import { melodyOf, pitchName } from "./phrase.js";
import { frettedSlots } from "./tablature.js";
import { general } from "./words.js";

const SLOTS_PER_LINE = SLOTS_PER_HONG * HONG_PER_LINE;
const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escape = (text) => text.replace(/[&<>"']/g, (sign) => SIGNS[sign]);

/** The sheet's HTML. Throws Unplayable where the phrase cannot be fingered, Refusal where a note has no letter. */
export function formatSheet(phrase) {
  const tuning = tuningOf(phrase), fingering = finger(phrase, tuning), begins = beginOf(phrase); // prettier-ignore
  const rows = [letteredSlots({ ...phrase, notes: melodyOf(phrase) }, begins)];
  rows.push(...frettedSlots(phrase, fingering, tuning, begins));
  const numSlots = Math.max(rows[0].length, rows[1].length);
  const [letters, ...strings] = rows.map((row) => [...row, ...new Array(numSlots - row.length).fill("-")]);
  const body = head(phrase, tuning);
  for (const { words, start, end } of pageLines(phrase, begins, numSlots / SLOTS_PER_HONG)) {
    body.push(...words.map((text) => `<p class="words">${escape(text)}</p>`));
    const part = (row) => row.slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG);
    if (end > start) body.push(line(part(letters), strings.map(part), tuning, start));
  }
  const title = escape(phrase.title || "phin");
  const top = `<meta charset="utf-8"><title>${title}</title><style>${WRITING.sheet_style}</style>`;
  return `<!doctype html>\n<html><head>${top}</head>\n<body>\n${body.join("\n")}\n</body></html>\n`;
}

/** Title and facts, and how strings are counted. */
function head(phrase, tuning) {
  const lai = laiNamed(phrase.lai);
  const drone = phrase.drone.map((pitch) => written(letterIn(pitch, phrase, "drone"))).join(" ");
  const facts = [
    lai && `${lai.thai} (lai ${lai.name})`,
    phrase.tempo && `${general(60e6 / phrase.tempo)} hong a minute`,
    phrase.metre && String(phrase.metre) !== PAGE.duple && `metre ${phrase.metre}`,
    drone && `drone (เสียงเสพ) ${drone}`,
    phrase.inferred.has("onset") && "rhythm inferred, not written",
    phrase.source,
  ];
  const known = facts.filter(Boolean).map(escape).join(" · ");
  const strings = numbers(tuning).map((string) => `${string} is ${pitchName(tuning.openPitch(string))}`).join(", ");
  return [
    `<h1>${escape(phrase.title || "phin")}</h1>`,
    ...(known ? [`<p>${known}</p>`] : []),
    `<p>Tuning ${escape(String(tuning))}, low string first. Strings are numbered from the highest, which stands above:` +
      ` ${strings}. 0 is the open string; brown frets are the drone and lower notes of chords. Each box is a hong;` +
      " its shaded slot 4 is the beat.</p>",
  ];
}

/** A line of the sheet as a table; short lines keep the width of their slots. */
function line(letters, strings, tuning, start) {
  const empty = "<td></td>".repeat(SLOTS_PER_LINE - letters.length);
  const isBeat = (slot) => slot % SLOTS_PER_HONG === SLOTS_PER_HONG - 1;
  const numbered = letters.map((_, slot) => `<td>${isBeat(slot) ? start + Math.floor(slot / SLOTS_PER_HONG) + 1 : ""}</td>`);
  const rows = [
    `<tr class="numbers"><th></th>${numbered.join("")}${empty}</tr>`,
    `<tr class="letters"><th></th>${letters.map((letter) => `<td>${escape(letter)}</td>`).join("")}${empty}</tr>`,
  ];
  strings.forEach((frets, at) => {
    const name = `<th>${at + 1} &nbsp;${pitchName(tuning.openPitch(at + 1))}</th>`;
    rows.push(`<tr class="string">${name}${frets.map(fret).join("")}${empty}</tr>`);
  });
  return `<table>${rows.join("")}</table>`;
}

function fret(cell) {
  if (cell === "-") return "<td></td>";
  return `<td class="${cell.includes("(") ? "drone" : "struck"}">${cell.replace(/[()]/g, "")}</td>`;
}

const numbers = (tuning) => Array.from({ length: tuning.numStrings }, (_, at) => at + 1);
