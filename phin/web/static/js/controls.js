// The settings: what is asked of the next tune. In sight are lai, tempo and length; the rest is behind "more".

import { RefusedHere } from "./api.js";
import { hasOther, hasOwnLength, isEndless, isWhollyOther, newSeed, ownSampler } from "./settings.js";
import { currentLanguage, t } from "./i18n.js";

const byId = (id) => document.getElementById(id);
const LENGTHS = ["1", "2", "4", "8", "endless"];
const FIELDS = { tuning: "tuning", density: "density", source: "source", sampler: "sampler", seed: "seed" };
const HALF = 0.5;
const OTHERS = { "other-lai": "otherLai", "other-source": "otherSource", "other-tempo": "otherTempo" };

/**
 * Shows settings and changes them; `changed(name)` is called for each that a person sets. `whyNoDrone()` is the word
 * that says why no drone can be struck, or null.
 */
export class Controls {
  constructor(about, settings, whyNoDrone, changed) {
    Object.assign(this, { about, settings, whyNoDrone, changed });
    this.asked = settings.sampler;
    this.fill();
    for (const [id, name] of [...Object.entries(FIELDS), ...Object.entries(OTHERS)]) {
      byId(id).addEventListener("change", ({ target }) => {
        if (name === "seed") this.typed(target);
        else this.set(name, target.type === "number" ? withinLimits(target) : target.value);
      });
    }
    for (const name of ["tempo", "techniques", "blend"]) {
      byId(name).addEventListener("input", ({ target }) => this.set(name, Number(target.value)));
    }
    byId("drone").addEventListener("change", ({ target }) => this.set("drone", target.checked));
    for (const name of ["lai", "lines"]) {
      byId(name).addEventListener("change", ({ target }) => this.set(name, target.value));
    }
  }

  get lai() {
    return this.about.lai.find((lai) => lai.name === this.settings.lai) ?? null;
  }

  get tuning() {
    return this.about.tunings.find((tuning) => tuning.name === this.settings.tuning) ?? this.about.tunings[0];
  }

  /** A seed was typed; an empty field leaves it to chance, and what is no seed stays to be mended. */
  typed({ value, validity }) {
    const seed = Number(value);
    this.seedIsBad = validity.badInput || !Number.isSafeInteger(seed) || seed < 0;
    if (this.seedIsBad) return this.showSeed();
    this.seedIsTyped = value !== "";
    this.settings.number = 0;
    this.set("seed", this.seedIsTyped ? seed : newSeed());
  }

  /** The seed of a new tune: the one that was typed since the last, else any. Throws Refused where it is none. */
  nextSeed() {
    this.refuseSeed();
    return this.seedIsTyped ? this.settings.seed : newSeed();
  }

  refuseSeed() {
    if (this.seedIsBad) throw new RefusedHere({ where: "seed", reason: "badSeed", remedy: "badSeedRemedy" });
  }

  /** A tune is there: what was typed for it is taken up. */
  tookUp() {
    this.seedIsBad = this.seedIsTyped = false;
    this.show();
  }

  showSeed() {
    if (!this.seedIsBad) byId("seed").value = this.settings.seed;
    byId("seed").setAttribute("aria-invalid", String(Boolean(this.seedIsBad)));
    byId("seed-bad").hidden = !this.seedIsBad;
  }

  set(name, value) {
    const { settings } = this;
    const had = hasOther(settings);
    settings[name] = value;
    if (!had && hasOther(settings) && !settings.blend) settings.blend = HALF; // at 0 % it would not be heard
    this.show();
    this.changed(name);
  }

  /** What there is to choose from, in the language of the page. */
  fill() {
    const { about } = this;
    const thai = currentLanguage() === "th";
    const lais = about.lai.filter((lai) => lai.name !== "none");
    const laiWords = (lai) => (thai ? lai.thai.replace(/^ลาย/, "") : lai.name);
    chips("lai", [
      ...lais.map((lai) => [lai.name, laiWords(lai), thai ? t(lai.family) : lai.thai]),
      ["", t("anyLai"), ""],
    ]);
    const lengthWords = (length) =>
      length === "endless" ? t("endless") : length === "1" ? t("oneLine") : t("lines", { n: length });
    const lengths = LENGTHS.includes(this.settings.lines) ? LENGTHS : [...LENGTHS, this.settings.lines];
    chips("lines", lengths.map((length) => [length, lengthWords(length), ""]));
    options("tuning", about.tunings.map(({ name }) => [name, name]));
    const densities = [["1", t("densityFew")], ["2", t("densityEven")], ["3", t("densityMany")]];
    options("density", [["", t("asLearned")], ...densities]);
    const sources = about.sources.map((source) => [source, source]);
    options("source", [["", t("anySource")], ...sources]);
    const own = ownSampler(about);
    const ways = new Set([own, ...Object.keys(about.samplers), this.asked]);
    const named = (way) => (way in about.samplers ? t(way) : t(way === own ? "serversOwn" : "asLinked"));
    options("sampler", [...ways].map((way) => [way, named(way)]));
    options("other-lai", [["", t("unsaid")], ...lais.map((lai) => [lai.name, laiWords(lai)])]);
    options("other-source", [["", t("unsaid")], ...sources]);
    this.show();
  }

  /** Puts the settings on the page. */
  show() {
    const { settings } = this;
    for (const [id, name] of [...Object.entries(FIELDS), ...Object.entries(OTHERS)]) {
      if (name !== "seed") byId(id).value = settings[name];
    }
    this.showSeed();
    for (const name of ["tempo", "techniques", "blend"]) byId(name).value = settings[name];
    for (const name of ["lai", "lines"]) {
      for (const input of byId(name).querySelectorAll("input")) input.checked = input.value === String(settings[name]);
    }
    said("tempo", `${settings.tempo} ${t("perMinute")}`, String(settings.tempo));
    said("techniques", settings.techniques ? `${Math.round(100 * settings.techniques)} %` : t("none"));
    said("blend", `${Math.round(100 * settings.blend)} %`);
    this.disable();
  }

  /** What a tune would not hear cannot be set, and is told why. */
  disable() {
    const { settings } = this;
    const noDrone = this.whyNoDrone();
    byId("drone").checked = settings.drone && noDrone === null;
    byId("drone").disabled = noDrone !== null;
    byId("drone-hint").textContent = noDrone ? t(noDrone) : "";
    byId("techniques").disabled = isEndless(settings);
    byId("techniques-hint").textContent = t(isEndless(settings) ? "noTechniques" : "synthetic");
    for (const input of byId("lines").querySelectorAll("input")) input.disabled = hasOwnLength(settings);
    byId("lines-hint").hidden = !hasOwnLength(settings);
    const wholly = isWhollyOther(settings);
    for (const id of ["density", "source"]) byId(id).disabled = wholly;
    byId("lean-hint").textContent = t(wholly ? "whollyOther" : "leans");
    for (const id of Object.keys(OTHERS)) byId(id).disabled = hasOther(settings) && !settings.blend;
    byId("blend").disabled = !hasOther(settings);
    byId("blend-hint").textContent = t(!hasOther(settings) ? "blendFirst" : settings.blend ? "blendHint" : "blendMore");
  }
}

/** What a field of numbers says, or the nearest that it takes; nothing where it is empty. */
function withinLimits({ value, min, max }) {
  return value === "" ? "" : String(Math.min(Math.max(Number(value), min), max));
}

function said(id, spoken, shown = spoken) {
  byId(`${id}-said`).textContent = shown;
  byId(id).setAttribute("aria-valuetext", spoken);
}

function options(id, pairs) {
  byId(id).replaceChildren(...pairs.map(([value, words]) => new Option(words, value)));
}

/** Radio buttons that look like chips: [value, words, smaller words]. */
function chips(name, choices) {
  const nodes = choices.map(([value, words, small]) => {
    const chip = document.createElement("label");
    chip.className = value === "" ? "chip any" : "chip";
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
    const face = document.createElement("span");
    face.append(words);
    if (small) face.append(Object.assign(document.createElement("small"), { textContent: small }));
    chip.append(input, face);
    return chip;
  });
  byId(name).replaceChildren(...nodes);
}
