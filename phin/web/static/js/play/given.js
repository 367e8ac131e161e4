// A tune that is given, and what is done with it, as phin/generation/given.py: it is played on (continue), varied
// between its strong strokes (decorate), its rhythm kept (rhythm), or some hong are played anew (rewrite).

import { DRAWING, FIELDS, HONG_PER_LINE, METRES, MOST_LINES, PITCH, STEPS_PER_HONG } from "./tables.js";
import { ComesTo, GivenNotes, Length, OnlyMelody, Rhythm } from "./constraints.js";
import { beginOf, hongOf } from "./grid.js";
import { labelLai, laiNamed, named } from "./lai.js";
import { endOf, isMelody, letRestruckStringsStop, melodyOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { REQUEST, shown } from "./request.js";
import { closingTold, densityOf, encode, futureFirst } from "./tokenizer.js";
import { general } from "./words.js";

const { longest_given: LONGEST } = DRAWING;

export class Given {
  /** `hong` are those to rewrite, the first and the last, counted from 1; null unless use is rewrite. */
  constructor(phrase, use, hong = null) {
    const called = phrase.title ? `'${phrase.title}'` : "the given tune";
    Object.assign(this, { phrase, use, hong, melody: melodyOf(phrase), where: called });
    const { where, melody } = this;
    if (phrase.notes.length > LONGEST || !melody.length) {
      const reason = `has ${phrase.notes.length} notes, ${melody.length} of them of a melody`;
      refuse(where, reason, `give a tune of 1 to ${LONGEST}`);
    }
    if (phrase.inferred.has("onset")) {
      const remedy = "write it with hyphens, in hong of four slots";
      refuse(where, "is in a shorthand that leaves its rhythm out", remedy);
    }
    if (phrase.metre !== null && !METRES.includes(String(phrase.metre))) {
      refuse(where, `is in ${phrase.metre}, which the model does not know`, "write it in another metre");
    }
    this.refuseWhatNoRowHolds();
    if ((use === "rewrite") !== (hong !== null)) {
      refuse("rewrite", "goes with use=rewrite, and use=rewrite with it", "say which hong: rewrite=3-6");
    }
    if (hong === null) return;
    const [first, last] = hong;
    const asked = first === last ? `rewrite=${first}` : `rewrite=${first}-${last}`;
    if (last < first) refuse(asked, "is the wrong way round", `write rewrite=${last}-${first}`);
    if (!(first >= 1 && first <= last && last <= this.numHong)) {
      refuse(asked, `${where} has hong 1 to ${this.numHong}`, "take some of these, as rewrite=3-6");
    }
    if (this.stays.every(Boolean)) {
      const reason = `${where} has no melody note there, so there is nothing to play anew`;
      refuse(asked, reason, "take hong that hold some");
    }
  }

  /** A rest that its rhythm would need, or a note that stays, and that no row can hold. */
  refuseWhatNoRowHolds() {
    const { phrase, melody, use, where } = this;
    const { lowest, highest } = FIELDS[PITCH];
    if (use === "rhythm") {
      const isFirst = ({ onset }, at) => onset !== melody[at - 1]?.onset;
      const struck = melody.filter(isFirst).map((note) => ({ ...note, duration: 1, pitch: lowest }));
      encode({ ...phrase, notes: struck, title: where });
    }
    if (use !== "decorate") return;
    const strange = melody.find(({ pitch }, at) => this.stays[at] && (pitch < lowest || pitch > highest));
    if (strange === undefined) return;
    const reason = `has pitch ${strange.pitch} where a note stays, and ${lowest} to ${highest} can be held`;
    refuse(where, reason, "move it by whole octaves first");
  }

  get numHong() {
    return hongOf(this.phrase, beginOf(this.phrase));
  }

  /** The request, in the metre and tempo of the tune and as long as what is made of it. */
  request(request) {
    const { where, phrase, use, numHong } = this;
    const metre = phrase.metre ? String(phrase.metre) : request.metre;
    if (request.metre !== REQUEST.metre && request.metre !== metre) {
      refuse(`metre=${request.metre}`, `${where} is in ${metre}`, "leave it out");
    }
    const continues = use === "continue";
    for (const name of ["lines", "hong", "about"]) {
      if (continues || request[name] === REQUEST[name]) continue;
      refuse(shown(name, request[name]), `means nothing with use=${use}: ${where} says how long it is`, "leave it out");
    }
    let lines = Math.ceil(numHong / HONG_PER_LINE), hong = null; // prettier-ignore
    const isOtherwiseSaid = request.blend === 1 && request.other.tempo !== null;
    const tempo = request.tempo || (phrase.tempo && !isOtherwiseSaid ? 60e6 / phrase.tempo : null);
    const room = MOST_LINES - lines;
    if (room < (continues ? 1 : 0)) {
      refuse(where, `has ${lines} lines already`, `give a tune of fewer than ${MOST_LINES}`);
    }
    if (continues && request.hong !== null) {
      hong = numHong + request.hong;
      const most = MOST_LINES * HONG_PER_LINE;
      if (hong > most) {
        const reason = `is too much after ${where}, which has ${numHong}: ${most} are the most in all`;
        refuse(`hong=${request.hong}`, reason, `take 1 to ${most - numHong}`);
      }
      lines = REQUEST.lines;
    } else if (continues) {
      if (request.lines > room) {
        const reason = `is too much after ${where}, which has ${lines}: ${MOST_LINES} are the most in all`;
        refuse(`lines=${request.lines}`, reason, `take 1 to ${room}`);
      }
      lines += request.lines;
    }
    return { ...request, lines, hong, metre, tempo };
  }

  /**
   * The rows that a tune begins with; null where it begins with none. What comes after rewritten hong is told first.
   */
  beginning() {
    if (this.use !== "continue" && this.use !== "rewrite") return null;
    let encoded = encode(this.phrase), rows = this.phrase.notes.length; // prettier-ignore
    if (this.use === "rewrite") {
      encoded = closingTold(encoded);
      const [first, end] = this.span;
      const onsets = this.phrase.notes.map(({ onset }) => onset);
      rows = onsets.filter((onset) => onset < first).length;
      const later = onsets.filter((onset) => onset < end).length;
      if (later > 0 && later < onsets.length) encoded = futureFirst(encoded, later);
    }
    const stop = encoded.given + 1 + rows;
    return { ...encoded, ids: encoded.ids.slice(0, stop), onset: encoded.onset.slice(0, stop) };
  }

  /** At which steps notes must come that what is new comes before. */
  get laterStrokes() {
    const steps = this.constraints().flatMap((each) => {
      if (each instanceof Length) return [each.lastStroke];
      return each instanceof GivenNotes ? each.notes.map(([onset]) => onset) : [];
    });
    return [...new Set(steps)].sort((a, b) => a - b);
  }

  /** What a tune made of it keeps to, besides what else is wished. */
  constraints() {
    const { melody, use } = this;
    if (use === "continue") return [];
    if (use === "rhythm") return [new Rhythm([...new Set(melody.map(({ onset }) => onset))])];
    const last = melody.at(-1);
    if (use === "decorate") {
      const strong = melody.filter(({ onset }) => onset % STEPS_PER_HONG === 0);
      const kept = new Map([...strong, last].map(({ onset, pitch }) => [onset, pitch]));
      return [new Length(last.onset), new GivenNotes([...kept].sort((a, b) => a[0] - b[0]))];
    }
    const later = melody.find(({ onset }) => onset >= this.span[1]);
    if (!later) return [new Length(last.onset), new OnlyMelody()];
    const { onset, pitch } = later; // what is new comes to it; the rest need not be played again
    return [new ComesTo(onset), new OnlyMelody(), new GivenNotes([[onset, pitch]], this.span)];
  }

  /** What was drawn, with what was to stay as it was given. */
  finished(drawn) {
    if (this.use !== "rewrite") return drawn;
    const [first, end] = this.span;
    const isNew = ({ onset }) => onset >= first && onset < end;
    const notes = [...this.phrase.notes.filter((note) => !isNew(note)), ...drawn.notes.filter(isNew)];
    const made = {
      ...this.phrase,
      notes: letRestruckStringsStop(sorted(notes)),
      deviation: null,
      title: drawn.title,
      tempo: drawn.tempo,
    };
    return named(made, labelLai(made));
  }

  /** What of the notes that stay goes against wishes, a line each. */
  against(wishes, request) {
    const { melody, stays } = this, found = []; // prettier-ignore
    const kept = melody.filter((_, note) => stays[note]);
    const lai = laiNamed(request.lai);
    if (wishes.lai && lai && !kept.every(({ pitch }) => lai.pitch_classes.includes(pitch % 12))) {
      found.push(`keep.lai binds what is new: of the notes that stay some are not in lai ${lai.name}`);
    }
    const closes = this.use !== "continue" && stays.at(-1);
    if (wishes.tonic && lai && closes && melody.at(-1).pitch % 12 !== lai.tonic) {
      found.push(`keep.tonic binds what is new: the last note stays, and is not the tonic of lai ${lai.name}`);
    }
    if (wishes.melody && !this.leavesRoomForADrone) {
      found.push("keep.melody binds what is new: of the notes that stay some are struck under the melody");
    }
    const far = wishes.outOfHand(kept.map(({ pitch }) => pitch)); // prettier-ignore
    if (far) {
      const at = `the hand at fret ${wishes.hand}`;
      found.push(`keep.hand binds what is new: of the notes that stay ${far} lie where ${at} does not reach`);
    }
    const gaps = kept.slice(1).map(({ onset }, at) => onset - kept[at].onset);
    const nearest = Math.min(STEPS_PER_HONG * MOST_LINES, ...gaps);
    if (wishes.most_notes !== null && nearest < wishes.leastSteps(request)) {
      found.push("keep.most_notes binds what is new: of the notes that stay some come faster");
    }
    return found;
  }

  /** Whether all that stays of it is melody. */
  get leavesRoomForADrone() {
    if (this.use !== "continue" && this.use !== "rewrite") return true;
    return this.phrase.notes.every((note) => isMelody(note) || !this.stay(note));
  }

  /** Whether the melody of what was made of it is its own, note for note. */
  isAsItWas(made) {
    const its = melodyOf(made);
    return (
      its.length === this.melody.length &&
      its.every(({ onset, pitch }, note) => onset === this.melody[note].onset && pitch === this.melody[note].pitch)
    );
  }

  /** Whether it rests from a step to another itself, so that nobody need play there. */
  rests(start, stop) {
    const { notes } = this.phrase;
    if (this.use === "rhythm") return true;
    if (this.use === "rewrite" && start < this.span[1] && stop > this.span[0]) return false;
    const sounds = notes.some((note) => note.onset < stop && endOf(note) > start);
    return stop <= notes.at(-1).onset && !sounds;
  }

  /** Which of its melody notes stay. */
  get stays() {
    return this.melody.map((note) => this.stay(note));
  }

  stay({ onset }) {
    if (this.use === "decorate") return onset % STEPS_PER_HONG === 0 || onset === this.melody.at(-1).onset;
    if (this.use === "rewrite") return onset < this.span[0] || onset >= this.span[1];
    return this.use === "continue";
  }

  /** The steps of the hong to rewrite. */
  get span() {
    const begins = beginOf(this.phrase);
    return [begins + (this.hong[0] - 1) * STEPS_PER_HONG, begins + this.hong[1] * STEPS_PER_HONG];
  }
}

/** What a tune of a request keeps to: what is wished, and what of a given tune stays. */
export function keptTo(wishes, request, given) {
  if (given === null) return wishes.constraints(request);
  const { use, where } = given;
  if ((use === "rhythm" || use === "rewrite") && wishes.melody) {
    refuse("keep.melody=true", `says nothing new with use=${use}, which plays one note at a time`, "leave it out");
  }
  if (use === "rhythm" && wishes.most_notes !== null) {
    const reason = "means nothing with use=rhythm, whose strokes come when the given tune's did";
    refuse(`keep.most_notes=${general(wishes.most_notes)}`, reason, "leave it out, or take use=decorate");
  }
  if (wishes.drone && !given.leavesRoomForADrone) {
    const reason = `cannot be under ${where}, which has a drone or chords already`;
    refuse("keep.drone=true", reason, "leave it out, or take use=decorate");
  }
  return [...wishes.constraints(request, given.laterStrokes), ...given.constraints()];
}

/** The style with what its example tune says: lai, tempo and density, where nothing else is said. */
export function ofExample(style, key, phrase) {
  if (style.like === null) return style;
  const found = labelLai(phrase).lai;
  const said = {
    lai: found?.name ?? null,
    tempo: phrase.tempo ? 60e6 / phrase.tempo : null,
    density: densityOf(phrase),
  };
  const known = Object.entries(said).filter(([, value]) => value !== null);
  const fresh = known.filter(([name]) => style[name] === null);
  if (!fresh.length) {
    const names = known.map(([name]) => name);
    const remedy = `leave it out, or let it say one of them, without ${key}${names[0]}=`;
    const reason = `says nothing new: its ${names.join(" and ")} are said otherwise`;
    refuse(`${key}like=${style.like}`, reason, remedy);
  }
  return { ...style, like: null, ...Object.fromEntries(fresh) };
}
