// What the page shows of its tune, and what lights while it sounds.

import { Refused, RefusedHere } from "./api.js";
import { HONG, SLOT, lengthOf } from "./music.js";
import { currentLanguage, said, t } from "./i18n.js";

const byId = (id) => document.getElementById(id);

export class Display {
  constructor(app) {
    this.app = app;
    this.stand = { key: null, values: {} };
    this.refused = null;
  }

  /** Says what a tune is. */
  told(tune) {
    const found = this.app.about.lai.find((each) => each.name === tune.lai && tune.lai !== "none");
    const lai = () => (found ? (currentLanguage() === "th" ? found.thai.replace(/^ลาย/, "") : found.name) : "");
    const notes = tune.notes.filter((note) => note.voice === "melody").length;
    this.say(found ? "drawn" : "drawnNone", () => ({ hong: tune.num_hong, lai: lai(), notes }));
  }

  /** Puts the page into the state of its session. */
  show() {
    const { session } = this.app;
    if (!this.app.about) return;
    byId("empty").hidden = Boolean(session?.notes.length);
    byId("back").hidden = !this.app.before.length;
    byId("again").hidden = !session?.notes.length;
    byId("page-head").hidden = !session;
    byId("model").textContent = t("model", this.app.about);
    this.app.saving.show();
    this.app.work.show();
    const why = session?.settings.drone && this.app.whyNoDrone(session.settings, session.given);
    const lines = [...(why === "underChords" ? [t("crowded")] : []), ...(session?.tune?.said ?? [])];
    const items = lines.map((line) => Object.assign(document.createElement("li"), { textContent: said(line) }));
    byId("said").replaceChildren(...items);
    byId("caption").textContent = this.caption();
    if (session) this.app.score.show(session, this.app.tuning.strings.length);
    if (session?.tune && this.neckOf !== session) {
      this.neckOf = session;
      this.app.changed("session");
      this.app.practice.loop();
    }
    this.showFrom();
    this.showChoice();
    this.showPlaying();
  }

  /** Says what the next tune is made of, where that is a given one. */
  showFrom() {
    const { settings, given } = this.app;
    byId("from").hidden = !settings.use || !given;
    if (!settings.use || !given) return;
    const tune = given.source.tune.title || t("unnamed");
    byId("from-said").textContent = t(settings.use === "continue" ? "goesOnFrom" : "madeFrom", { tune });
  }

  caption() {
    const { session } = this.app;
    if (!session) return t("page");
    const title = session.isDrawn && /^phin \d/.test(session.tune?.title) ? "" : session.tune?.title;
    const { lai: found } = this.app;
    const lai = found && (currentLanguage() === "th" ? found.thai : `lai ${found.name}`);
    const number = session.settings.number ? `-${session.settings.number + 1}` : "";
    const seed = session.isDrawn && `${session.settings.seed}${number}`;
    return [title, lai, session.tuning, seed].filter(Boolean).join(" · ") || t("page");
  }

  showChoice() {
    const { chosen } = this.app.score;
    byId("choice").hidden = !chosen || !this.app.session;
    if (!chosen) return;
    const [a, b] = chosen.map((hong) => hong + 1);
    byId("choice-said").textContent = t(a === b ? "chosenOne" : "chosen", { a, b });
  }

  showPlaying() {
    const on = this.app.sound.playing;
    byId("play").classList.toggle("playing", on);
    byId("play-word").textContent = t(on ? "pause" : "play");
    if (!on && this.app.sound.restsAt === null) this.app.score.mark(null);
    this.showFrame();
  }

  frame() {
    if (this.app.sound.playing || this.app.sound.droned.length) this.showFrame();
    requestAnimationFrame(() => this.frame());
  }

  /** Lights what is heard now. */
  showFrame() {
    const { sound } = this.app;
    const session = sound.playing ? sound.session : this.app.session;
    if (!this.app.about) return;
    const empty = { notes: [], begins: -42 };
    const resting = sound.session === session ? sound.restsAt : null;
    const step = !session ? -30 : sound.playing ? sound.step() : (resting ?? session.first);
    this.app.roll.show(session ?? empty, step, this.app.lai, sound.practice.loop);
    byId("count").textContent = sound.counting || "";
    const sounding = sound.droning ? [sound.droning] : [];
    if (!sound.playing || sound.counting) return this.app.neck.show(sounding, null);
    const { notes } = session;
    let next = null;
    const { isStruck } = sound;
    const struck = (note) => (isStruck ? note.onset <= step : note.onset < step);
    notes.forEach((note, place) => {
      if (struck(note) && step < note.onset + Math.max(lengthOf(note, place, notes), SLOT)) {
        sounding.push({ ...note, since: (step - note.onset) * sound.pace });
      } else if (!next && note.onset >= step && note.voice === "melody" && note.onset < step + HONG) next = note;
    });
    this.app.neck.show(sounding, next);
    if (session === this.app.session) this.app.score.mark(step);
  }

  /** Says how things stand, in words of a key, and again where another language is chosen; null: nothing any more. */
  say(key, values = {}) {
    this.stand = { key, values };
    this.hinted = false;
    this.sayStand();
  }

  /** Says what to do first; that goes as soon as something is done. */
  hint(key) {
    this.say(key);
    this.hinted = true;
  }

  unhint() {
    if (this.hinted) this.say(null);
  }

  /** Says all that stands there in the language that was chosen. */
  sayAgain() {
    this.sayStand();
    if (this.refused) this.sayRefused();
  }

  sayStand() {
    const { key, values } = this.stand;
    byId("status").textContent = key ? t(key, typeof values === "function" ? values() : values) : "";
  }

  /** Shows what went wrong: where, reason and remedy, in the words of who refused. */
  refuse(error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Refused)) console.error(error);
    this.refused = error;
    this.sayRefused();
    byId("refusal").hidden = false;
    byId("refusal").scrollIntoView({ block: "nearest" });
  }

  sayRefused() {
    const error = this.refused;
    const isMistake = !(error instanceof Refused);
    const { where, reason, remedy } = isMistake ? { where: t("mistake"), reason: error.message, remedy: "" } : error;
    const inWords = error instanceof RefusedHere ? (key) => t(key) : said;
    byId("refusal-reason").textContent = `${inWords(where)}: ${inWords(reason)}.`;
    const later = error.retryAfter ? t("retryAfter", { n: error.retryAfter }) : "";
    const words = inWords(remedy ?? "");
    byId("refusal-remedy").textContent = later || (words && `${words[0].toUpperCase()}${words.slice(1)}.`);
  }
}
