// The page: it holds the tune that is shown and what is asked for, and lets its parts know of each other.

import { about as askAbout } from "./api.js";
import { Controls } from "./controls.js";
import { Display } from "./display.js";
import { Drawing } from "./drawing.js";
import { Mine } from "./mine.js";
import { beginOfHong, droneOf } from "./music.js";
import { Neck } from "./neck.js";
import { Notices } from "./notices.js";
import { tellPerformance } from "./performance.js";
import { Practice } from "./practice.js";
import { Roll } from "./roll.js";
import { Saving } from "./saving.js";
import { Score } from "./score.js";
import { Session } from "./session.js";
import { fromAddress, isEndless, keepsLai, packed, toAddress, toRequest, unpacked } from "./settings.js";
import { Sound } from "./sound.js";
import { Variations } from "./variations.js";
import { Work } from "./work.js";
import { currentLanguage, translate } from "./i18n.js";

const byId = (id) => document.getElementById(id);
const TAKES_SPACE = "input, textarea, select, button, summary, [role=button], [tabindex='0']";
const LONGEST_ADDRESS = 8000; // a tune that makes it longer is not put into the address

class App {
  constructor() {
    this.display = new Display(this);
    this.drawing = new Drawing(this);
    this.sound = new Sound();
    this.neck = new Neck(byId("neck"));
    this.roll = new Roll(byId("roll"));
    this.score = new Score(byId("letters"));
    this.session = null;
    this.before = []; // sessions to go back to
    this.given = null; // {source, packed}: what the next tune is made of
  }

  async start() {
    translate();
    this.language();
    this.notices = new Notices();
    this.about = await askAbout();
    tellPerformance(this.about);
    this.settings = fromAddress(location.search, this.about);
    const whyNoDrone = () => this.whyNoDrone(this.settings, this.given);
    this.controls = new Controls(this.about, this.settings, whyNoDrone, (name) => this.changed(name));
    this.practice = new Practice(this);
    this.saving = new Saving(this);
    this.mine = new Mine(this);
    this.work = new Work(this);
    this.variations = new Variations(this);
    await this.fromLink(new URLSearchParams(location.search));
    if (!this.given) this.madeOfNothing();
    this.controls.show();
    this.listen();
    this.changed("lai");
    this.display.show();
    requestAnimationFrame(() => this.display.frame());
  }

  /** What a link says beside its settings: the tune that it goes on from, and the model that drew it. */
  async fromLink(asked) {
    if (asked.has("graph") && !this.about.graph.startsWith(asked.get("graph"))) this.display.say("otherGraph");
    if (!asked.has("given")) return;
    try {
      const tune = await unpacked(asked.get("given"));
      this.given = { source: { tune }, packed: asked.get("given") };
      if (!this.settings.use) await this.take(tune, this.given);
    } catch {
      this.session = this.given = null;
      this.display.say("brokenLink");
    }
  }

  listen() {
    byId("play").addEventListener("click", () => this.press());
    byId("new").addEventListener("click", () => this.attempt(() => this.drawing.drawNew(), byId("new")));
    byId("again").addEventListener("click", () => this.session && this.attempt(() => this.sound.play(this.session)));
    byId("back").addEventListener("click", () => this.goBack());
    byId("choice-play").addEventListener("click", () => {
      const from = beginOfHong(this.score.chosen[0], this.session.begins);
      this.attempt(() => this.sound.play(this.session, from));
    });
    byId("choice-none").addEventListener("click", () => {
      const [first] = this.score.chosen;
      this.score.unchoose();
      this.score.focus(first); // the button that had the focus is gone
    });
    byId("let-go").addEventListener("click", () => this.letGo());
    byId("refusal-close").addEventListener("click", () => {
      byId("refusal").hidden = true;
      byId("play").focus();
    });
    this.score.addEventListener("choose", () => {
      this.display.unhint();
      this.display.showChoice();
    });
    for (const name of ["play", "pause", "end"]) this.sound.addEventListener(name, () => this.display.showPlaying());
    for (const button of document.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => {
        this.score.view = button.dataset.view;
        byId("letters").classList.toggle("tablature", button.dataset.view === "tablature");
        for (const other of document.querySelectorAll("[data-view]")) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        this.display.show();
      });
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== " " || event.target.closest(TAKES_SPACE)) return;
      event.preventDefault();
      this.press();
    });
  }

  language() {
    const buttons = document.querySelectorAll("[data-language]");
    const show = (button) => button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage()));
    for (const button of buttons) {
      show(button);
      button.addEventListener("click", () => {
        translate(button.dataset.language);
        buttons.forEach(show);
        this.controls?.fill();
        this.practice?.show();
        this.notices.show();
        this.neck.layOut();
        this.display.show();
        this.display.sayAgain();
        this.work?.showSuggested();
        this.variations?.sayAgain();
      });
    }
  }

  /** The word that says why no drone can be struck under a tune of these settings; null where one can. */
  whyNoDrone(settings, given = null) {
    const { lai, tuning, use } = settings;
    const found = (all, asked) => all.find(({ name }) => name === asked);
    if (!lai) return "noLai";
    if (!keepsLai(settings)) return "twoLai";
    if (!droneOf(found(this.about.lai, lai), found(this.about.tunings, tuning) ?? this.about.tunings[0])) return "noDrone";
    const stays = given && (use === "continue" || use === "rewrite");
    return stays && given.source.tune.notes.some(({ voice }) => voice !== "melody") ? "underChords" : null;
  }

  /** What is asked for with settings, of what is given. */
  requestOf(settings, given = null) {
    return toRequest(settings, this.about, this.whyNoDrone(settings, given) === null, given?.source ?? null);
  }

  /** The lai of the tune that is shown, or of what is asked for where there is none. */
  get lai() {
    const name = this.session ? this.session.lai : this.settings.lai;
    return this.about.lai.find((lai) => lai.name === name && name !== "none") ?? null;
  }

  get tuning() {
    if (this.session && !this.session.tuning) return this.about.tunings[0]; // on it lies what says none
    const name = this.session?.tuning ?? this.settings.tuning;
    return this.about.tunings.find((tuning) => tuning.name === name) ?? this.controls.tuning;
  }

  /** Whether the settings ask for another tune than the one that is shown; its tempo is changed as it plays. */
  get stale() {
    if (!this.session) return true;
    const asked = (settings, given) => {
      const request = this.requestOf({ ...settings, tempo: 0 }, settings.use ? given : null);
      return JSON.stringify({ ...request, given: settings.use && given.packed });
    };
    return asked(this.session.settings, this.session.given) !== asked(this.settings, this.given);
  }

  /** Whether the page strikes the drone itself: under a tune without end, at once as it is asked for. */
  get strikesDrone() {
    const { settings: drawn, given } = this.session ?? {};
    return Boolean(drawn && isEndless(drawn) && this.settings.drone) && this.whyNoDrone(drawn, given) === null;
  }

  changed(name) {
    this.display.unhint();
    this.sound.tempo = this.settings.tempo;
    if (name === "tempo") this.sound.changed();
    const lai = this.session?.lai ? this.lai : this.controls.lai; // one plays along with a tune that names no lai too
    this.sound.drone = droneOf(lai, this.tuning);
    this.sound.underTune = this.strikesDrone;
    this.practice.showDrone();
    this.neck.set(this.tuning, this.lai);
    const isDue = Boolean(this.session) && this.stale;
    byId("new").classList.toggle("due", isDue);
    if (isDue && name !== "tempo") this.display.say("stale");
    if (!isDue && this.display.stand.key === "stale") this.display.say(null);
    this.display.showFrame();
  }

  async press() {
    this.display.unhint();
    if (this.sound.playing) return this.sound.pause();
    await this.attempt(async () => {
      this.controls.refuseSeed();
      if (this.stale) return this.drawing.draw({ ...this.settings }, this.settings.use ? this.given : null);
      await this.sound.play(this.session, this.sound.session === this.session ? this.sound.restsAt : null);
    }, byId("play"));
  }

  /** Shows a session as the one of the page. */
  put(session) {
    this.session = session;
    this.score.unchoose();
    for (const name of ["begin", "note", "end"]) {
      session.addEventListener(name, () => {
        if (this.session !== session || this.due) return;
        this.due = true;
        queueMicrotask(() => {
          this.due = false;
          this.display.show();
        });
      });
    }
    this.controls.tookUp();
    this.changed("session");
    this.practice.loop();
    this.address();
    this.display.show();
  }

  /** Ends what is drawn and what is heard, before another tune takes the page. */
  end(next = null) {
    this.drawing.stop();
    if (this.sound.session !== next) this.sound.silence();
  }

  /** A tune that came from elsewhere, or with techniques put on, takes the page. */
  async take(tune, given = null) {
    const from = given ?? { source: { tune }, packed: await packed(tune) };
    this.end();
    if (this.session?.notes.length) this.before.push(this.session);
    Object.assign(this.settings, { use: "", rewrite: "" });
    if (tune.tempo) this.settings.tempo = Math.round(tune.tempo);
    this.given = from;
    this.put(Session.of(tune, { ...this.settings }, this.given));
    this.display.told(tune);
    this.display.showPlaying();
  }

  /** One of several that were drawn is the tune of the page from now on; it goes on where it is listened to. */
  keep(session) {
    this.end(session);
    if (this.session?.notes.length) this.before.push(this.session);
    Object.assign(this.settings, session.settings);
    this.given = session.given;
    this.put(session);
    this.display.showPlaying();
  }

  /** What is drawn from now on is made of no given tune. */
  letGo() {
    this.madeOfNothing();
    this.controls.show();
    this.changed("use");
    this.display.show();
    byId("play").focus(); // the button that had the focus is gone
  }

  madeOfNothing() {
    Object.assign(this.settings, { use: "", rewrite: "" });
    this.given = null;
  }

  goBack() {
    const session = this.before.pop();
    if (!session) return;
    this.end();
    Object.assign(this.settings, session.settings);
    this.given = session.given;
    this.put(session);
    this.display.showPlaying();
  }

  /** Whether an address holds the tune that is shown: one that is made of a long tune is in none. */
  get isLinked() {
    return !this.session?.given || this.session.given.packed.length < LONGEST_ADDRESS;
  }

  address() {
    const { settings, given, graph } = this.session;
    const asked = this.isLinked ? settings : { ...settings, use: "", rewrite: "" }; // of nothing, nothing is made
    const address = toAddress(asked, graph ?? this.about.graph, this.isLinked ? given?.packed : null);
    history.replaceState(null, "", address);
  }

  /** Does what a button asks, and tells why where that cannot be. */
  async attempt(what, button = null) {
    byId("refusal").hidden = true;
    this.display.unhint();
    button?.setAttribute("aria-busy", "true");
    try {
      await what();
    } catch (error) {
      this.display.refuse(error);
    } finally {
      button?.removeAttribute("aria-busy");
    }
  }
}

const app = new App();
window.phin = app; // for tests, and for who wants to look inside
app.start().catch((error) => app.display.refuse(error));
