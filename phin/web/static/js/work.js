// What is made of the tune on the page: played on, decorated, rewritten in part; and techniques that would fit.

import { suggest } from "./api.js";
import { lastLines, letterOf, pitchName, withoutDrone } from "./music.js";
import { areOrnamented } from "./play/ornaments.js";
import { newSeed, packed } from "./settings.js";
import { currentLanguage, said, t } from "./i18n.js";

const USUAL_SHARE = 0.4; // of the notes, where the setting says none: as many as in the pieces that it learned from
const byId = (id) => document.getElementById(id);

export class Work {
  constructor(app) {
    this.app = app;
    for (const button of document.querySelectorAll("[data-use]")) {
      button.addEventListener("click", () => app.attempt(() => this.use(button.dataset.use), button));
    }
    byId("choice-rewrite").addEventListener("click", ({ currentTarget }) => {
      app.attempt(() => this.use("rewrite"), currentTarget);
    });
    byId("suggest").addEventListener("click", ({ currentTarget }) => app.attempt(() => this.suggest(), currentTarget));
    byId("use-suggested").addEventListener("click", ({ currentTarget }) => {
      app.attempt(() => app.take(this.suggested), currentTarget);
    });
  }

  async use(use) {
    const { app } = this;
    const [first, last] = app.score.chosen ?? [];
    if (use === "rewrite" && first === undefined) return app.display.hint("chooseHong");
    const { tune: whole } = this.given();
    const rewrite = use === "rewrite" ? `${first + 1}-${last + 1}` : "";
    const settings = { ...app.settings, use, rewrite, seed: newSeed(), number: 0 };
    const given = { tune: use === "continue" ? lastLines(whole, app.about.play.drawing) : whole };
    app.score.unchoose();
    await app.drawing.draw(settings, { source: given, packed: await packed(given.tune) });
  }

  /** The tune as something is made of it: without its drone where the whole gets one, for a drone has no second. */
  given() {
    const { app } = this;
    const { tune } = app.session.source();
    if (!app.settings.drone || app.whyNoDrone(app.settings) !== null) return { tune };
    const pitches = tune.drone.length || !app.sound.drone ? tune.drone : [app.sound.drone.pitch];
    const notes = withoutDrone(tune.notes, pitches);
    return { tune: notes.every(({ voice }) => voice === "melody") ? { ...tune, notes } : tune };
  }

  async suggest() {
    const { tune, suggestions, said: learned } = await suggest(this.app.session.source());
    const notes = tune.notes.map((note) => ({ ...note }));
    const plain = suggestions.map(({ probabilities }) => probabilities.plain);
    const are = areOrnamented(plain, this.app.settings.techniques || USUAL_SHARE);
    suggestions.forEach(({ note, if_ornamented: likely }, at) => {
      if (are[at]) [notes[note].technique] = Object.keys(likely); // the likeliest comes first
    });
    const count = are.filter((is) => is).length;
    this.suggested = { ...tune, notes };
    this.told = { tune, suggestions, learned, n: count };
    byId("use-suggested").disabled = !count;
    this.showSuggested();
    byId("suggestions").hidden = false;
  }

  /** Shows what was suggested, in the language that was chosen. */
  showSuggested() {
    if (!this.told) return;
    const { tune, suggestions, learned, n } = this.told;
    const counted = t("suggested", { n, all: suggestions.length });
    const from = said(learned.replace(/\.$/, ""));
    byId("suggestions-said").textContent = `${from[0].toUpperCase()}${from.slice(1)}. ${counted}`;
    const rows = suggestions.map(({ note, technique, ornament, probabilities, if_ornamented, why_ornament }) => {
      const row = document.createElement("tr");
      const { pitch } = tune.notes[note];
      const cells = [
        `${note + 1} ${letterOf(pitch) ?? ""} ${pitchName(pitch)}`,
        this.answer(technique, probabilities),
        this.answer(ornament, if_ornamented),
        said(why_ornament),
      ];
      row.append(...cells.map((words) => Object.assign(document.createElement("td"), { textContent: words })));
      return row;
    });
    document.querySelector("#suggestions tbody").replaceChildren(...rows);
  }

  /** The technique that was answered, or that none was and which is likeliest; with how likely it is. */
  answer(technique, shares) {
    const [likeliest, share] = Object.entries(shares).reduce((best, each) => (each[1] > best[1] ? each : best));
    const odds = `${this.word(likeliest)} ${Math.round(100 * share)} %`;
    return technique ? odds : `${t("abstains")} (${odds})`;
  }

  /** What a technique is called. */
  word(technique) {
    const { thai } = this.app.about.techniques.find(({ name }) => name === technique) ?? {};
    return currentLanguage() === "th" && thai ? thai : technique;
  }

  show() {
    const has = Boolean(this.app.session?.ended && this.app.session.notes.length);
    for (const button of document.querySelectorAll("[data-use], #suggest, #choice-rewrite")) button.disabled = !has;
    if (this.app.session !== this.shown) byId("suggestions").hidden = true;
    this.shown = this.app.session;
  }
}
