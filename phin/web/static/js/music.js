// Steps, hong, slots, letters, frets: what phin/music/ knows, as far as a page needs it.

export const HONG = 24; // steps of a hong (ห้อง), a quarter note
export const SLOT = 6;
export const BEAT = 18; // from the beginning of a hong to its slot 4, which is the beat
export const HONG_PER_LINE = 8;

const LETTERS = "ดรมฟซลท";
const NATURAL = [0, 2, 4, 5, 7, 9, 11];
const UP = "\u0e4d"; // nikhahit
const DOWN = "\u0e3a"; // phinthu
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

export const pitchClass = (pitch) => ((pitch % 12) + 12) % 12;
export const pitchName = (pitch) => NAMES[pitchClass(pitch)] + (Math.floor(pitch / 12) - 1);

/** The letter of a MIDI pitch with its octave dots (phin/music/letters.py); null where it has none, as C♯ has. */
export function letterOf(pitch) {
  const octave = Math.floor((pitch - 60) / 12);
  const place = NATURAL.indexOf(pitchClass(pitch));
  if (place < 0 || Math.abs(octave) > 2) return null;
  return LETTERS[place] + (octave >= 0 ? UP.repeat(octave) : DOWN.repeat(-octave));
}

export const bareLetter = (pitch) => letterOf(60 + pitchClass(pitch));

export const hongOf = (step, begins) => Math.floor((step - begins) / HONG);
export const beginOfHong = (hong, begins) => begins + hong * HONG;

/** In Hz; `cents` moves the whole instrument. */
export const frequencyOf = (pitch, cents = 0) => 440 * 2 ** ((pitch - 69 + cents / 100) / 12);

/**
 * The melody in letters: an array of hong, each of four slots, each a list of what stands in it ("-", one letter, or
 * the two or three that share it). As phin.music.notation.lettered_slots has it; what lies off halves and thirds of a
 * slot, which it refuses, stands in the nearest third here, beside what stands there already, so that nothing that
 * sounds is left out. Octaves that nobody wrote stay unmarked (`marked`).
 */
export function lettered(notes, begins, numHong, marked = true) {
  const bySlot = new Map();
  for (const note of notes) {
    if (note.voice !== "melody") continue;
    const slot = Math.floor((note.onset - begins) / SLOT);
    if (!bySlot.has(slot)) bySlot.set(slot, []);
    bySlot.get(slot).push(note);
  }
  const page = Array.from({ length: numHong }, () => [["-"], ["-"], ["-"], ["-"]]);
  for (const [slot, struck] of bySlot) {
    const hong = page[slot >> 2];
    if (!hong) continue;
    const within = struck.map((note) => note.onset - begins - slot * SLOT);
    const share = [1, 2, 3].find((parts) => within.every((step) => step % (SLOT / parts) === 0)) ?? 3;
    const parts = Array(share).fill("-");
    struck.forEach((note, place) => {
      const letter = (marked ? letterOf(note.pitch) : bareLetter(note.pitch)) ?? pitchName(note.pitch);
      const part = Math.min(Math.round((within[place] * share) / SLOT), share - 1);
      parts[part] = parts[part] === "-" ? letter : parts[part] + letter;
    });
    hong[slot & 3] = parts;
  }
  return page;
}

/**
 * The tune in tablature: an array of hong, each of as many rows as there are strings, the highest on top, each of four
 * cells: the frets struck in a slot, or "".
 */
export function inTablature(notes, begins, numHong, numStrings) {
  const page = Array.from({ length: numHong }, () => Array.from({ length: numStrings }, () => ["", "", "", ""]));
  for (const { onset, string, fret } of notes) {
    if (string === null || string === undefined || string > numStrings) continue;
    const hong = page[Math.floor((onset - begins) / HONG)];
    if (!hong) continue;
    const slot = Math.floor(((((onset - begins) % HONG) + HONG) % HONG) / SLOT);
    const cell = hong[string - 1];
    cell[slot] = cell[slot] === "" ? String(fret) : `${cell[slot]} ${fret}`;
  }
  return page;
}

/** How many hong a page needs that holds these notes, one at least. */
export function hongNeeded(notes, begins) {
  return notes.reduce((most, note) => Math.max(most, hongOf(note.onset, begins) + 1), 1);
}

/** The last lines of a tune that is longer than one that is played on can be (`about.play.drawing`); else the tune. */
export function lastLines(tune, { longest_given: mostNotes, most_lines: mostLines }) {
  const { notes, begins, num_hong: numHong } = tune;
  const mostHong = HONG_PER_LINE * (mostLines - 1); // what is played on gets a line more
  if (notes.length <= mostNotes && numHong < mostHong) return tune;
  const first = notes[Math.max(notes.length - mostNotes / 2, 0)].onset;
  const hong = Math.max(hongOf(first, begins), numHong - mostHong / 2);
  const left = HONG_PER_LINE * Math.ceil(hong / HONG_PER_LINE);
  const by = left * HONG;
  const moved = notes.filter(({ onset }) => onset >= begins + by).map((note) => ({ ...note, onset: note.onset - by }));
  return { ...tune, notes: moved, num_hong: numHong - left };
}

/** Where a finger stops a string, as a share of its length: just behind the fret; before the nut for an open one. */
export function fingerAt(fret, distances) {
  return fret ? (distances[fret - 1] + 2 * distances[fret]) / 3 : -0.022;
}

/** The open string that drones under a lai (phin.music.fretboard.open_drones): its tonic, else its fifth; or null. */
export function droneOf(lai, tuning) {
  if (!lai || !tuning) return null;
  for (const above of [0, 7]) {
    const wanted = (lai.tonic + above) % 12;
    for (let string = tuning.strings.length; string >= 1; string--) {
      const pitch = tuning.strings[string - 1];
      if (pitchClass(pitch) === wanted) return { pitch, string, fret: 0 };
    }
  }
  return null;
}

/** The notes without the strokes of a drone of these pitches; the lower notes of chords are none, and stay. */
export function withoutDrone(notes, pitches) {
  const isChords = (technique) => technique && technique !== "drone";
  return notes.filter(({ voice, pitch, technique }) => {
    return voice === "melody" || isChords(technique) || !pitches.includes(pitch);
  });
}

/** The notes, each of which ends where its pitch is struck again (phin.music.phrase.let_restruck_strings_stop). */
export function letRestruckStringsStop(notes) {
  const ended = [...notes], again = new Map(); // prettier-ignore
  for (let place = notes.length - 1; place >= 0; place--) {
    const note = notes[place], onset = again.get(note.pitch); // prettier-ignore
    const isCut = note.duration !== null && onset < note.onset + note.duration;
    if (isCut) ended[place] = { ...note, duration: onset - note.onset };
    again.set(note.pitch, note.onset);
  }
  return ended;
}

/** How long a note sounds, in steps: as written, else until the next of its voice, else a hong. */
export function lengthOf(note, place, notes) {
  if (note.duration !== null && note.duration !== undefined) return note.duration;
  for (let next = place + 1; next < notes.length; next++) {
    if (notes[next].voice === note.voice && notes[next].onset > note.onset) return notes[next].onset - note.onset;
  }
  return HONG;
}
