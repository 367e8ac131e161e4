// A tune of one's own: from a file, typed in letters, or tapped on the neck.

import { RefusedHere, base64, read } from "./api.js";
import { letterOf, pitchName } from "./music.js";
import { t } from "./i18n.js";

const byId = (id) => document.getElementById(id);

/** A refusal that counts the lines from the first that a person typed, below those that the page puts above them. */
function ofOwnLines(error, above) {
  const [, name, line] = /^(.*):(\d+)$/s.exec(error.where ?? "") ?? [];
  if (line > above) error.where = `${name}:${line - above}`;
  return error;
}

export class Mine {
  constructor(app) {
    this.app = app;
    this.taps = [];
    byId("file").addEventListener("change", ({ target }) => {
      const file = target.files[0];
      if (file) app.attempt(() => this.open(file));
      target.value = "";
    });
    byId("use-typed").addEventListener("click", ({ currentTarget }) => app.attempt(() => this.typed(), currentTarget));
    byId("tap").addEventListener("change", ({ target }) => this.tapping(target.checked));
    byId("untap").addEventListener("click", () => {
      this.taps.pop();
      this.write();
    });
    app.neck.addEventListener("touch", ({ detail }) => app.attempt(() => this.touched(detail)));
  }

  async open(file) {
    const ending = file.name.split(".").pop().toLowerCase();
    const form = { midi: "mid" }[ending] ?? ending;
    const content = base64(new Uint8Array(await file.arrayBuffer()));
    await this.app.take(await read({ form, content, name: file.name }));
  }

  async typed() {
    const lai = this.app.settings.lai ? `lai: ${this.app.settings.lai}\n` : "";
    const head = `${lai}tempo: ${this.app.settings.tempo}\ntuning: ${this.app.settings.tuning}\n`;
    const { value } = byId("typed");
    if (!value.trim()) throw new RefusedHere({ where: "mine", reason: "noLetters", remedy: "noLettersRemedy" });
    const above = /^[^|\n]*:/m.test(value) ? "" : head;
    const content = base64(new TextEncoder().encode(above + value));
    try {
      const tune = await read({ form: "txt", content, name: t("mine") });
      await this.app.take({ ...tune, title: tune.title || t("mine") });
    } catch (error) {
      throw ofOwnLines(error, above.split("\n").length - 1);
    }
  }

  tapping(on) {
    byId("tapping").hidden = !on;
    document.querySelector(".neck-frame").classList.toggle("tapped", on);
    this.app.neck.playable = on;
    if (on) document.querySelector(".neck-frame").scrollIntoView({ block: "nearest" });
  }

  async touched({ pitch, string }) {
    const letter = letterOf(pitch);
    if (letter === null) {
      this.app.display.say("noLetter", { pitch: pitchName(pitch) });
    } else {
      this.taps.push("-".repeat(Number(byId("tap-length").value) - 1) + letter);
      this.write();
    }
    await this.app.sound.touch(pitch, string);
  }

  /** What was tapped as a page: four slots a hong; the letters that belong to a hong end it, as the beat does. */
  write() {
    const slots = this.taps.join("").match(/-|[^-][\u0e4d\u0e3a]*/g) ?? [];
    const hong = [];
    for (let at = 0; at < slots.length; at += 4) hong.push(slots.slice(at, at + 4).join(""));
    const last = slots.length % 4;
    if (last) hong[hong.length - 1] += "-".repeat(4 - last);
    const lines = [];
    for (let at = 0; at < hong.length; at += 8) lines.push(`| ${hong.slice(at, at + 8).join(" | ")} |`);
    byId("typed").value = lines.join("\n");
  }
}
