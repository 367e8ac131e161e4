// The neck: frets where they stand on the string, strings by their number, and a light on each place that is plucked.
//
// As a player sees it who looks down on it: string 1, the highest, on top (phin/music/neck.py).

import { bareLetter, fingerAt, letterOf, pitchName } from "./music.js";
import { t } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const NAMES = 54; // pixels for the names of the strings
const OPEN = 30; // and for the dots of open strings
const GAP = 34;
const HEAD = 20;
const FADE = 2.2; // a stroke is half as bright after 1 / FADE seconds or so

function draw(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

export class Neck extends EventTarget {
  constructor(svg) {
    super();
    this.svg = svg;
    this.lit = new Map();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.layOut()).observe(svg);
    svg.addEventListener("click", (event) => this.touched(event.target));
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.touched(event.target);
      else if (!this.moved(event)) return;
      event.preventDefault();
    });
  }

  /** Another tuning, and which pitch classes are in the lai (the tonic first). */
  set(tuning, lai) {
    Object.assign(this, { tuning, lai });
    this.layOut();
  }

  /** Whether fingers may play on it; then every place is a button. */
  set playable(on) {
    this.buttons = on;
    this.layOut();
  }

  layOut() {
    const { svg, tuning } = this;
    const width = svg.clientWidth;
    if (!tuning || !width) return;
    const count = tuning.strings.length;
    const height = HEAD + GAP * count + 4;
    const stop = svg.querySelector(".place:focus") ?? svg.querySelector(".place[tabindex='0']");
    const isFocused = stop !== null && stop === document.activeElement;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.replaceChildren();
    this.lit.clear();
    const nut = NAMES + OPEN;
    const end = tuning.distances[tuning.distances.length - 1];
    const x = (distance) => nut + ((width - nut - 8) * distance) / (end * 1.01);
    this.x = (fret) => (fret ? x(fingerAt(fret, tuning.distances)) : nut - OPEN / 2);
    this.y = (string) => HEAD + GAP * (string - 0.5);
    const top = HEAD + 2;
    const bottom = HEAD + GAP * count - 2;
    draw(svg, "rect", { class: "board", x: nut, y: top, width: width - nut, height: bottom - top, rx: 3 });
    tuning.distances.forEach((distance, fret) => {
      if (fret) draw(svg, "line", { class: "fret", x1: x(distance), x2: x(distance), y1: top, y2: bottom });
      const room = fret ? x(distance) - x(tuning.distances[fret - 1]) : OPEN;
      if (room > 13) draw(svg, "text", { class: "fret-number", x: this.x(fret), y: HEAD - 7 }, fret);
    });
    draw(svg, "line", { class: "nut", x1: nut, x2: nut, y1: top, y2: bottom });
    for (let string = 1; string <= count; string++) {
      const y = this.y(string);
      const thick = { "stroke-width": 0.7 + 0.45 * string };
      draw(svg, "line", { class: "string", x1: nut - OPEN + 2, x2: width, y1: y, y2: y, ...thick });
      const name = draw(svg, "text", { class: "string-name", x: 2, y: y + 4 }, string);
      draw(name, "tspan", { dx: 5, class: "string-pitch" }, pitchName(tuning.strings[string - 1]));
    }
    this.hints();
    if (stop) this.stopAt(stop.dataset.string, stop.dataset.fret);
    if (isFocused) svg.querySelector(".place[tabindex='0']")?.focus({ preventScroll: true });
  }

  /** Small marks where the notes of the lai lie, the tonic larger; buttons, where one may play. */
  hints() {
    const { svg, tuning, lai } = this;
    tuning.strings.forEach((open, place) => {
      tuning.frets.forEach((semitones, fret) => {
        const pitch = open + semitones;
        const inLai = lai?.pitch_classes.includes(pitch % 12);
        const at = { cx: this.x(fret), cy: this.y(place + 1) };
        const [kind, r] = pitch % 12 === lai?.tonic ? ["hint tonic", 5] : ["hint", 3];
        if (inLai && fret) draw(svg, "circle", { class: kind, ...at, r });
        if (!this.buttons) return;
        const label = `${letterOf(pitch) ?? pitchName(pitch)}, ${t("place", { string: place + 1, fret })}`;
        const button = { class: "place", role: "button", tabindex: fret || place ? -1 : 0, "aria-label": label };
        const data = { "data-pitch": pitch, "data-string": place + 1, "data-fret": fret };
        draw(svg, "circle", { ...button, ...at, ...data, r: 15 });
      });
    });
  }

  /** Arrow keys go from place to place: one stop of the tab key for the whole neck. Whether there was where to go. */
  moved({ key, target }) {
    const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[key];
    if (!by || !target.dataset?.pitch) return false;
    const next = this.stopAt(Number(target.dataset.string) + by[0], Number(target.dataset.fret) + by[1]);
    next?.focus();
    return Boolean(next);
  }

  /** Has the tab key stop at a place; null where there is none. */
  stopAt(string, fret) {
    const next = this.svg.querySelector(`[data-string="${string}"][data-fret="${fret}"]`);
    if (!next) return null;
    this.svg.querySelector(".place[tabindex='0']")?.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    return next;
  }

  touched(target) {
    if (!target.dataset?.pitch) return;
    const detail = { pitch: Number(target.dataset.pitch), string: Number(target.dataset.string) };
    this.dispatchEvent(new CustomEvent("touch", { detail }));
  }

  /** Lights what sounds, [{string, fret, pitch, voice, since}], `since` in seconds from the stroke; and what is next. */
  show(sounding, next) {
    if (!this.tuning || !this.x) return;
    const wanted = new Map();
    if (next && next.string) wanted.set(`${next.string}:${next.fret}`, { ...next, kind: "next" });
    for (const note of sounding) {
      if (note.string) wanted.set(`${note.string}:${note.fret}`, { ...note, kind: note.voice });
    }
    for (const [place, mark] of this.lit) if (!wanted.has(place)) mark.setAttribute("class", "light");
    for (const [place, note] of wanted) {
      if (note.string > this.tuning.strings.length || note.fret >= this.tuning.frets.length) continue;
      const mark = this.lit.get(place) ?? this.mark(place, note);
      mark.setAttribute("class", `light on ${note.kind}`);
      const strength = note.kind === "next" || this.still.matches ? 1 : 0.6 + 0.4 * Math.exp(-FADE * note.since);
      mark.style.opacity = strength.toFixed(2);
    }
  }

  mark(place, { string, fret, pitch }) {
    const mark = draw(this.svg, "g", { class: "light", "data-place": place, "aria-hidden": "true" });
    draw(mark, "circle", { cx: this.x(fret), cy: this.y(string), r: 11 });
    draw(mark, "circle", { class: "ring", cx: this.x(fret), cy: this.y(string), r: 14 }); // a drone's
    draw(mark, "text", { x: this.x(fret), y: this.y(string) + 4.5 }, bareLetter(pitch) ?? pitchName(pitch));
    this.lit.set(place, mark);
    return mark;
  }
}
