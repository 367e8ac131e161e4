// What one takes home: files, and the link that gives the tune again.

import { convert } from "./api.js";

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
  }
}
