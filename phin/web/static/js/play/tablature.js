// Tablature ⇄ phrase, as phin/music/tablature.py: a line a string, the fret in the slot where it is struck.

import { ACCOMPANIMENT, FRETS, MELODY, PAGE, STEPS_PER_HONG, UNKNOWN } from "./tables.js";
import { finger } from "./fingering.js";
import { DEFAULT, Tuning, tuningOf } from "./fretboard.js";
import { beginOf, hongOf, pageBegins, SHARES, SLOTS_PER_HONG, slotPlaces, STEPS_PER_SLOT } from "./grid.js";
import { areWords, asText, barred, headerLines, Page, pageLines } from "./page.js";
import { letRestruckStringsStop, letRing, Metre, phraseOf, pitchName, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { inArabic, inWords, quoted } from "./words.js";

const STRING = /^\s*(?<string>\d)\s*(?<open>[A-G][#b]?-?\d)?\s*\|(?<slots>.*)\|\s*$/;
const FRET = /^(?:\((?<under>\d{1,2})\)|(?<fret>\d{1,2})|-)$/;
const NUMBERS = /^[\s\d|]*$/;

/** {phrase, repairs}: the tune in a tablature's text; `where` is what a refusal calls it. */
export function parseTablature(text, where) {
  const page = new Page(where), strokes = [], words = []; // prettier-ignore
  let block = [], tuning = null, numHong = 0; // prettier-ignore
  for (const [number, line] of page.lines(text)) {
    tuning ??= page.facts.tuning ? Tuning.parse(page.facts.tuning) : DEFAULT;
    if (areNumbers(inArabic(line))) continue;
    if (!block.length && areWords(line.trim())) {
      words.push([numHong, line.trim()]);
      continue;
    }
    const string = STRING.exec(inArabic(line));
    if (!string || Number(string.groups.string) !== block.length + 1) {
      const reason = `string ${block.length + 1} of ${tuning} should stand here`;
      page.refuse(number, reason, "write a line a string, the highest first, such as 1 | - - - 5 |");
    }
    block.push([number, string.groups]);
    if (block.length < tuning.numStrings) continue;
    const hong = readBlock(block, tuning, page, numHong, strokes);
    [numHong, block] = [numHong + hong, []];
  }
  if (block.length) {
    page.refuse(block.at(-1)[0], `the line ends before string ${block.length + 1}`, "write a line a string");
  }
  if (!strokes.length) refuse(where, "has no frets", "write a line a string, such as 1 | - - - 5 |");
  const metre = page.facts.metre ?? Metre.parse(PAGE.duple);
  const begins = pageBegins(metre);
  const placed = words.map(([hong, said]) => [begins + hong * STEPS_PER_HONG, said]);
  const nobody = { duration: UNKNOWN, velocity: UNKNOWN, technique: UNKNOWN };
  const notes = strokes.map((stroke) => ({ ...nobody, ...stroke, onset: stroke.onset + begins }));
  const rung = letRestruckStringsStop(letRing(sorted(notes), begins + numHong * STEPS_PER_HONG));
  const inferred = new Set(["duration"]);
  if ("rhythm" in page.facts) inferred.add("onset");
  if (page.facts.octaves === "inferred") inferred.add("octave");
  const said = { metre, inferred, ...page.ofThePhrase, tuning: String(tuning), words: placed };
  return { phrase: phraseOf(rung, said), repairs: page.repairs };
}

/** Whether a line has the numbers of hong above the strings, and is not a string with a fret in every slot. */
function areNumbers(line) {
  const hong = STRING.exec(line)?.groups.slots.split("|");
  return NUMBERS.test(line) && !hong?.every((text) => inWords(text).length === SLOTS_PER_HONG);
}

/** Adds the strokes of one line of the page, and tells how many hong it has; `before` it there were so many. */
function readBlock(block, tuning, page, before, strokes) {
  const lengths = block.map(([number, { string, open, slots }]) => {
    const openPitch = tuning.openPitch(Number(string));
    if (open && open !== pitchName(openPitch)) {
      const reason = `string ${string} is ${open}, and in ${tuning} it is ${pitchName(openPitch)}`;
      page.refuse(number, reason, "mend the tuning in the header, or the name of the string");
    }
    const hong = slots.split("|");
    hong.forEach((text, place) => {
      const cells = inWords(text);
      if (cells.length !== SLOTS_PER_HONG) {
        const reason = `hong ${place + 1} has ${cells.length} slots, not ${SLOTS_PER_HONG}`;
        page.refuse(number, reason, "write four, with blanks between them");
      }
      cells.forEach((cell, slot) => {
        const onset = ((before + place) * SLOTS_PER_HONG + slot) * STEPS_PER_SLOT;
        strokes.push(...strokesIn(cell, onset, openPitch, page, number, `hong ${place + 1}, slot ${slot + 1}`));
      });
    });
    return hong.length;
  });
  if (new Set(lengths).size > 1) {
    page.refuse(block[0][0], `its strings have [${lengths.join(", ")}] hong`, "give each string as many");
  }
  return lengths[0];
}

/** What is struck in a slot of a string: {onset, pitch, voice}. */
function strokesIn(cell, begins, openPitch, page, line, at) {
  const parts = cell.split(",");
  if (!SHARES.includes(parts.length)) {
    page.refuse(line, `${at}: ${parts.length} strokes share a slot`, "write one, two or three");
  }
  return parts.flatMap((part, place) => {
    const groups = FRET.exec(part)?.groups;
    const fret = groups?.fret ?? groups?.under;
    if (!groups || Number(fret ?? 0) >= FRETS.length) {
      const remedy = `write a fret from 0 to ${FRETS.length - 1}, or - where nothing is struck`;
      page.refuse(line, `${at}: ${quoted(part)} is no fret`, remedy);
    }
    if (fret === undefined) return [];
    const onset = begins + Math.floor((place * STEPS_PER_SLOT) / parts.length);
    return [{ onset, pitch: openPitch + FRETS[Number(fret)], voice: groups.under ? ACCOMPANIMENT : MELODY }];
  });
}

/** The phrase as a page. Throws Unplayable where it cannot be fingered, and Refusal where a note lies off the slots. */
export function formatTablature(phrase) {
  const tuning = tuningOf(phrase);
  const fingering = finger(phrase, tuning);
  const begins = beginOf(phrase);
  const cells = frettedSlots(phrase, fingering, tuning, begins);
  const lines = headerLines({ ...phrase, tuning: String(tuning) });
  if (phrase.inferred.has("octave")) lines.push("octaves: inferred");
  lines.push("");
  const names = cells.map((_, at) => `${at + 1} ${pitchName(tuning.openPitch(at + 1))}`);
  for (const { words, start, end } of pageLines(phrase, begins, cells[0].length / SLOTS_PER_HONG)) {
    lines.push(...words);
    if (end <= start) continue;
    const part = cells.map((string) => string.slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG));
    const widths = part[0].map((_, slot) => Math.max(...part.map((string) => string[slot].length)));
    part.forEach((string, at) => {
      lines.push(`${names[at].padEnd(4)} ${barred(string.map((text, slot) => centred(text, widths[slot])))}`);
    });
    lines.push("");
  }
  return asText(lines);
}

/** What stands in every slot of every string, string 1 first. */
export function frettedSlots(phrase, { string, fret }, tuning, begins) {
  const numSlots = hongOf(phrase, begins) * SLOTS_PER_HONG;
  const cells = Array.from({ length: tuning.numStrings }, () => new Array(numSlots).fill("-"));
  const parts = new Map();
  slotPlaces(phrase.notes, phrase.title, begins).forEach(({ slot, part, share }, note) => {
    const key = `${string[note]},${slot}`;
    if (!parts.has(key)) parts.set(key, new Array(share).fill("-"));
    const isUnder = phrase.notes[note].voice === ACCOMPANIMENT;
    parts.get(key)[part] = isUnder ? `(${fret[note]})` : String(fret[note]);
    cells[string[note] - 1][slot] = parts.get(key).join(",");
  });
  return cells;
}

/** A text in the middle of a width, as `:^` has it. */
function centred(text, width) {
  const before = Math.floor((width - text.length) / 2);
  return " ".repeat(before) + text + " ".repeat(width - text.length - before);
}
