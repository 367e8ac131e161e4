// Four tunes of one seed side by side: to hear each, and to keep one.

import { generate } from "./api.js";
import { lettered } from "./music.js";
import { packed } from "./settings.js";
import { Session } from "./session.js";
import { t } from "./i18n.js";

const FOUR = 4;
const byId = (id) => document.getElementById(id);

export class Variations {
  constructor(app) {
    this.app = app;
    byId("draw-four").addEventListener("click", ({ currentTarget }) => app.attempt(() => this.draw(), currentTarget));
  }

  async draw() {
    const { app } = this;
    const settings = { ...app.settings, seed: app.controls.nextSeed(), number: 0 };
    const given = settings.use ? app.given : null;
    if (settings.lines === "endless") settings.lines = "2";
    const { tunes } = await generate({ ...app.requestOf(settings, given), count: FOUR });
    byId("four").replaceChildren(...tunes.map((tune, number) => this.item(tune, { ...settings, number }, given)));
  }

  /** Names the buttons in the language that was chosen. */
  sayAgain() {
    for (const button of document.querySelectorAll("#four button")) button.textContent = t(button.dataset.key, button.dataset);
  }

  item(tune, settings, given) {
    const { app } = this;
    const n = settings.number + 1;
    const item = document.createElement("li");
    const marked = !tune.inferred?.includes("octave");
    const page = lettered(tune.notes, tune.begins, Math.min(tune.num_hong, 4), marked);
    const letters = page.map((hong) => hong.map((parts) => parts.join("")).join("")).join(" | ");
    const begin = Object.assign(document.createElement("p"), { textContent: `${letters} …`, lang: "th" });
    const session = Session.of(tune, settings, given);
    const listen = button("listen", n, () => app.attempt(() => app.sound.play(session)));
    const keep = button("keep", n, () => app.attempt(() => this.keep(session, tune)));
    const actions = document.createElement("div");
    actions.className = "actions";
    actions.append(listen, keep);
    item.append(begin, actions);
    return item;
  }

  async keep(session, tune) {
    const { seed, number } = session.settings;
    // one that was drawn again has another number than its place: the link then holds the tune itself
    const isOfItsNumber = tune.title === `phin ${seed}-${number + 1}`;
    if (!isOfItsNumber) session.given = { source: { tune }, packed: await packed(tune) };
    this.app.keep(session);
    this.app.display.told(tune);
  }
}

function button(key, n, pressed) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: t(key, { n }) });
  Object.assign(made.dataset, { key, n });
  made.addEventListener("click", pressed);
  return made;
}
