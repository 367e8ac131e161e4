// The tune on paper as it grows, in letters or tablature: a box a hong, eight a line; the box that sounds is marked,
// boxes can be chosen.

import { HONG_PER_LINE, hongOf, inTablature, lettered } from "./music.js";
import { t } from "./i18n.js";

const MOST_LINES = 64; // of a tune without end, the last ones

export class Score extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
    this.view = "letters";
    this.chosen = null; // [first, last], counted from 0
    this.sounding = null;
    root.addEventListener("click", (event) => {
      const box = event.target.closest("[data-hong]");
      if (box) this.choose(Number(box.dataset.hong), event.shiftKey);
    });
    root.addEventListener("keydown", (event) => this.moved(event));
  }

  /** Draws a session anew, or only what has changed of it. */
  show(session, strings) {
    const { notes, begins, numHong } = session;
    const count = Math.max(numHong, 1);
    if (this.session !== session) {
      this.root.replaceChildren();
      this.session = session;
      this.sounding = null;
      this.boxes = new Map();
      this.texts = new Map();
      this.tabbable = null;
    }
    const page = lettered(notes, begins, count, session.marked);
    const frets = this.view === "tablature" ? inTablature(notes, begins, count, strings) : null;
    const firstLine = Math.max(Math.ceil(count / HONG_PER_LINE) - MOST_LINES, 0);
    for (const line of [...this.root.children]) {
      const number = Number(line.dataset.line);
      if (number < firstLine || number * HONG_PER_LINE >= count) line.remove();
      else line.setAttribute("aria-label", `${t("line")} ${number + 1}`);
    }
    page.forEach((slots, hong) => {
      if (hong < firstLine * HONG_PER_LINE) return;
      const box = this.box(hong);
      const written = JSON.stringify([slots, frets?.[hong], document.documentElement.lang]);
      if (this.texts.get(hong) === written) return;
      this.texts.set(hong, written);
      box.replaceChildren(...(frets ? this.fretted(frets[hong]) : this.slots(slots)));
      const spoken = frets ? spokenFrets(frets[hong]) : slots.map((parts) => parts.join(" ")).join(" ");
      box.setAttribute("aria-label", `${t("hong")} ${hong + 1}: ${spoken.replaceAll("-", "–")}`);
    });
    for (const [hong, box] of this.boxes) {
      if (hong < count && hong >= firstLine * HONG_PER_LINE) continue;
      box.remove();
      this.boxes.delete(hong);
      this.texts.delete(hong);
    }
    if (!this.tabbable?.isConnected) this.stopAt(this.boxes.values().next().value);
    this.choice();
  }

  /** The box that the tab key comes to: one for the whole page. */
  stopAt(box) {
    if (this.tabbable) this.tabbable.tabIndex = -1;
    this.tabbable = box;
    box.tabIndex = 0;
  }

  focus(hong) {
    const box = this.boxes.get(hong);
    if (!box) return;
    this.stopAt(box);
    box.focus();
  }

  box(hong) {
    if (this.boxes.has(hong)) return this.boxes.get(hong);
    const number = Math.floor(hong / HONG_PER_LINE);
    let line = this.root.querySelector(`[data-line="${number}"]`);
    if (!line) {
      line = document.createElement("div");
      line.className = "line";
      line.dataset.line = number;
      line.setAttribute("role", "group");
      line.setAttribute("aria-label", `${t("line")} ${number + 1}`);
      this.root.append(line);
    }
    const box = document.createElement("button");
    box.type = "button";
    box.className = "hong";
    box.dataset.hong = hong;
    box.tabIndex = -1;
    line.append(box);
    this.boxes.set(hong, box);
    return box;
  }

  slots(slots) {
    return slots.map((parts, place) => {
      const slot = document.createElement("span");
      slot.className = `slot${place === 3 ? " beat" : ""}${parts.length > 1 ? ` shared-${parts.length}` : ""}`;
      slot.lang = "th";
      slot.textContent = parts.join("");
      if (parts.every((part) => part === "-")) slot.classList.add("rest");
      return slot;
    });
  }

  fretted(rows) {
    return rows.map((cells) => {
      const string = document.createElement("span");
      string.className = "tab-string";
      string.append(
        ...cells.map((fret) => {
          const cell = document.createElement("span");
          cell.textContent = fret;
          cell.className = fret === "" ? "tab-cell" : "tab-cell struck";
          return cell;
        }),
      );
      return string;
    });
  }

  /** Marks the box that sounds, and brings it into view. */
  mark(step) {
    if (!this.session) return;
    const hong = step === null ? null : hongOf(step, this.session.begins);
    if (hong === this.sounding) return;
    this.boxes?.get(this.sounding)?.classList.remove("sounds");
    this.sounding = hong;
    const box = this.boxes?.get(hong);
    if (!box) return;
    box.classList.add("sounds");
    const { root } = this;
    const above = box.offsetTop - root.offsetTop;
    if (above < root.scrollTop || above + box.offsetHeight > root.scrollTop + root.clientHeight) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      root.scrollTo({ top: above - 8, behavior: still ? "auto" : "smooth" });
    }
  }

  /** A box chosen, then another: all between them; the same one again: none. */
  choose(hong, onwards = false) {
    const [first, last] = this.chosen ?? [null, null];
    if (first === null) this.chosen = [hong, hong];
    else if (first === hong && last === hong) this.chosen = null;
    else if (first === last || onwards) this.chosen = [Math.min(first, hong), Math.max(last, hong)];
    else this.chosen = [hong, hong];
    this.choice();
    this.dispatchEvent(new Event("choose"));
  }

  unchoose() {
    this.chosen = null;
    this.choice();
    this.dispatchEvent(new Event("choose"));
  }

  choice() {
    const [first, last] = this.chosen ?? [Infinity, -Infinity];
    for (const [hong, box] of this.boxes ?? []) {
      box.setAttribute("aria-pressed", String(first <= hong && hong <= last));
    }
  }

  /** Arrow keys go from box to box: one stop of the tab key for the whole page. */
  moved(event) {
    const box = event.target.closest("[data-hong]");
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: HONG_PER_LINE, ArrowUp: -HONG_PER_LINE }[event.key];
    if (!box || !by) return;
    const next = Number(box.dataset.hong) + by;
    if (!this.boxes.has(next)) return;
    event.preventDefault();
    this.focus(next);
  }
}

/** The frets of a hong in words, slot by slot; a dash where nothing is struck. */
function spokenFrets(rows) {
  return [0, 1, 2, 3]
    .map((slot) => {
      const struck = rows.map((cells, string) => cells[slot] && t("place", { string: string + 1, fret: cells[slot] }));
      return struck.filter(Boolean).join(", ") || "-";
    })
    .join("; ");
}
