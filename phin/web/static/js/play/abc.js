// Folk tunes in ABC notation, as phin/music/abc.py, where it stands what is unusual here, and why. It reads by Python's
// own expressions.

import { ACCOMPANIMENT, FILES, MELODY, STEPS_PER_HONG, UNKNOWN } from "./tables.js";
import { lcm } from "./divisors.js";
import { Fraction } from "./fraction.js";
import { quantise } from "./grid.js";
import { MAX_TEMPO, MIN_TEMPO } from "./midi_limits.js";
import { Metre, phraseOf, sorted } from "./phrase.js";
import { Refusal, refuse } from "./refusal.js";
import { inWords, quoted, stripped, wholeNumber } from "./words.js";

const { longest_pickup: LONGEST_PICKUP, natural: NATURAL, accidental: ACCIDENTAL, modes: MODES } = FILES.abc;
const { fifths: FIFTHS, tuplet_time: TUPLET_TIME } = FILES.abc;
const TOKEN = new RegExp(FILES.abc.token, "gu");
const KEY = new RegExp(`^(?:${FILES.abc.key})`, "u");
const BEATS = new RegExp(`^(?:${FILES.abc.beats})`, "u");
const WORDS = new RegExp(`[^${FILES.blank}][ \\t]*\\n[ \\t]*\\n[^|]*(?![^])`, "gu");
const KINDS = ["field", "note", "ending", "hanger", "skip", "bar", "newline", "broken", "tie", "rest"].concat(
  ["tuplet", "chord", "symbol", "overlay", "unknown"],
);
const FARTHEST = 2n ** 31n;
const ONE = new Fraction(1), NOTHING = new Fraction(0); // prettier-ignore

const numOf = (text, letter) => text.split(letter).length - 1;

/** The phrases of every tune of a file; stops at the first that cannot be read. Throws Refusal. */
export function readAbc(bytes, where) {
  const tunes = splitTunes(decoded(bytes));
  if (!tunes.length) refuse(where, "holds no tune", "begin each tune with X:1 and end its head with K:");
  return tunes.map((tune) => readTune(tune, where));
}

/** A file's text: UTF-8, else Latin-1, which older files are in. */
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** A file's tunes, {number, line, text}, in order; what stands before the first `X:` belongs to none. */
function splitTunes(all) {
  const text = all.replace(/\r\n?/g, "\n");
  const starts = [...text.matchAll(/(?<![^\n])[ \t]*X:([^%\n]*)/gu)];
  let line = 1, before = 0; // prettier-ignore
  return starts.map((start, place) => {
    line += numOf(text.slice(before, start.index), "\n");
    before = start.index;
    return { number: stripped(start[1]), line, text: text.slice(before, starts[place + 1]?.index) };
  });
}

/** The tune as a phrase; a Refusal names its line in the file `where`. */
function readTune({ number, line, text: written }, where) {
  const text = written.replace(/(?<!\\)%[^\n]*/gu, "").replaceAll("=3D", "=");
  const [head, end] = extentOf(text);
  const reader = new Reader();
  let position = 0;
  try {
    for (const field of text.slice(0, head).matchAll(/(?<![^\n])[ \t]*([A-Za-z]):([^\n]*)/gu)) {
      position = field.index;
      reader.readField(field[1], field[2]);
    }
    if (!stripped(text.slice(head, end))) wrong("holds no music", "write its notes after the K: line, or leave the tune out");
    for (const token of lastEndings(firstVoice(text, head, end, reader.voice))) {
      position = token.index;
      reader.read(token);
    }
    position = 0;
    return reader.phrase();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const place = position >= head ? `bar ${reader.numBars + 1}` : `tune ${number}`;
    const at = line + numOf(text.slice(0, position), "\n");
    return refuse(`${where}:${at}`, `${place} ${error.reason}`, error.remedy);
  }
}

/** Why a tune is refused; readTune puts in the place. */
const wrong = (reason, remedy) => refuse("", reason, remedy);

/** Where the music begins and ends: after `K:` (or the head's last field), and before a blank line and words. */
function extentOf(text) {
  const key = /(?<![^\n])[ \t]*K:[^\n]*/u.exec(text);
  const fields = /^(?:[ \t]*(?:[A-Za-z]:(?![|:])[^\n]*)?(?:\n|(?![^])))*/u.exec(text);
  const head = key ? key.index + key[0].length : fields[0].length;
  WORDS.lastIndex = head;
  const words = WORDS.exec(text);
  return [head, words ? words.index + 1 : text.length];
}

/** The tokens of a text from one place to another: matches, each with its `kind`. */
function* tokensOf(text, start = 0, end = text.length) {
  const token = new RegExp(TOKEN), read = text.slice(0, end); // prettier-ignore
  token.lastIndex = start;
  for (let match = token.exec(read); match; match = token.exec(read)) {
    match.kind = KINDS.find((kind) => match.groups[kind] !== undefined);
    yield match;
  }
}

/** The tokens of the music in the voice that comes first; `named` is the first that the head names. */
function* firstVoice(text, start, end, named) {
  let voice = named, first = named, begun = false; // prettier-ignore
  for (const token of tokensOf(text, start, end)) {
    if (token.kind === "field" && token[0].replace(/^\[+/, "")[0] === "V") {
      [voice] = stripped(token[0].replace(/^[[\]]+|[[\]]+$/g, "").slice(2)).split(" ");
      first = first || (begun ? "1" : voice);
    } else if (voice === first) {
      begun = begun || token.kind === "note";
      yield token;
    }
  }
}

/** The tokens without the endings that a later ending replaces: what a listener hears last is kept. */
function lastEndings(tokens) {
  const kept = [...tokens];
  const endings = kept.flatMap(({ kind }, index) => (kind === "ending" ? [index] : []));
  for (let place = endings.length - 2; place >= 0; place--) {
    const [first, second] = [endings[place], endings[place + 1]];
    if (!(kept[second].groups.pass > kept[first].groups.pass)) continue;
    const closes = ({ groups }) => /:|\]|\|\|/.test(groups.bar ?? "");
    const found = kept.slice(first, second).findIndex(closes);
    const close = found < 0 ? second : first + found;
    const between = kept.slice(first + 1, close).filter(({ kind }) => kind === "field");
    kept.splice(first + 1, close - first - 1, ...between);
  }
  return kept;
}

/** What has been read of a tune so far; it takes tokens one by one. Times in quarters. */
class Reader {
  title = "";
  beats = "";
  voice = null;
  metre = null;
  changesMetre = false;
  unit = null; // a length of 1
  signature = {}; // semitones by which a letter is raised, in the key
  altered = {}; // and in the bar
  now = NOTHING;
  barStart = NOTHING;
  numBars = 0;
  lines = []; // bar lines
  notes = [];
  sounding = new Map(); // by the pitch without accidental; the last note or chord
  tied = new Map(); // those of them that go on
  lastLength = null;
  lean = ONE;
  tuplet = ONE;
  tupletLeft = 0;
  lengths = new Map();

  read(token) {
    const { groups } = token;
    if (token.kind === "field") {
      const text = token[0];
      if (text[0] === "[") this.readField(text[1], text.slice(3, -1));
      else this.readField(text[0], text.slice(2));
    } else if (token.kind === "note") this.note(groups);
    else if (token.kind === "bar") this.bar();
    else if (token.kind === "newline") this.newline();
    else if (token.kind === "broken") this.broken(token[0]);
    else if (token.kind === "tie") this.tied = this.sounding;
    else if (token.kind === "rest") this.rest(groups);
    else if (token.kind === "tuplet") this.beginTuplet(groups);
    else if (token.kind === "chord") this.chord(token);
    else if (token.kind === "unknown") unknown(token);
  }

  readField(letter, text) {
    const value = stripped(text);
    if (letter === "T") this.title = this.title || value;
    else if (letter === "V") this.voice = this.voice || value.split(" ")[0];
    else if (letter === "K") this.signature = signatureOf(value);
    else if (letter === "L") {
      const length = /^([1-9]\p{Nd}?)(?:\/([1-9]\p{Nd}{0,2}))?/u.exec(value);
      if (!length) wrong(`has the unit length ${quoted(value)}`, "write a fraction such as L:1/8");
      this.unit = new Fraction(4 * wholeNumber(length[1]), wholeNumber(length[2] ?? "1"));
      this.lengths.clear();
    } else if (letter === "M") {
      const metre = metreOf(value);
      this.changesMetre ||= this.notes.length > 0 && String(metre) !== String(this.metre);
      this.metre = metre;
    } else if (letter === "Q" && !this.beats && !this.notes.length) {
      const said = stripped(value.replace(/"[^"]*"/g, ""));
      this.beats = BEATS.test(said) ? said : "";
    }
  }

  bar() {
    this.numBars += Number(!this.now.equals(this.barStart));
    this.barStart = this.now;
    this.lines.push(this.now);
    this.altered = {};
  }

  /** A bar line that was left out, where the bar is full; accidentals go on. */
  newline() {
    const since = this.now.minus(this.barStart);
    if (this.metre && since.numerator && !since.modulo(barLength(this.metre)).numerator) this.lines.push(this.now);
  }

  note(groups) {
    const [written, pitch] = this.pitch(groups);
    const length = this.scaled(this.length(groups.length));
    this.sound([[written, pitch, length]], length);
  }

  /** The next note comes when the chord's first ends, as ABC has it, however long the others are. */
  chord(token) {
    const { heads: inside, old_heads: old, chord_length: length } = token.groups;
    const scale = this.scaled(this.length(length ?? "").over(this.length("")));
    const heads = [], ties = new Set(); // prettier-ignore
    for (const head of tokensOf(inside ?? old)) {
      if (head.kind === "note") heads.push([...this.pitch(head.groups), this.length(head.groups.length).times(scale)]);
      else if (head.kind === "tie" && heads.length) ties.add(heads.at(-1)[0]);
      else if (!["skip", "symbol", "newline", "rest"].includes(head.kind)) unknown(head);
    }
    if (!heads.length) unknown(token);
    this.sound(heads, heads[0][2]);
    this.tied = new Map([...this.sounding].filter(([written]) => ties.has(written)));
  }

  /** Notes that begin now, or go on where they were tied; the highest is the melody. */
  sound(heads, length) {
    const sounding = new Map();
    const top = Math.max(...heads.map(([, pitch]) => pitch));
    for (const [written, pitch, duration] of heads) {
      const tied = this.tied.get(written);
      if (tied && tied.pitch === pitch) {
        tied.duration = tied.duration.plus(duration);
        sounding.set(written, tied);
      } else if ([...sounding.values()].every((note) => note.pitch !== pitch)) {
        const voice = pitch === top ? MELODY : ACCOMPANIMENT; // a unison on two strings is one note
        const note = { onset: this.now, duration, pitch, voice };
        sounding.set(written, note);
        this.notes.push(note);
      }
    }
    this.now = this.now.plus(length);
    Object.assign(this, { lastLength: length, sounding, tied: new Map() });
  }

  /** The MIDI number without the accidental, and with it. */
  pitch({ note, accidental, letter, octave }) {
    const written = NATURAL[letter] + 12 * (numOf(octave, "'") - numOf(octave, ","));
    const name = letter.toUpperCase();
    let shift;
    if (accidental) shift = this.altered[name] = ACCIDENTAL[accidental];
    else if (this.tied.has(written)) return [written, this.tied.get(written).pitch]; // a tie carries its accidental
    else shift = this.altered[name] ?? this.signature[name] ?? 0;
    if (written + shift < 0 || written + shift > 127) {
      wrong(`holds ${quoted(note)}, which no MIDI number can name`, "write it nearer to the stave");
    }
    return [written, written + shift];
  }

  rest({ kind, rest_length: text }) {
    let length = this.length(text);
    if ("ZX".includes(kind) && this.now.equals(this.barStart)) {
      if (!this.metre) wrong("rests for whole bars without a metre", "write M: in the head, or the rest with z");
      length = length.over(this.length("")).times(barLength(this.metre)); // in mid-bar, Z is a slip for z
    }
    length = this.scaled(length);
    this.now = this.now.plus(length);
    Object.assign(this, { lastLength: length, sounding: new Map(), tied: new Map() });
  }

  broken(signs) {
    if (this.lastLength === null) wrong(`leans with ${quoted(signs)} on no note`, "write a note before it");
    const short = new Fraction(1, 2 ** Math.min(signs.length, 8)), long = new Fraction(2).minus(short); // prettier-ignore
    const [before, after] = signs[0] === ">" ? [long, short] : [short, long];
    this.lean = after;
    const change = this.lastLength.times(before.minus(ONE));
    this.now = this.now.plus(change);
    for (const note of this.sounding.values()) note.duration = note.duration.plus(change);
  }

  beginTuplet({ p, q, r }) {
    const isCompound = this.metre !== null && [6, 9, 12].includes(this.metre.numerator);
    const time = wholeNumber(q ?? "") || TUPLET_TIME[p] || (isCompound ? 3 : 2);
    this.tuplet = new Fraction(time, Number(p));
    this.tupletLeft = wholeNumber(r ?? "") || Number(p);
  }

  /** The length within its broken rhythm and its tuplet, both of which move on by one. */
  scaled(length) {
    if (!this.lean.equals(ONE)) [length, this.lean] = [length.times(this.lean), ONE];
    if (this.tupletLeft) [length, this.tupletLeft] = [length.times(this.tuplet), this.tupletLeft - 1];
    return length;
  }

  /** Quarters that `3/2`, `/` or nothing stand for, before broken rhythm and tuplets. */
  length(text) {
    if (!this.lengths.has(text)) {
      const isShort = this.metre && barLength(this.metre).compare(new Fraction(3)) < 0;
      this.unit ??= new Fraction(1, isShort ? 4 : 2); // ABC's default: sixteenths in bars shorter than 3/4
      const [, whole, slashes, parts] = /(\p{Nd}*)\n?(\/*)(\p{Nd}*)/u.exec(text.replace(/^\n+/, ""));
      const many = wholeNumber(whole || "1"), divisor = parts ? wholeNumber(parts) : 2 ** slashes.length; // prettier-ignore
      if (!many || !divisor) wrong(`holds the length ${quoted(text)}`, "write lengths such as 2, /2 or 3/2");
      this.lengths.set(text, this.unit.times(new Fraction(many, divisor)));
    }
    return this.lengths.get(text);
  }

  /** All that was read, with step 0 on the downbeat of the first full bar. */
  phrase() {
    if (!this.notes.length) wrong("holds no notes", "write its notes after the K: line, or leave it out");
    const metre = this.changesMetre ? null : this.metre;
    const origin = originOf(this.notes[0].onset, this.lines, metre);
    const times = [origin, ...this.notes.flatMap(({ onset, duration }) => [onset, duration])];
    const denominators = new Set(times.map(({ denominator }) => denominator));
    const resolution = [...denominators].reduce(lcm, 1n); // ticks a quarter
    const ticks = ({ numerator, denominator }) => numerator * (resolution / denominator);
    const ends = this.notes.map(({ onset, duration }) => ticks(onset.plus(duration)));
    if (ends.some((end) => end >= FARTHEST)) wrong("divides the quarter too finely", "write its tuplets more simply");
    const notes = this.notes.map(({ onset, duration, pitch, voice }) => ({
      ...{ onset: Number(ticks(onset) - ticks(origin)), duration: Number(ticks(duration)), pitch },
      ...{ velocity: UNKNOWN, technique: UNKNOWN, voice },
    }));
    const { notes: steps, deviation } = quantise(sorted(notes), Number(resolution));
    const tempo = this.beats ? tempoOf(this.beats, this.length("")) : null;
    return phraseOf(steps, { metre, tempo, title: this.title, deviation });
  }
}

function unknown(token) {
  wrong(`holds ${quoted(token[0])}, which is no note`, "mend the line, or leave the tune out");
}

/** The time of step 0. Whole bars of rest before the first note are left out. */
function originOf(first, lines, metre) {
  if (metre === null) {
    const far = lines.length ? lines[0].minus(first) : null;
    return far && far.compare(NOTHING) >= 0 && far.compare(new Fraction(LONGEST_PICKUP)) <= 0 ? lines[0] : first;
  }
  const bar = barLength(metre);
  const phases = new Map(); // of equals, the earliest in the tune
  for (const line of new Map(lines.map((each) => [String(each), each])).values()) {
    const phase = line.modulo(bar), before = phases.get(String(phase)); // prettier-ignore
    phases.set(String(phase), { phase, count: (before?.count ?? 0) + 1 });
  }
  let origin = NOTHING, most = 0; // prettier-ignore
  for (const { phase, count } of phases.values()) if (count > most) [origin, most] = [phase, count];
  const bars = first.minus(origin).whole(bar);
  return bars > 0n ? origin.plus(bar.times(new Fraction(bars))) : origin;
}

const barLength = (metre) => new Fraction(metre.bar, STEPS_PER_HONG);

function metreOf(value) {
  const written = { C: "4/4", "C|": "2/2" }[value] ?? value;
  const parts = /^\(?(\p{Nd}{1,3}(?:\+\p{Nd}{1,3})*)\)?\/(\p{Nd}{1,3})/u.exec(written);
  if (!parts) return null;
  try {
    return new Metre(parts[1].split("+").reduce((sum, each) => sum + wholeNumber(each), 0), wholeNumber(parts[2]));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

/** Semitones by which a key raises or lowers each letter. */
function signatureOf(value) {
  if (value === "Hp" || value === "HP") return { F: 1, C: 1 }; // the highland pipes
  if (value === "" || /^(?:none(?![\p{L}\p{N}_])|clef|treble|bass|alto|tenor|perc)/u.test(value)) return {};
  const key = KEY.exec(value)?.groups;
  const mode = key ? key.mode.toLowerCase().slice(0, 3) : "";
  if (!key || !(mode === "exp" || mode in MODES)) {
    wrong(`is in the key ${quoted(value)}`, "write a key such as K:G, K:Am or K:D dorian");
  }
  const fifths = FIFTHS.indexOf(key.tonic) - 1 + { "": 0, "#": 7, b: -7 }[key.mark] + (MODES[mode] ?? 0);
  const shifts = {};
  if (mode !== "exp") [...FIFTHS].forEach((name, place) => (shifts[name] = Math.floor((fifths + 6 - place) / 7)));
  for (const [, sign, name] of key.more.matchAll(/(\^\^?|__?|=)([A-Ga-g])(?![A-Za-z])/gu)) {
    shifts[name.toUpperCase()] = ACCIDENTAL[sign];
  }
  return shifts;
}

/** Microseconds a quarter; an old `Q:120` without a beat counts unit lengths, as ABC has it. */
function tempoOf(said, unit) {
  const { beats, rate } = BEATS.exec(said).groups;
  const each = (text) => new Fraction(...text.split("/").map(wholeNumber));
  const beat = beats ? inWords(beats).reduce((sum, text) => sum.plus(each(text)), NOTHING).times(new Fraction(4)) : unit;
  const found = new Fraction(60_000_000).over(beat.times(new Fraction(wholeNumber(rate)))).rounded();
  if (found < MIN_TEMPO || found > MAX_TEMPO) wrong(`has the tempo Q:${said}`, "write one of 4 to 1000 quarters a minute");
  return found;
}
