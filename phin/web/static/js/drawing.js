// Drawing a tune: it is asked for, told note by note, and heard from its first note on.

import { follow, isAlone } from "./api.js";
import { beginOfHong, hongOf } from "./music.js";
import { Session } from "./session.js";

const AHEAD = 120; // seconds that a tune without end may be drawn ahead of what is heard
const LED_IN = 2; // hong of a tune that are heard before it is played on

const LOOKS = 250; // milliseconds between two looks at what is heard

const aWhile = () => new Promise((done) => setTimeout(done, LOOKS));

/** The step from which a tune that is played on is heard. */
const before = (note, { begins }) => beginOfHong(Math.max(hongOf(note.onset, begins) - LED_IN, 0), begins);

export class Drawing {
  constructor(app) {
    this.app = app;
    this.stopping = null;
  }

  /** Ends what is being drawn. */
  stop() {
    this.stopping?.abort();
  }

  /** Draws a new tune, of nothing that was given, with the seed that was typed or a new one. */
  async drawNew() {
    return this.draw({ ...this.app.settings, seed: this.app.controls.nextSeed(), number: 0 });
  }

  /** Draws a tune, and plays it from its first note on. */
  async draw(settings, given = null) {
    await this.app.sound.ready();
    this.stop();
    this.app.sound.silence();
    this.app.display.showPlaying();
    const stopping = (this.stopping = new AbortController());
    if (!given) Object.assign(settings, { use: "", rewrite: "" });
    const request = this.app.requestOf(settings, given);
    const session = new Session(settings, given);
    const shown = this.app.session;
    let begun = false;
    this.app.display.say("drawing");
    const on = {
      begin: (said) => {
        session.begin(said, settings.use === "continue" ? given.source.tune.notes : []);
        Object.assign(this.app.settings, settings);
        this.app.given = given;
        if (shown?.notes.length) this.app.before.push(shown);
        this.app.put(session);
      },
      note: (note) => {
        session.add(note);
        if (begun) return;
        begun = true;
        for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
        if (request.endless) this.goesOn();
        const from = settings.use === "continue" ? before(note, session) : null;
        this.app.sound.play(session, from).catch((error) => this.app.display.refuse(error));
      },
      tune: (tune) => {
        session.end(tune);
        this.app.display.told(tune);
      },
      lost: (isLost) => {
        if (request.endless && !isLost) this.goesOn();
        else this.app.display.say(isLost ? "lost" : "drawing");
      },
    };
    const ready = () => this.heardEnough(session, stopping.signal);
    if (request.endless && !isAlone) this.endUnheard(session, stopping);
    try {
      await follow(request, on, stopping.signal, ready);
    } catch (error) {
      this.app.display.say(null);
      throw error;
    } finally {
      session.stop();
      if (this.app.session === session) this.app.display.show();
    }
  }

  goesOn() {
    this.app.display.say("goesOn", { notes: this.app.about.limits.most_notes });
  }

  /** Waits while a session is drawn far ahead of what is heard. */
  async heardEnough(session, signal) {
    const { sound } = this.app;
    const rests = () => (sound.session === session ? sound.restsAt : null) ?? session.first;
    const heard = () => (sound.playing && sound.session === session ? sound.step() : rests());
    const far = () => session.horizon - heard() > AHEAD / sound.pace;
    while (!signal.aborted && session.notes.length && far()) await aWhile();
  }

  /**
   * Ends a tune without end that has rested for as long as a server draws for nobody: its place there is another's.
   * What was drawn by then can be heard, and continued.
   */
  async endUnheard(session, stopping) {
    const { sound, about, display } = this.app;
    let heard = performance.now();
    while (!stopping.signal.aborted && !session.ended) {
      await aWhile();
      const now = performance.now();
      if (!session.notes.length || (sound.playing && sound.session === session)) heard = now;
      else if (now - heard > 1000 * about.limits.unheard_seconds) {
        stopping.abort();
        display.say("unheard", { hong: session.numHong });
      }
    }
  }
}
