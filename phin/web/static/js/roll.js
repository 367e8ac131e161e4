// The piano roll: it passes under the moment that is heard, with hong and slots drawn, slot 4 strongest: it is the beat.
// Who wishes for less motion sees it page by page, and the moment passing over it.

import { BEAT, HONG, SLOT, beginOfHong, hongOf, lengthOf, letterOf, pitchClass, pitchName } from "./music.js";

const GUTTER = 34; // pixels for the letters of the pitches
const FOOT = 18;
const HONG_WIDTH = 64;
const HEARD_AT = 0.3; // where the moment that is heard stands, as a share of the width

export class Roll {
  constructor(canvas) {
    this.canvas = canvas;
    this.shown = { step: NaN };
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colour());
    this.resize();
  }

  resize() {
    const dense = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * dense);
    this.canvas.height = Math.round(this.canvas.clientHeight * dense);
    this.dense = dense;
    this.colour();
  }

  colour() {
    const style = getComputedStyle(this.canvas);
    const of = (name) => style.getPropertyValue(name).trim();
    this.colours = {
      ...{ ink: of("--ink"), faint: of("--line-faint"), line: of("--line"), strong: of("--line-strong") },
      ...{ melody: of("--accent"), accompaniment: of("--drone"), muted: of("--muted"), tonic: of("--tint") },
    };
    this.font = style.fontFamily;
    this.shown.step = NaN;
  }

  /** Draws a session at a step; `lai` gives rows their shade, `loop` its edges. */
  show(session, step, lai, loop) {
    const { notes } = session;
    const asked = { step, notes, count: notes.length, begins: session.begins, lai, loop };
    if (Object.keys(asked).every((name) => asked[name] === this.shown[name])) return;
    this.shown = asked;
    const { canvas, colours, dense } = this;
    const width = canvas.width / dense;
    const height = canvas.height / dense;
    if (!width || !height) return;
    const context = canvas.getContext("2d");
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, width, height);
    const [low, high] = this.range(notes);
    const row = (height - FOOT) / (high - low + 1);
    const y = (pitch) => (high - pitch) * row;
    const wide = ((width - GUTTER) / HONG_WIDTH) * HONG; // steps that are seen
    const page = Math.max(Math.floor(wide / HONG), 1) * HONG;
    const first = this.still.matches
      ? session.begins + Math.floor((step - session.begins) / page) * page
      : step - wide * HEARD_AT;
    const last = first + wide;
    const x = (at) => GUTTER + ((at - first) * HONG_WIDTH) / HONG;
    const now = x(step);

    if (lai) {
      context.fillStyle = colours.tonic;
      for (let pitch = low; pitch <= high; pitch++) {
        if (lai.pitch_classes.includes(pitchClass(pitch))) {
          context.globalAlpha = pitchClass(pitch) === lai.tonic ? 1 : 0.45;
          context.fillRect(GUTTER, y(pitch), width - GUTTER, row);
        }
      }
      context.globalAlpha = 1;
    }
    if (loop) {
      context.fillStyle = colours.melody;
      context.globalAlpha = 0.1;
      context.fillRect(x(loop.from), 0, x(loop.to) - x(loop.from), height - FOOT);
      context.globalAlpha = 1;
    }
    context.font = `12px ${this.font}`;
    context.textBaseline = "middle";
    for (let hong = Math.max(hongOf(first, session.begins), 0); beginOfHong(hong, session.begins) < last; hong++) {
      const begin = beginOfHong(hong, session.begins);
      for (let slot = 0; slot < 4; slot++) {
        const at = x(begin + slot * SLOT);
        if (at < GUTTER) continue;
        const isBeat = slot * SLOT === BEAT;
        context.strokeStyle = isBeat ? colours.strong : colours.faint;
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(at, 0);
        context.lineTo(at, height - FOOT);
        context.stroke();
        if (isBeat) {
          context.fillStyle = colours.muted;
          context.textAlign = "center";
          context.fillText(String(hong + 1), at, height - FOOT / 2 + 1);
        }
      }
    }
    notes.forEach((note, place) => {
      const length = lengthOf(note, place, notes);
      if (note.onset + length < first || note.onset > last) return;
      const left = Math.max(x(note.onset), GUTTER);
      const right = x(note.onset + length) - 2;
      if (right < GUTTER) return;
      const sounds = note.onset <= step && step < note.onset + length;
      const thick = Math.min(row * (note.voice === "melody" ? 0.86 : 0.5), 16);
      context.globalAlpha = sounds || note.onset > step ? (sounds ? 1 : 0.72) : 0.4;
      context.fillStyle = colours[note.voice];
      context.beginPath();
      const top = y(note.pitch) + (row - thick) / 2;
      context.roundRect(left, top, Math.max(right - left, 3), thick, Math.min(thick / 2, 4));
      context.fill();
    });
    context.globalAlpha = 1;
    this.gutter(context, low, high, row, y, lai);
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(now, 0);
    context.lineTo(now, height - FOOT);
    context.stroke();
  }

  gutter(context, low, high, row, y, lai) {
    context.textAlign = "left";
    let lowest = Infinity;
    for (let pitch = low; pitch <= high; pitch++) {
      if (lai ? !lai.pitch_classes.includes(pitchClass(pitch)) : letterOf(pitch) === null) continue;
      if (lowest - y(pitch) < 12) continue;
      lowest = y(pitch);
      context.fillStyle = lai && pitchClass(pitch) === lai.tonic ? this.colours.ink : this.colours.muted;
      context.fillText(letterOf(pitch) ?? pitchName(pitch), 8, y(pitch) + row / 2);
    }
  }

  /** The pitches that are shown: those of the notes, fourteen at least. */
  range(notes) {
    let low = Infinity;
    let high = -Infinity;
    for (const { pitch } of notes) {
      low = Math.min(low, pitch);
      high = Math.max(high, pitch);
    }
    if (low > high) [low, high] = [57, 76];
    const wanting = Math.max(13 - (high - low), 0);
    return [low - 1 - Math.ceil(wanting / 2), high + 1 + Math.floor(wanting / 2)];
  }
}
