// The engine that draws with onnxruntime-web, as phin/runtime/onnx_engine.py: an exported graph, and the cache of a
// tune.

import { FIELDS, MOST_RECALLED, NUM_FIELDS, NUM_IDS, RANKED, SIZES, STEP } from "./tables.js";
import { KIND, NUM_AFTER } from "./limits.js";
import { Longs, Reading } from "./reading.js";
import { Slots } from "./slots.js";

const NUM_KINDS = Object.keys(KIND).length;

export class Engine {
  /** `graph` is where the .onnx lies, or its bytes. */
  static async open({ ort, graph, manifest }) {
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3, graphOptimizationLevel: "all" };
    const bytes = graph instanceof ArrayBuffer ? new Uint8Array(graph) : String(graph);
    return new Engine(ort, manifest, await ort.InferenceSession.create(bytes, options));
  }

  constructor(ort, manifest, session) {
    Object.assign(this, { ort, manifest, session });
    this.learned = manifest.learned_fields;
    this.sources = manifest.tokenizer.sources;
  }

  /** What draws the rows of one tune from the first to the last, from several styles at once. */
  step(sampler, streams) {
    return new EngineStep(this, sampler, streams);
  }
}

class EngineStep {
  constructor(engine, sampler, streams) {
    Object.assign(this, { engine, streams, slots: new Slots(), reading: null, feeds: null });
    const { manifest, ort } = engine;
    this.rows = streams.length;
    this.width = manifest.head_width;
    this.heads = this.rows * manifest.num_heads;
    const names = [];
    for (const of of ["keys", "values"]) {
      for (let layer = 0; layer < manifest.num_layers; layer++) names.push(`${of}_${layer}`);
    }
    this.cached = names.map((name) => ({ name, values: new Float32Array(0) }));
    this.kind = new Longs(1, SIZES[STEP]);
    this.recalled = new Longs(1, 2, MOST_RECALLED);
    const real = (values, shape) => new ort.Tensor("float32", Float32Array.from(values), shape);
    this.set = {
      weights: real(streams.map(({ weight }) => weight), [1, this.rows]),
      tune: new ort.Tensor("int64", new BigInt64Array(this.rows), [this.rows]),
      ...this.sampling(sampler, real),
    }; // prettier-ignore
  }

  /** How ids are drawn, as the graph takes it (SamplerConfig.numbers). */
  sampling({ temperature, temperatures, top_k: topK, top_p: topP, min_p: minP }, real) {
    const isFiltered = topK > 0 || topP < 1;
    const ranks = new Longs(topK || (isFiltered ? RANKED : 1));
    ranks.write(Array.from({ length: ranks.size }, (_, rank) => rank));
    const ofFields = FIELDS.map(({ name }) => temperatures[name] ?? temperature);
    return {
      temperature: real(ofFields, [1, FIELDS.length]),
      ranks: new this.engine.ort.Tensor("int64", ranks.values, ranks.shape),
      top_p: real([topP < 1 ? topP : Infinity], [1, 1]),
      log_min_p: real([minP ? Math.log(minP) : -Infinity], [1, 1]),
      unranked: real([isFiltered ? 0 : -Infinity], [1, 1]),
    };
  }

  /** The ids of the row after `rows`, and how likely each id was: {ids, chances}. */
  async draw(rows, begins, noise, limits) {
    const { slots, engine } = this;
    if (this.reading?.length !== rows.length || this.reading.seen !== slots.size + rows.length) {
      this.layOut(rows.length, noise, limits);
    }
    this.reading.write(rows, slots, begins);
    this.kind.write(limits.kind);
    this.recalled.write(limits.recalled);
    const found = await engine.session.run(this.feeds);
    this.keep(rows, found);
    const { data } = found.drawn;
    const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
    return { ids: Array.from({ length: NUM_FIELDS }, (_, field) => words[2 * field]), chances: found.chances.data };
  }

  /**
   * Tensors over the arrays in which everything that is read will stand, for so many rows after the slots there are.
   */
  layOut(length, noise, limits) {
    const { ort } = this.engine;
    const reading = new Reading(this.streams, length, this.slots.size);
    const long = ({ values, shape }) => new ort.Tensor("int64", values, shape);
    const cache = this.cached.map(({ name, values }) => {
      const shape = [this.rows, this.heads / this.rows, this.slots.size, this.width];
      return [name, new ort.Tensor("float32", values, shape)];
    });
    this.reading = reading;
    this.feeds = {
      lookups: long(reading.lookups),
      position: long(reading.position),
      sees: new ort.Tensor("bool", reading.sees, [this.rows, 1, length, reading.seen]),
      began: long(reading.began),
      melody: long(reading.melody),
      landing: long(reading.landing),
      noise: new ort.Tensor("float32", noise, [1, NUM_IDS]),
      step: new ort.Tensor("float32", limits.step, [1, SIZES[STEP]]),
      after: new ort.Tensor("float32", limits.after, [NUM_KINDS, NUM_AFTER]),
      kind: long(this.kind),
      recalled: long(this.recalled),
      recalled_cost: new ort.Tensor("float32", limits.recalledCost, [1, MOST_RECALLED]),
      ...this.set,
      ...Object.fromEntries(cache),
    };
  }

  /** Writes the keys and values of rows into slots that are free, after making room. */
  keep(rows, found) {
    const { slots, width, heads } = this, length = rows.length, before = slots.size; // prettier-ignore
    if (slots.makeRoom(length)) {
      for (const cache of this.cached) cache.values = moved(cache.values, before, slots.size, heads, width);
      this.reading = null;
    }
    const first = slots.take(rows);
    for (const { name, values } of this.cached) {
      const own = found[`own_${name}`].data;
      for (let head = 0; head < heads; head++) {
        const to = (head * slots.size + first) * width, from = head * length * width; // prettier-ignore
        for (let at = 0; at < length * width; at++) values[to + at] = own[from + at];
      }
    }
  }
}

/** A cache of `before` slots in one of `size`. */
function moved(values, before, size, heads, width) {
  const made = new Float32Array(heads * size * width);
  for (let head = 0; head < heads; head++) {
    made.set(values.subarray(head * before * width, (head + 1) * before * width), head * size * width);
  }
  return made;
}
