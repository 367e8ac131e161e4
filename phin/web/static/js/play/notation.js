// Thai letters ⇄ phrase, as phin/music/notation.py, where it stands how they are counted and read.

import { HAND, MELODY, PAGE, UNKNOWN } from "./tables.js";
import { beginOf, hongOf, pageBegins, SHARES, SLOTS_PER_HONG, slotName, slotPlaces, STEPS_PER_SLOT } from "./grid.js";
import {
  DOWN,
  isWritable,
  letterOfSymbol,
  LETTERS,
  marksOf,
  NATURAL,
  pitchOf,
  SYMBOL,
  UP,
  written,
} from "./letters.js";
import { asText, barred, headerLines, letterIn, Page, pageLines, wordsIn } from "./page.js";
import { letRing, melodyOf, Metre, phraseOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { counted, inWords, quoted } from "./words.js";

const TOKEN = new RegExp(`(?<held>\\.(?:\\s*\\.)+|…)|${SYMBOL}|(?<blank>\\s+)|(?<strange>.)`, "gu");

/** {phrase, repairs}: the tune in a page's text; `where` is what a refusal calls it. */
export function parseLetters(text, where) {
  const page = new Page(where), slots = [], words = []; // prettier-ignore
  const pieces = [];
  for (const [number, line] of page.lines(text)) pieces.push(...piecesOf(number, line));
  const music = pieces.filter(({ isWords }) => !isWords).map(({ piece }) => piece).join(""); // prettier-ignore
  const isShorthand = !/[|-]/.test(music);
  let before = 0, numHong = 0; // prettier-ignore
  for (const { line, piece, isWords } of pieces) {
    if (line !== before) [before, numHong] = [line, 0];
    if (isWords) words.push([slots.length, piece]);
    else if (isShorthand) slots.push(...shorthand(piece, page, line));
    else for (const cell of cellsOf(piece, page, line)) slots.push(...hongOfCell(cell, page, line, ++numHong));
  }
  if (isShorthand && slots.length) {
    page.facts.rhythm = "inferred";
    page.repairs.push("a player's shorthand: its rhythm is inferred");
  }
  return { phrase: phraseOn(page, slots, words), repairs: page.repairs };
}

/** The pieces of a line: {line, piece, isWords}. */
function piecesOf(number, line) {
  const found = [];
  let end = 0;
  const take = (music) => music.trim() && found.push({ line: number, piece: plain(music), isWords: false });
  for (const words of wordsIn(line)) {
    take(line.slice(end, words.index));
    const piece = words[0].trim().replace(/:+$/, "").trim();
    found.push({ line: number, piece, isWords: true });
    end = words.index + words[0].length;
  }
  take(line.slice(end));
  return found;
}

/** The same in one kind of dash, bar and digit. */
function plain(music) {
  return Array.from(music.normalize("NFC"), (sign) => PAGE.one_kind[sign] ?? sign).join("");
}

/** The text of each hong in a piece of a line, with bars or without. */
function cellsOf(piece, page, line) {
  if (piece.includes("|")) {
    const cells = piece.split(/\|+/);
    return cells.slice(cells[0].trim() ? 0 : 1, cells.at(-1).trim() ? cells.length : -1);
  }
  const isMusic = ({ groups }) => groups.letter || groups.digit || groups.hold;
  if (![...piece.matchAll(TOKEN)].some(isMusic)) {
    const remedy = `write ${[...LETTERS].join(" ")}, 1 to 9 or -, and round brackets about words`;
    page.refuse(line, `${quoted(piece.trim())} is no notation`, remedy);
  }
  const groups = inWords(piece);
  if (groups.every((group) => [...group.matchAll(TOKEN)].length === SLOTS_PER_HONG)) return groups;
  if (groups.length % SLOTS_PER_HONG) {
    const reason = `has ${counted(groups.length, "slot")}, and four make a hong`;
    page.refuse(line, reason, "write whole hong, with | between them");
  }
  const cells = [];
  for (let at = 0; at < groups.length; at += SLOTS_PER_HONG)
    cells.push(groups.slice(at, at + SLOTS_PER_HONG).join(" "));
  return cells;
}

/** The four slots of a hong, each the letters that share it, null for a hyphen. */
function hongOfCell(cell, page, line, number) {
  const slots = [], texts = inWords(cell); // prettier-ignore
  for (const text of texts) {
    const symbols = [];
    for (const token of text.matchAll(TOKEN)) {
      const before = texts.length === SLOTS_PER_HONG ? slots.length : slots.flat().length + symbols.length;
      symbols.push(symbolOf(token, page, line, `hong ${number}, slot ${before + 1}`));
    }
    slots.push(symbols);
  }
  const flat = slots.flat();
  if (flat.length === SLOTS_PER_HONG) return flat.map((symbol) => [symbol]);
  if (slots.length !== SLOTS_PER_HONG) {
    const reason = `hong ${number} has ${flat.length} letters and hyphens, not ${SLOTS_PER_HONG}`;
    page.refuse(line, reason, "write four, or set blanks between its slots where one has several letters");
  }
  slots.forEach((slot, place) => {
    if (SHARES.includes(slot.length)) return;
    const reason = `hong ${number}, slot ${place + 1}: ${slot.length} letters share a slot`;
    page.refuse(line, reason, "write one, two or three in a slot");
  });
  return slots;
}

/** The letter of a token, null for a hyphen. */
function symbolOf(token, page, line, place) {
  const { strange, held, hold } = token.groups;
  if (strange || held) {
    const remedy = `write ${[...LETTERS].join(" ")}, 1 to 9, or - where nothing is struck`;
    page.refuse(line, `${place}: ${quoted(token[0])} is no letter of the seven`, remedy);
  }
  if (hold) return null;
  if (new Set(marksOf(token)).size > 1) {
    page.refuse(line, `${place}: ${token[0]} is high and low at once`, "leave one of its marks out");
  }
  const letter = letterOfSymbol(token);
  if (!isWritable(letter)) {
    const reason = `${place}: ${token[0]} is more than ${PAGE.most_octaves} octaves from the unmarked letters`;
    page.refuse(line, reason, "leave some of its marks out");
  }
  return letter;
}

/** The slots of groups of letters between slashes; dots after a letter, four a hong, hold it for whole hong. */
function shorthand(piece, page, line) {
  const slots = [];
  for (const group of piece.split("/")) {
    let letters = [];
    for (const token of group.matchAll(TOKEN)) {
      if (token.groups.held) {
        slots.push(...inferredRhythm(letters));
        const numDots = Math.max(token[0].split(".").length - 1, 1);
        slots.push(...Array.from({ length: Math.ceil(numDots / SLOTS_PER_HONG) * SLOTS_PER_HONG }, () => [null]));
        letters = [];
      } else if (!token.groups.blank) {
        const letter = symbolOf(token, page, line, `letter ${letters.length + 1} of its group`);
        if (letter) letters.push(letter);
      }
    }
    slots.push(...inferredRhythm(letters));
  }
  return slots;
}

/** `a b c d e` as `---a -b-c -d-e`, and of six letters the first two as `---a ---b`. */
function inferredRhythm(letters) {
  const alone = letters.slice(0, 2 - (letters.length % 2));
  const paired = letters.slice(alone.length);
  return [
    ...alone.flatMap((letter) => [[null], [null], [null], [letter]]),
    ...paired.flatMap((each) => [[null], [each]]),
  ];
}

/** The notes where their slots are, each ringing until the next. */
function phraseOn(page, slots, words) {
  const { facts } = page;
  const metre = facts.metre ?? Metre.parse(PAGE.duple);
  const begins = pageBegins(metre);
  const struck = slots.flatMap((slot, place) => {
    const from = begins + place * STEPS_PER_SLOT;
    return slot.flatMap((letter, share) => {
      return letter ? [{ onset: from + Math.floor((share * STEPS_PER_SLOT) / slot.length), letter }] : [];
    });
  });
  if (!struck.length) {
    refuse(page.where, "has no letters", `write letters (${[...LETTERS].join(" ")}) in hong of four slots`);
  }
  const inferred = new Set(["duration"]);
  let pitches = struck.map(({ letter }) => pitchOf(letter));
  if (facts.octaves !== "marked" && !struck.some(({ letter }) => letter.octave)) {
    inferred.add("octave");
    pitches = nearestOctaves(struck.map(({ letter }) => NATURAL[letter.place]));
  }
  if (facts.octaves === "inferred") inferred.add("octave");
  if ("rhythm" in facts) inferred.add("onset");
  const nobody = { duration: UNKNOWN, velocity: UNKNOWN, technique: UNKNOWN, voice: MELODY };
  const notes = struck.map(({ onset }, note) => ({ ...nobody, onset, pitch: pitches[note] }));
  const rung = letRing(sorted(notes), begins + slots.length * STEPS_PER_SLOT);
  const placed = words.map(([slot, text]) => [begins + slot * STEPS_PER_SLOT, text]);
  return phraseOf(rung, { metre, words: placed, inferred, ...page.ofThePhrase });
}

/** Pitches of a melody whose octaves nobody wrote: each as near to the one before as the range allows. */
function nearestOctaves(pitchClasses) {
  const { lowest, highest } = HAND;
  const middle = (lowest + highest) / 2;
  const found = [];
  for (const pitchClass of pitchClasses) {
    const before = found.at(-1) ?? PAGE.unmarked_do + pitchClass;
    let best = null;
    for (let pitch = lowest + ((((pitchClass - lowest) % 12) + 12) % 12); pitch <= highest; pitch += 12) {
      const far = [Math.abs(pitch - before), Math.abs(pitch - middle)];
      if (best === null || far[0] < best.far[0] || (far[0] === best.far[0] && far[1] < best.far[1]))
        best = { pitch, far };
    }
    found.push(best.pitch);
  }
  return found;
}

/** The melody as a page. Throws Refusal where a note lies off the slots or has no letter. */
export function formatLetters(phrase) {
  const melody = { ...phrase, notes: melodyOf(phrase) };
  const begins = beginOf(melody);
  const slots = letteredSlots(melody, begins);
  const lines = headerLines(phrase);
  const text = slots.join("");
  if (!phrase.inferred.has("octave") && ![UP, DOWN, "*", ".", "8", "9"].some((mark) => text.includes(mark))) {
    lines.push("octaves: marked");
  }
  lines.push("");
  for (const { words, start, end } of pageLines(phrase, begins, slots.length / SLOTS_PER_HONG)) {
    lines.push(...words);
    if (end > start) lines.push(barred(slots.slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG)));
  }
  return asText(lines);
}

/** The letters in every slot, whole hong of them. */
export function letteredSlots(melody, begins) {
  const where = melody.title || "phrase";
  if (!melody.notes.length) refuse(where, "has no melody, so there is nothing to write", "choose another tune");
  const places = slotPlaces(melody.notes, melody.title, begins);
  const slots = Array.from({ length: hongOf(melody, begins) * SLOTS_PER_HONG }, () => ["-"]);
  places.forEach(({ slot, part, share }, note) => {
    if (slots[slot].length !== share) slots[slot] = new Array(share).fill("-");
    const letter = letterIn(melody.notes[note].pitch, melody, slotName(slot));
    slots[slot][part] = written(letter, !melody.inferred.has("octave")); // of several at once the highest stays
  });
  return slots.map((slot) => slot.join(""));
}
