// Practising: slower, again and again, counted in, with cymbals, over the drone, at the pitch of another instrument.

import { beginOfHong } from "./music.js";
import { t } from "./i18n.js";

const byId = (id) => document.getElementById(id);

export class Practice {
  constructor(app) {
    this.app = app;
    const { practice } = app.sound;
    const slid = (id, set) => byId(id).addEventListener("input", ({ target }) => this.change(() => set(+target.value)));
    slid("speed", (percent) => (practice.speed = percent / 100));
    slid("concert", (cents) => (practice.cents = cents));
    byId("ching").addEventListener("change", ({ target }) => this.change(() => (practice.ching = target.checked)));
    byId("count-in").addEventListener("change", ({ target }) => (practice.countIn = target.checked));
    byId("loop").addEventListener("change", () => this.loop());
    byId("choice-loop").addEventListener("click", () => {
      byId("loop").checked = !byId("loop").checked;
      this.loop();
    });
    byId("drone-alone").addEventListener("change", ({ target }) => {
      app.attempt(() => this.droneAlone(target.checked));
    });
    app.score.addEventListener("choose", () => this.loop());
    this.show();
  }

  change(set) {
    set();
    this.show();
    this.app.sound.changed();
  }

  /** What is repeated: the chosen hong, else all, if that is wished. */
  loop() {
    const { session, score, sound } = this.app;
    const on = byId("loop").checked;
    byId("choice-loop").setAttribute("aria-pressed", String(on));
    const before = JSON.stringify(sound.practice.loop);
    sound.practice.loop = null;
    if (on && session && (session.ended || score.chosen)) {
      const [first, last] = score.chosen ?? [0, session.numHong - 1];
      sound.practice.loop = { from: beginOfHong(first, session.begins), to: beginOfHong(last + 1, session.begins) };
    }
    if (JSON.stringify(sound.practice.loop) === before) return;
    sound.changed();
    this.app.display.showFrame();
  }

  /** Strikes the drone by itself; the box says no where nothing sounds. */
  async droneAlone(on) {
    try {
      await this.app.sound.droneAlone(on);
      this.app.display.showFrame();
    } catch (error) {
      byId("drone-alone").checked = false;
      throw error;
    }
  }

  /** Whether there is a drone to play along with. */
  showDrone() {
    const { sound } = this.app;
    const box = byId("drone-alone");
    box.disabled = !sound.drone;
    byId("drone-alone-hint").textContent = sound.drone ? "" : t("noDroneAlone");
    if (box.checked && box.disabled) {
      box.checked = false;
      sound.droneAlone(false);
    }
  }

  show() {
    const { speed, cents } = this.app.sound.practice;
    byId("speed-said").textContent = `${Math.round(100 * speed)} %`;
    const hertz = `A = ${(440 * 2 ** (cents / 1200)).toFixed(1)} Hz`;
    byId("concert-said").textContent = `${hertz}, ${t("cents", { cents: cents > 0 ? `+${cents}` : cents })}`;
    byId("concert").setAttribute("aria-valuetext", byId("concert-said").textContent);
    this.showDrone();
  }
}
