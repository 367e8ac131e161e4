// Plucked strings: Karplus and Strong's, as phin/music/voice.py has it, one sample at a time; and two small cymbals.
//
// What sounded a period ago comes back a little weaker and a little blurred. The period is no whole number of samples:
// the loop is read between its samples by a cubic (Lagrange), so that a string is in tune and bends without a click.

const RING = 4.2; // seconds in which the fundamental of A4 falls by 60 dB
const RING_FALL = 0.7; // the octave above rings 2 ** -RING_FALL as long
const DULLING = 1.8; // seconds in which the blur takes 60 dB from a partial at BRIGHT Hz
const BRIGHT = 4000;
const RELEASE = 0.05; // seconds until a damped string is silent
const ATTACK = 0.001;
const LOUDNESS = 0.28; // of a stroke of full velocity: a few strings at once stay below 1
const LENGTH = 4096; // samples of the loop: down to 12 Hz
const MASK = LENGTH - 1;
const EVERY = 16; // samples between two looks at a bend

const LN1000 = Math.log(1000);

class Pluck {
  constructor(stroke, first, rate) {
    const { frequency, strike } = stroke;
    this.stroke = stroke;
    this.rate = rate;
    this.begins = first; // frame
    this.age = 0;
    this.damped = Math.max(Math.round(stroke.seconds * rate), 1);
    this.release = Math.round(RELEASE * rate);
    const variance = ((2 * LN1000) / (DULLING * frequency)) * (rate / (2 * Math.PI * BRIGHT)) ** 2;
    this.side = Math.min(variance / 2, 0.25);
    this.loss = Math.exp(-LN1000 / (RING * (440 / frequency) ** RING_FALL * frequency));
    this.loop = new Float32Array(LENGTH);
    const period = strike.length;
    // a slide may begin an octave lower, with a loop twice as long
    for (let back = 1; back <= 2 * period + 8; back++) {
      this.loop[(LENGTH - back) & MASK] = strike[(16 * period - back) % period];
    }
    this.write = 0;
    this.delay = this.target = this.delayAt(0);
    this.gain = LOUDNESS * stroke.gain;
  }

  /** Samples that the loop is long, so many samples after the stroke. */
  delayAt(age) {
    const { bend, frequency } = this.stroke;
    let semitones = 0;
    if (bend) {
      const seconds = age / this.rate;
      let point = 0;
      while (point < bend.length - 2 && bend[point + 2] <= seconds) point += 2;
      semitones = bend[point + 1];
      if (point < bend.length - 2 && seconds > bend[point]) {
        semitones += ((bend[point + 3] - semitones) * (seconds - bend[point])) / (bend[point + 2] - bend[point]);
      }
    }
    const samples = this.rate / (frequency * 2 ** (semitones / 12)) - 1; // the blur takes a sample
    return Math.min(Math.max(samples, 4), LENGTH - 8);
  }

  damp(frames) {
    if (this.age + frames < this.damped + this.release) {
      this.damped = Math.min(this.damped, this.age);
      this.release = frames;
    }
  }

  /** Adds samples from `from` on to `out`; false when it is silent. */
  run(out, from) {
    const { loop, side, loss } = this;
    const middle = 1 - 2 * side;
    const attack = ATTACK * this.rate;
    for (let at = from; at < out.length; at++) {
      if (this.age % EVERY === 0) this.target = this.delayAt(this.age);
      this.delay += (this.target - this.delay) / EVERY;
      const whole = Math.floor(this.delay);
      const d = this.delay - whole + 1; // 1 to 2: the middle of four samples
      const place = this.write - whole + 1;
      const a = loop[place & MASK];
      const b = loop[(place - 1) & MASK];
      const c = loop[(place - 2) & MASK];
      const e = loop[(place - 3) & MASK];
      const read =
        (-a * (d - 1) * (d - 2) * (d - 3)) / 6 +
        (b * d * (d - 2) * (d - 3)) / 2 -
        (c * d * (d - 1) * (d - 3)) / 2 +
        (e * d * (d - 1) * (d - 2)) / 6;
      const blurred = loss * (side * (read + this.older) + middle * this.old);
      this.older = this.old;
      this.old = read;
      loop[this.write & MASK] = blurred;
      this.write = (this.write + 1) & MASK;
      let level = this.gain;
      if (this.age < attack) level *= this.age / attack;
      const over = this.age - this.damped;
      if (over > 0) {
        if (over >= this.release) return false;
        level *= Math.cos((Math.PI / 2) * (over / this.release)) ** 2;
      }
      out[at] += blurred * level;
      this.age++;
    }
    return true;
  }

  old = 0;
  older = 0;
}

/** Two small cymbals: open they ring (ฉิ่ง), held they do not (ฉับ). The partials are ours, no pair was measured. */
class Ching {
  constructor(stroke, first, rate) {
    this.stroke = stroke;
    this.rate = rate;
    this.begins = first;
    this.age = 0;
    this.ring = stroke.open ? 0.35 : 0.035;
  }

  damp() {}

  run(out, from) {
    for (let at = from; at < out.length; at++, this.age++) {
      const seconds = this.age / this.rate;
      if (seconds > 5 * this.ring) return false;
      const wave = [2637, 4186, 5987].reduce((sum, hz, k) => sum + Math.sin(2 * Math.PI * hz * seconds) / (1 + k), 0);
      out[at] += 0.06 * this.stroke.gain * Math.exp(-seconds / this.ring) * wave;
    }
    return true;
  }
}

/** What sounds and what is to sound; strokes begin at their sample of the clock. */
export class Strings {
  constructor(rate, strokes = []) {
    this.rate = rate;
    this.waiting = strokes; // by time
    this.sounding = [];
  }

  /**
   * Takes more strokes; or takes back those from a time on, and damps what sounds. What sounds by itself (`alone`) and
   * not with the tune is left.
   */
  hear({ strokes, clear, damp }) {
    if (strokes) {
      this.waiting.push(...strokes);
      this.waiting.sort((one, other) => one.time - other.time);
    }
    if (clear !== undefined) this.waiting = this.waiting.filter(({ time, alone }) => alone || time < clear);
    if (damp) for (const voice of this.sounding) if (!voice.stroke.alone) voice.damp(Math.round(0.08 * this.rate));
  }

  /** Adds what sounds from a frame of the clock on to `out`, which is silent yet; tells which strokes began. */
  sound(out, frame) {
    const began = [];
    const until = frame + out.length;
    while (this.waiting.length && Math.round(this.waiting[0].time * this.rate) < until) {
      const stroke = this.waiting.shift();
      const first = Math.max(Math.round(stroke.time * this.rate), frame);
      if (stroke.string) {
        for (const voice of this.sounding) {
          if (voice.stroke.string === stroke.string) voice.damp(Math.round(0.012 * this.rate));
        }
      }
      const Voice = stroke.strike ? Pluck : Ching;
      this.sounding.push(new Voice(stroke, first, this.rate));
      const { kind, step, pitch, frequency, time } = stroke;
      began.push({ kind, step, pitch, hertz: frequency, asked: time, began: first / this.rate });
    }
    this.sounding = this.sounding.filter((voice) => voice.run(out, Math.max(voice.begins - frame, 0)));
    for (let at = 0; at < out.length; at++) out[at] = Math.tanh(out[at]);
    return began;
  }
}
