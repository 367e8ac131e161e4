// The page: it holds the tune that is shown, draws another when asked, and lets everything light by the sound's clock.

import { Refused, about as askAbout, follow } from "./api.js";
import { Controls } from "./controls.js";
import { Letters } from "./letters.js";
import { Mine } from "./mine.js";
import { HONG, SLOT, beginOfHong, droneOf, lengthOf } from "./music.js";
import { Neck } from "./neck.js";
import { Practice } from "./practice.js";
import { fromAddress, newSeed, packed, toAddress, toRequest, unpacked } from "./request.js";
import { Roll } from "./roll.js";
import { Saving } from "./saving.js";
import { Session } from "./session.js";
import { Sound } from "./sound.js";
import { Variations } from "./variations.js";
import { Work } from "./work.js";
import { currentLanguage, t, translate } from "./i18n.js";

const byId = (id) => document.getElementById(id);
const AHEAD = 120; // seconds that a tune without end may be drawn ahead of what is heard
const LONGEST_ADDRESS = 8000; // a tune that makes it longer is not put into the address

class App {
  constructor() {
    this.sound = new Sound();
    this.neck = new Neck(byId("neck"));
    this.roll = new Roll(byId("roll"));
    this.letters = new Letters(byId("letters"));
    this.session = null;
    this.before = []; // sessions to go back to
    this.given = null; // {source, packed}: what the next tune is made of
    this.stopping = null;
  }

  async start() {
    translate();
    this.language();
    this.about = await askAbout();
    this.settings = fromAddress(location.search, this.about);
    this.controls = new Controls(this.about, this.settings, (name) => this.changed(name));
    this.practice = new Practice(this);
    this.saving = new Saving(this);
    this.mine = new Mine(this);
    this.work = new Work(this);
    this.variations = new Variations(this);
    await this.fromLink(new URLSearchParams(location.search));
    this.listen();
    this.changed("lai");
    this.show();
    requestAnimationFrame(() => this.frame());
  }

  /** What a link says beside its settings: the tune that it goes on from, and the model that drew it. */
  async fromLink(asked) {
    if (asked.has("graph") && !this.about.graph.startsWith(asked.get("graph"))) this.say(t("otherGraph"));
    if (!asked.has("given")) return;
    try {
      const tune = await unpacked(asked.get("given"));
      this.given = { source: { tune }, packed: asked.get("given") };
      if (!this.settings.use) this.take(tune, this.given);
    } catch {
      this.given = null;
      this.say(t("brokenLink"));
    }
  }

  listen() {
    byId("play").addEventListener("click", () => this.press());
    byId("new").addEventListener("click", () => this.attempt(() => this.drawNew(), byId("new")));
    byId("again").addEventListener("click", () => this.session && this.attempt(() => this.sound.play(this.session)));
    byId("back").addEventListener("click", () => this.goBack());
    byId("choice-play").addEventListener("click", () => {
      const from = beginOfHong(this.letters.chosen[0], this.session.begins);
      this.attempt(() => this.sound.play(this.session, from));
    });
    byId("choice-none").addEventListener("click", () => this.letters.unchoose());
    byId("refusal-close").addEventListener("click", () => (byId("refusal").hidden = true));
    this.letters.addEventListener("choose", () => this.showChoice());
    for (const name of ["play", "pause", "end"]) this.sound.addEventListener(name, () => this.showPlaying());
    for (const button of document.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => {
        this.letters.view = button.dataset.view;
        byId("letters").classList.toggle("tablature", button.dataset.view === "tablature");
        for (const other of document.querySelectorAll("[data-view]")) other.setAttribute("aria-pressed", String(other === button));
        this.show();
      });
    }
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, button, summary, [role=button]");
      if (event.key !== " " || typing) return;
      event.preventDefault();
      this.press();
    });
  }

  language() {
    for (const button of document.querySelectorAll("[data-language]")) {
      const show = () => button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage()));
      show();
      button.addEventListener("click", () => {
        translate(button.dataset.language);
        for (const each of document.querySelectorAll("[data-language]")) {
          each.setAttribute("aria-pressed", String(each.dataset.language === currentLanguage()));
        }
        this.controls?.fill();
        this.practice?.show();
        this.show();
      });
    }
  }

  get drones() {
    return droneOf(this.controls.lai, this.controls.tuning) !== null;
  }

  /** The lai of the tune that is shown, or of what is asked for where there is none. */
  get lai() {
    const name = this.session ? this.session.lai : this.settings.lai;
    return this.about.lai.find((lai) => lai.name === name && name !== "none") ?? null;
  }

  get tuning() {
    const name = this.session?.tuning ?? this.settings.tuning;
    return this.about.tunings.find((tuning) => tuning.name === name) ?? this.controls.tuning;
  }

  nextSeed() {
    return newSeed();
  }

  /** Whether the settings ask for another tune than the one that is shown; its tempo is changed as it plays. */
  get stale() {
    if (!this.session) return true;
    const asked = (settings) => JSON.stringify({ ...settings, tempo: 0 });
    return asked(this.session.settings) !== asked(this.settings);
  }

  changed(name) {
    this.sound.tempo = this.settings.tempo;
    if (name === "tempo") this.sound.changed();
    const drone = droneOf(this.session ? this.lai : this.controls.lai, this.tuning);
    this.sound.drone = drone;
    this.neck.set(this.tuning, this.lai);
    byId("new").classList.toggle("due", Boolean(this.session) && this.stale);
    if (this.session && this.stale && name !== "tempo") this.say(t("stale"));
    this.showFrame();
  }

  async press() {
    if (this.sound.playing) return this.sound.pause();
    await this.attempt(async () => {
      if (this.stale) return this.draw({ ...this.settings }, this.settings.use ? this.given : null);
      await this.sound.play(this.session, this.sound.session === this.session ? this.sound.restsAt : null);
    }, byId("play"));
  }

  drawNew() {
    const settings = { ...this.settings, seed: newSeed(), number: 0 };
    return this.draw(settings, settings.use ? this.given : null);
  }

  /** Draws a tune, and plays it from its first note on. */
  async draw(settings, given = null) {
    await this.sound.ready();
    this.stopping?.abort();
    this.sound.silence();
    this.showPlaying();
    const stopping = (this.stopping = new AbortController());
    if (!given) Object.assign(settings, { use: "", rewrite: "" });
    const drones = droneOf(this.about.lai.find((lai) => lai.name === settings.lai), this.controls.tuning) !== null;
    const request = toRequest(settings, this.about, drones, given?.source ?? null);
    const session = new Session(settings, given);
    const shown = this.session;
    let begun = false;
    this.say(t("drawing"));
    const on = {
      begin: (said) => {
        session.begin(said, settings.use === "continue" ? given.source.tune.notes : []);
        Object.assign(this.settings, settings);
        this.given = given;
        if (shown?.notes.length) this.before.push(shown);
        this.put(session);
      },
      note: (note) => {
        session.add(note);
        if (begun) return;
        begun = true;
        if (request.endless) this.say(t("goesOn"));
        const from = settings.use === "continue" ? beginOfHong(Math.max(Math.floor((note.onset - session.begins) / HONG) - 2, 0), session.begins) : null;
        this.sound.play(session, from).catch((error) => this.refuse(error));
      },
      tune: (tune) => {
        session.end(tune);
        this.told(tune);
      },
      lost: (isLost) => this.say(t(isLost ? "lost" : request.endless ? "goesOn" : "drawing")),
    };
    const ready = () => this.heardEnough(session, stopping.signal);
    try {
      await follow(request, on, stopping.signal, ready);
    } catch (error) {
      this.say("");
      throw error;
    } finally {
      session.stop();
      if (this.session === session) this.show();
    }
  }

  /** Waits while a session is drawn far ahead of what is heard. */
  async heardEnough(session, signal) {
    const far = () => session.horizon - (this.sound.session === session ? this.sound.step() : session.first) > AHEAD / this.sound.pace;
    while (!signal.aborted && session.notes.length && far()) await new Promise((done) => setTimeout(done, 250));
  }

  /** Shows a session as the one of the page. */
  put(session) {
    this.session = session;
    this.letters.unchoose();
    for (const name of ["begin", "note", "end"]) {
      session.addEventListener(name, () => {
        if (this.session !== session || this.due) return;
        this.due = true;
        queueMicrotask(() => {
          this.due = false;
          this.show();
        });
      });
    }
    this.sound.underTune = this.settings.lines === "endless" && this.settings.drone;
    this.controls.show();
    this.changed("session");
    this.practice.loop();
    this.address();
    this.show();
  }

  /** A tune that came from elsewhere, or with techniques put on, takes the page. */
  async take(tune, given = null) {
    this.stopping?.abort();
    this.sound.silence();
    if (this.session?.notes.length) this.before.push(this.session);
    Object.assign(this.settings, { use: "", rewrite: "" });
    if (tune.tempo) this.settings.tempo = Math.round(tune.tempo);
    this.given = given ?? { source: { tune }, packed: await packed(tune) };
    this.put(Session.of(tune, { ...this.settings }, this.given));
    this.told(tune);
    this.showPlaying();
  }

  /** One of several that were drawn is the tune of the page from now on. */
  keep(session) {
    if (this.session?.notes.length) this.before.push(this.session);
    Object.assign(this.settings, session.settings);
    this.given = session.given;
    this.put(session);
  }

  goBack() {
    const session = this.before.pop();
    if (!session) return;
    this.stopping?.abort();
    this.sound.silence();
    Object.assign(this.settings, session.settings);
    this.given = session.given;
    this.put(session);
    this.showPlaying();
  }

  address() {
    const given = this.given && this.given.packed.length < LONGEST_ADDRESS ? this.given.packed : null;
    history.replaceState(null, "", toAddress(this.session.settings, this.session.graph ?? this.about.graph, given));
  }

  told(tune) {
    const lai = this.about.lai.find((each) => each.name === tune.lai && tune.lai !== "none");
    const name = lai ? (currentLanguage() === "th" ? lai.thai.replace(/^ลาย/, "") : lai.name) : "";
    const notes = tune.notes.filter((note) => note.voice === "melody").length;
    this.say(t(lai ? "drawn" : "drawnNone", { hong: tune.num_hong, lai: name, notes }));
  }

  /** Puts the page into the state of its session. */
  show() {
    const { session } = this;
    if (!this.about) return;
    byId("empty").hidden = Boolean(session?.notes.length);
    byId("back").hidden = !this.before.length;
    byId("again").hidden = !session?.notes.length;
    byId("page-head").hidden = !session;
    byId("model").textContent = t("model", this.about);
    this.saving.show();
    this.work.show();
    const said = (session?.tune?.said ?? []).map((line) => Object.assign(document.createElement("li"), { textContent: line }));
    byId("said").replaceChildren(...said);
    byId("caption").textContent = this.caption();
    if (session) this.letters.show(session, this.tuning.strings.length);
    if (session?.tune && this.neckOf !== session) {
      this.neckOf = session;
      this.changed("session");
      this.practice.loop();
    }
    this.showChoice();
    this.showPlaying();
    this.showFrame();
  }

  caption() {
    const { session } = this;
    if (!session) return t("page");
    const title = session.tune?.title && !/^phin \d/.test(session.tune.title) ? `${session.tune.title} · ` : "";
    const lai = this.lai ? (currentLanguage() === "th" ? `${this.lai.thai} · ` : `lai ${this.lai.name} · `) : "";
    const number = session.settings.number ? `-${session.settings.number + 1}` : "";
    return `${title}${lai}${this.tuning.name} · ${session.settings.seed}${number}`;
  }

  showChoice() {
    const { chosen } = this.letters;
    byId("choice").hidden = !chosen || !this.session;
    if (!chosen) return;
    const [a, b] = chosen.map((hong) => hong + 1);
    byId("choice-said").textContent = t(a === b ? "chosenOne" : "chosen", { a, b });
  }

  showPlaying() {
    const on = this.sound.playing;
    byId("play").classList.toggle("playing", on);
    byId("play-word").textContent = t(on ? "pause" : "play");
    if (!on && !this.sound.restsAt) this.letters.mark(null);
  }

  frame() {
    if (this.sound.playing) this.showFrame();
    requestAnimationFrame(() => this.frame());
  }

  /** Lights what is heard now. */
  showFrame() {
    const { sound } = this;
    const session = sound.playing ? sound.session : this.session;
    if (!this.about) return;
    const empty = { notes: [], begins: -42 };
    const resting = sound.session === session ? sound.restsAt : null;
    const step = !session ? -30 : sound.playing ? sound.step() : (resting ?? session.first);
    this.roll.show(session ?? empty, step, this.lai, sound.practice.loop);
    byId("count").textContent = sound.counting || "";
    if (!sound.playing || sound.counting) return this.neck.show([], null);
    const { notes } = session;
    const sounding = [];
    let next = null;
    notes.forEach((note, place) => {
      if (note.onset <= step && step < note.onset + Math.max(lengthOf(note, place, notes), SLOT)) {
        sounding.push({ ...note, since: (step - note.onset) * sound.pace });
      } else if (!next && note.onset > step && note.voice === "melody" && note.onset < step + HONG) next = note;
    });
    this.neck.show(sounding, next);
    if (session === this.session) this.letters.mark(step);
  }

  say(words) {
    byId("status").textContent = words;
  }

  /** Does what a button asks, and tells why where that cannot be. */
  async attempt(what, button = null) {
    byId("refusal").hidden = true;
    button?.setAttribute("aria-busy", "true");
    try {
      await what();
    } catch (error) {
      this.refuse(error);
    } finally {
      button?.removeAttribute("aria-busy");
    }
  }

  refuse(error) {
    if (error.name === "AbortError") return;
    const isOurs = !(error instanceof Refused);
    if (isOurs) console.error(error);
    const { where, reason, remedy } = isOurs ? { where: t("mistake"), reason: error.message, remedy: "" } : error;
    byId("refusal-reason").textContent = `${where}: ${t(reason)}.`;
    const later = error.retryAfter ? ` ${t("retryAfter", { n: error.retryAfter })}` : "";
    const words = t(remedy ?? "");
    byId("refusal-remedy").textContent = (words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "") + later;
    byId("refusal").hidden = false;
    byId("refusal").scrollIntoView({ block: "nearest" });
  }
}

const app = new App();
window.phin = app; // for tests, and for who wants to look inside
app.start().catch((error) => app.refuse(error));
