// What one takes home: files, and the link that gives the tune again.

import { convert } from "./api.js";
import { t } from "./i18n.js";

const byId = (id) => document.getElementById(id);

export class Saving {
  constructor(app) {
    this.app = app;
    for (const button of document.querySelectorAll("[data-to]")) {
      button.addEventListener("click", () => app.attempt(() => this.download(button.dataset.to), button));
    }
    byId("copy").addEventListener("click", () => this.copy());
  }

  async download(to) {
    const of = this.app.session.source(this.app.settings.tempo);
    const { blob, name } = await convert(of, to, to === "wav" && byId("wav-drone").checked);
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async copy() {
    const link = byId("link");
    link.hidden = true;
    if (!this.app.isLinked) return this.app.display.say("noLink");
    link.value = location.href;
    try {
      await navigator.clipboard.writeText(link.value);
      this.app.display.say("copied");
    } catch {
      // no clipboard without https, or it was refused: one can still take it from the field
      link.hidden = false;
      link.select();
      this.app.display.say("linkIs");
    }
  }

  show() {
    const has = Boolean(this.app.session?.notes.length);
    for (const button of document.querySelectorAll("[data-to], #copy")) button.disabled = !has;
    const box = byId("wav-drone");
    const why = has ? this.whyNoDrone() : null;
    box.disabled = !has || why !== null;
    if (box.disabled) box.checked = false;
    byId("wav-drone-hint").textContent = why ? t(why) : "";
  }

  /** The word that says why no drone can be struck under the tune of the page; null where one can. */
  whyNoDrone() {
    const { session, about } = this.app;
    if (session.notes.some(({ voice }) => voice !== "melody")) return "hasDrone";
    const { lai, drone = [] } = session.tune ?? session; // what is sent: a tune that is whole says its own
    const isKnown = drone.length || about.lai.some(({ name }) => name === lai && name !== "none");
    return isKnown ? null : "unknownDrone";
  }
}
