// The model in a page: what phin-web answers, answered here. It knows nothing of the DOM, of Workers or of fetch.

import { Refusal, refuse } from "./refusal.js";
import { tell, WORDS } from "./tables.js";

export class Player {
  /** `ort` is onnxruntime-web, `graph` the .onnx or where it lies, `manifest` and `about` what the build wrote. */
  static async open({ ort, graph, manifest, about }) {
    tell(manifest, about);
    // the modules read the tables when they load, so they load after the tables are told
    const [{ Engine }, ...modules] = await Promise.all([
      import("./engine.js"),
      import("./asked.js"),
      import("./drawing.js"),
      import("./tune.js"),
      import("./grid.js"),
      import("./request.js"),
      import("./kinds.js"),
      import("./readers.js"),
      import("./suggesting.js"),
    ]);
    const made = Object.assign({}, ...modules);
    return new Player(await Engine.open({ ort, graph, manifest }), made, about);
  }

  constructor(engine, made, about) {
    Object.assign(this, { engine, made, about });
  }

  /** New tunes, whole: {tunes}. Throws {where, reason, remedy}. */
  async generate(asked) {
    return refusing(async () => {
      const { checkedKinds, planned, several } = this.made;
      const { count = 1, ...one } = checkedKinds(asked, "TunesAsked");
      if (one.endless) refuse("endless=true", "means nothing for tunes that are told whole", "ask for a stream");
      return { tunes: await several(this.engine, await planned({ ...one, count }), count) };
    });
  }

  /** A tune note by note: `on.begin`, `on.note` for each, `on.tune`; `ready` is waited for before each is drawn. */
  async follow(asked, on, signal, ready = async () => {}) {
    return refusing(async () => {
      const { made } = this;
      const plan = await made.planned(made.checkedKinds(asked, "TuneAsked"));
      on.begin?.(this.begins(plan));
      const hand = new made.Hand(plan.keep.strings, plan.keep.hand);
      const hear = async (note) => {
        if (signal?.aborted) throw ABORTED;
        on.note?.(made.noteOf(note, ...hand.takes(note)));
        await ready();
        if (signal?.aborted) throw ABORTED;
      };
      await ready();
      try {
        const tune = await (plan.endless ? made.endless : made.one)(this.engine, plan, hear);
        if (!signal?.aborted) on.tune?.(tune);
      } catch (error) {
        if (error !== ABORTED) throw error;
      }
    });
  }

  /** The tune of a TuneSource, with its page and a fingering. */
  async read(source) {
    return refusing(async () => {
      const { phrase, said } = await this.made.readSource(this.made.checkedKinds(source, "TuneSource"));
      return this.made.toJson(phrase, said);
    });
  }

  /** How each note of a tune could be played, and why. */
  async suggest(source) {
    return refusing(async () => {
      const { phrase, said } = await this.made.readSource(this.made.checkedKinds(source, "TuneSource"));
      return { tune: this.made.toJson(phrase, said), ...this.made.suggested(phrase) };
    });
  }

  begins({ request, given, keep, seed, number }) {
    const { beginOf, pageBegins, writtenTempo } = this.made;
    return {
      tempo: 60e6 / writtenTempo(request),
      metre: request.metre,
      begins: given ? beginOf(given.phrase) : pageBegins(this.made.metreOf(request)),
      lai: request.lai,
      tuning: keep.tuning,
      seed,
      number,
      graph: this.about.graph,
    };
  }
}

const ABORTED = Symbol("aborted");

/** What is made; a refusal is thrown as the three lines that a server answers. */
async function refusing(make) {
  try {
    return await make();
  } catch (error) {
    throw error instanceof Refusal ? Object.assign(error, error.told(WORDS.most_said)) : error;
  }
}
