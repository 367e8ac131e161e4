// A tune on the page, as far as it is drawn: its notes, where it begins, how far it is known, when it has ended.

import { HONG, hongNeeded, lengthOf, letRestruckStringsStop } from "./music.js";

export class Session extends EventTarget {
  /** `settings` are those that it is drawn with; `given` is the tune that it is made of, packed for the address. */
  constructor(settings, given = null) {
    super();
    Object.assign(this, { settings, given, notes: [], begins: -42, tempo: settings.tempo, metre: "2/4" });
    Object.assign(this, { lai: settings.lai, tuning: settings.tuning, tune: null, ended: false, graph: null });
    this.drawn = []; // onsets of the notes that were told one by one
  }

  /** A tune that is there already: its lai and tuning are its own, or none. */
  static of(tune, settings, given = null) {
    const session = Object.assign(new Session(settings, given), { lai: null, tuning: null });
    session.end(tune);
    return session;
  }

  /** Whether it is the tune of its settings and seed, and none that came from elsewhere. */
  get isDrawn() {
    return !this.given || Boolean(this.settings.use);
  }

  /** The step before which nothing will be added: the onset of the last note, or no end where the tune has one. */
  get horizon() {
    if (this.ended) return Infinity;
    return this.notes.length ? this.notes[this.notes.length - 1].onset : -Infinity;
  }

  /** Where the first note is struck. */
  get first() {
    return this.notes.length ? this.notes[0].onset : this.begins;
  }

  /** The step at which all has been said. */
  get last() {
    const ends = (note, place) => note.onset + lengthOf(note, place, this.notes);
    return this.notes.reduce((most, note, place) => Math.max(most, ends(note, place)), this.begins + HONG);
  }

  /** Whether its page says which octave each letter is in. */
  get marked() {
    return !this.tune?.inferred?.includes("octave");
  }

  get numHong() {
    return this.tune ? this.tune.num_hong : hongNeeded(this.notes, this.begins);
  }

  begin({ tempo, metre, begins, lai, tuning, graph }, notes = []) {
    Object.assign(this, { begins, metre, graph, lai: lai ?? this.lai, tuning: tuning ?? this.tuning });
    this.tempo = tempo ?? this.tempo;
    this.notes = [...notes];
    this.tell("begin");
  }

  add(note) {
    let place = this.notes.length;
    while (place && this.notes[place - 1].onset > note.onset) place--;
    this.notes.splice(place, 0, note);
    this.drawn.push(note.onset);
    this.tell("note");
  }

  /** The whole tune takes the place of what was told note by note: it has strings for good, and its drone. */
  end(tune) {
    Object.assign(this, { tune, notes: tune.notes, begins: tune.begins, metre: tune.metre, ended: true });
    this.tempo = tune.tempo ?? this.tempo;
    this.lai = tune.lai ?? this.lai;
    this.tuning = tune.tuning ?? this.tuning;
    this.tell("end");
  }

  /** Nothing more will come. */
  stop() {
    if (this.ended) return;
    this.ended = true;
    this.tell("end");
  }

  /** What was drawn as a TuneSource holds it, at the tempo that it is heard in; null before there is anything. */
  source(tempo = this.tempo) {
    if (!this.notes.length) return null;
    const { metre, lai, tuning, begins, numHong } = this;
    const notes = letRestruckStringsStop(this.notes); // as drawn, one may ring beyond that
    const drawn = { title: "", metre, lai, source: null, tuning, drone: [], begins, num_hong: numHong, notes };
    return { tune: { ...drawn, ...this.tune, tempo, letters: null, tablature: null, said: [] } };
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
