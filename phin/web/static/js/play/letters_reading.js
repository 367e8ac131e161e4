// A page of Thai letters as a phrase, as phin/music/notation.py reads it: where it cannot be read its place is named.

import { HAND, MELODY, READ_PAGE, UNKNOWN } from "./tables.js";
import { pageBegins, SLOTS_PER_HONG, STEPS_PER_SLOT } from "./grid.js";
import { isWritable, NATURAL, pitchOf } from "./letters.js";
import { letterOfSymbol, marksOf, Page, WORDS } from "./page_reading.js";
import { letRing, Metre, phraseOf, sorted } from "./phrase.js";
import { Refusal } from "./refusal.js";
import { counted, modulo, quoted } from "./words.js";

const { letters: LETTERS, unmarked_do: DO, most_octaves: MOST, duple: DUPLE } = READ_PAGE;
const TOKEN = new RegExp(`(?<held>\\.(?:\\s*\\.)+|…)|${READ_PAGE.symbol}|(?<blank>\\s+)|(?<strange>.)`, "gu");
const NAMES = [...LETTERS].join(" ");

/** {phrase, repairs}: the tune in a page's text; `where` is what a refusal calls it. */
export function parseLetters(text, where) {
  const page = new Page(where);
  const pieces = page.lines(text).flatMap(([number, line]) => piecesOf(number, line));
  const music = pieces.filter(({ isWords }) => !isWords).map((piece) => piece.text).join(""); // prettier-ignore
  const isShorthand = !/[|-]/.test(music);
  const slots = [], words = []; // prettier-ignore
  let before = 0, numHong = 0; // prettier-ignore
  for (const { line, text: piece, isWords } of pieces) {
    if (line !== before) [before, numHong] = [line, 0];
    if (isWords) words.push([slots.length, piece]);
    else if (isShorthand) slots.push(...shorthand(piece, page, line));
    else for (const cell of cellsOf(piece, page, line)) slots.push(...hongOf(cell, page, line, ++numHong));
  }
  if (isShorthand && slots.length) {
    page.facts.rhythm = "inferred";
    page.repairs.push("a player's shorthand: its rhythm is inferred");
  }
  return { phrase: phraseFrom(page, slots, words), repairs: page.repairs };
}

/** Pitches of a melody whose octaves nobody wrote: each as near to the one before as the phin's range allows. */
function nearestOctaves(pitchClasses) {
  const { lowest, highest } = HAND;
  const middle = (lowest + highest) / 2;
  const pitches = [];
  for (const pitchClass of pitchClasses) {
    const before = pitches.at(-1) ?? DO + pitchClass;
    let best = null;
    for (let pitch = lowest + modulo(pitchClass - lowest, 12); pitch <= highest; pitch += 12) {
      const farther = best === null ? -1 : Math.abs(pitch - before) - Math.abs(best - before);
      if (farther < 0 || (farther === 0 && Math.abs(pitch - middle) < Math.abs(best - middle))) best = pitch;
    }
    pitches.push(best);
  }
  return pitches;
}

/** The pieces of a line: music, and words. */
function piecesOf(line, text) {
  const pieces = [];
  let end = 0;
  const add = (music) => music.trim() && pieces.push({ line, text: plain(music), isWords: false });
  for (const words of text.matchAll(new RegExp(WORDS, "gu"))) {
    add(text.slice(end, words.index));
    pieces.push({ line, text: words[0].trim().replace(/:+$/, "").trim(), isWords: true });
    end = words.index + words[0].length;
  }
  add(text.slice(end));
  return pieces;
}

/** The same in one kind of dash, bar and digit. */
const plain = (music) =>
  [...music.normalize("NFC")].map((sign) => (Object.hasOwn(READ_PAGE.one_kind, sign) ? READ_PAGE.one_kind[sign] : sign)).join("");

const tokensOf = (text) => [...text.matchAll(TOKEN)];
const wordsIn = (text) => text.split(/\s+/).filter(Boolean);

/** The text of each hong in a piece of a line, with bars or without. */
function cellsOf(piece, page, line) {
  if (piece.includes("|")) {
    const cells = piece.split(/\|+/);
    return cells.slice(cells[0].trim() ? 0 : 1, cells.at(-1).trim() ? cells.length : -1);
  }
  if (!tokensOf(piece).some(({ groups }) => groups.letter || groups.digit || groups.hold)) {
    const remedy = `write ${NAMES}, 1 to 9 or -, and round brackets about words`;
    page.refuse(line, `${quoted(piece.trim())} is no notation`, remedy);
  }
  const groups = wordsIn(piece);
  if (groups.every((group) => tokensOf(group).length === SLOTS_PER_HONG)) return groups;
  if (groups.length % SLOTS_PER_HONG) {
    page.refuse(line, `has ${counted(groups.length, "slot")}, and four make a hong`, "write whole hong, with | between them");
  }
  const hong = [];
  for (let at = 0; at < groups.length; at += SLOTS_PER_HONG) hong.push(groups.slice(at, at + SLOTS_PER_HONG).join(" "));
  return hong;
}

/** The four slots of a hong, each a list of letters, null for a hyphen. */
function hongOf(cell, page, line, number) {
  const texts = wordsIn(cell);
  const slots = [];
  for (const text of texts) {
    const symbols = [];
    for (const token of tokensOf(text)) {
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
    if (STEPS_PER_SLOT % slot.length === 0) return;
    const reason = `hong ${number}, slot ${place + 1}: ${slot.length} letters share a slot`;
    page.refuse(line, reason, "write one, two or three in a slot");
  });
  return slots;
}

/** The letter of a token, null for a hyphen. */
function symbolOf(token, page, line, place) {
  const { strange, held, hold } = token.groups;
  if (strange || held) {
    const reason = `${place}: ${quoted(token[0])} is no letter of the seven`;
    page.refuse(line, reason, `write ${NAMES}, 1 to 9, or - where nothing is struck`);
  }
  if (hold) return null;
  if (new Set(marksOf(token)).size > 1) {
    page.refuse(line, `${place}: ${token[0]} is high and low at once`, "leave one of its marks out");
  }
  const letter = letterOfSymbol(token);
  if (!isWritable(letter)) {
    const reason = `${place}: ${token[0]} is more than ${MOST} octaves from the unmarked letters`;
    page.refuse(line, reason, "leave some of its marks out");
  }
  return letter;
}

/** The slots of groups of letters between slashes; dots after a letter, four a hong, hold it for whole hong. */
function shorthand(piece, page, line) {
  const slots = [];
  for (const group of piece.split("/")) {
    let letters = [];
    for (const token of tokensOf(group)) {
      if (token.groups.held) {
        slots.push(...inferredRhythm(letters));
        const dots = Math.max(token[0].split(".").length - 1, 1);
        slots.push(...Array.from({ length: Math.ceil(dots / SLOTS_PER_HONG) * SLOTS_PER_HONG }, () => [null]));
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
  const slots = alone.flatMap((letter) => [[null], [null], [null], [letter]]);
  return [...slots, ...letters.slice(alone.length).flatMap((letter) => [[null], [letter]])];
}

/** The notes where their slots are, each ringing until the next. */
function phraseFrom(page, slots, words) {
  const { facts } = page;
  const metre = facts.metre ?? Metre.parse(DUPLE);
  const begins = pageBegins(metre);
  const at = (slot) => begins + slot * STEPS_PER_SLOT;
  const struck = slots.flatMap((slot, place) => {
    const step = (share) => at(place) + Math.floor((share * STEPS_PER_SLOT) / slot.length);
    return slot.map((letter, share) => ({ letter, onset: step(share) })).filter(({ letter }) => letter !== null);
  });
  if (!struck.length) throw new Refusal(page.where, "has no letters", `write letters (${NAMES}) in hong of four slots`);
  const inferred = new Set(["duration"]);
  const letters = struck.map(({ letter }) => letter);
  let pitches = letters.map(pitchOf);
  if (facts.octaves !== "marked" && !letters.some(({ octave }) => octave)) {
    inferred.add("octave");
    pitches = nearestOctaves(letters.map(({ place }) => NATURAL[place]));
  }
  if (facts.octaves === "inferred") inferred.add("octave");
  if ("rhythm" in facts) inferred.add("onset");
  const unknown = { duration: UNKNOWN, velocity: UNKNOWN, technique: UNKNOWN, voice: MELODY };
  const notes = struck.map(({ onset }, note) => ({ onset, pitch: pitches[note], ...unknown }));
  const said = { ...page.ofThePhrase, metre, inferred, words: words.map(([slot, text]) => [at(slot), text]) };
  return phraseOf(letRing(sorted(notes), at(slots.length)), said);
}
