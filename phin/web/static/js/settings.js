// What is asked for: settings of the page ⇄ the address ⇄ a Request of the server.

/** Settings and what they are unless somebody says otherwise; the names are those of the address. */
const DEFAULTS = {
  lai: "yai",
  tuning: "E-A-E",
  tempo: 100,
  density: "",
  lines: "2", // or "endless"
  source: "",
  sampler: "", // its name, or where it has none its numbers as JSON; the server's own at first
  drone: true,
  techniques: 0,
  seed: 0,
  number: 0,
  blend: 0,
  otherLai: "",
  otherSource: "",
  otherTempo: "",
  use: "",
  rewrite: "",
};

const GRAPH = 12; // letters of the model's hash that tell it from another
const LENGTH = /^(\d+|endless)$/;
const NUMBERS = ["tempo", "techniques", "seed", "number", "blend"];

export const newSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;

/** The settings that an address holds, the others as usual. */
export function fromAddress(search, about) {
  const asked = new URLSearchParams(search);
  const source = about.sources.includes("han") ? "han" : "";
  const settings = { ...DEFAULTS, source, sampler: ownSampler(about), seed: newSeed() };
  for (const name of Object.keys(DEFAULTS)) {
    if (!asked.has(name)) continue;
    const text = asked.get(name);
    if (name === "drone") settings.drone = text === "1";
    else if (!NUMBERS.includes(name)) settings[name] = text;
    else if (text.trim() && Number.isFinite(Number(text))) settings[name] = Number(text);
  }
  if (!LENGTH.test(settings.lines)) settings.lines = DEFAULTS.lines;
  if (!samplerOf(settings.sampler, about)) settings.sampler = ownSampler(about);
  return settings;
}

/** How the server draws where nobody says: the name that this has, else its numbers, so that a link holds them. */
export function ownSampler({ samplers, play }) {
  const own = JSON.stringify(play.sampler);
  return Object.keys(samplers).find((name) => JSON.stringify(samplers[name]) === own) ?? own;
}

/** What a setting of the sampler means; null where it means nothing. */
function samplerOf(said, { samplers }) {
  if (Object.hasOwn(samplers, said)) return samplers[said];
  try {
    const numbers = JSON.parse(said);
    return typeof numbers === "object" ? numbers : null;
  } catch {
    return null;
  }
}

/** The address of what is asked for: the same one gives the same tune, as long as the graph draws. */
export function toAddress(settings, graph, given) {
  const asked = new URLSearchParams();
  for (const name of Object.keys(DEFAULTS)) {
    const value = settings[name];
    if (name === "drone") asked.set(name, value ? "1" : "0");
    else if (value !== "" && !(value === 0 && name !== "seed")) asked.set(name, String(value));
    else if (name === "lai" || name === "source") asked.set(name, "");
  }
  if (given) asked.set("given", given);
  if (graph) asked.set("graph", graph.slice(0, GRAPH));
  return `?${asked}`;
}

/** Whether another style is said, to which there could be a way. */
export const hasOther = ({ otherLai, otherSource, otherTempo }) => Boolean(otherLai || otherSource || otherTempo);

/** Whether something of another style is asked for. */
const blends = (settings) => settings.blend > 0 && hasOther(settings);

/** Whether the other style is asked for alone. */
export const isWhollyOther = (settings) => blends(settings) && settings.blend === 1;

/** Whether a lai binds the tune: between two of them none does. */
export const keepsLai = (settings) =>
  Boolean(settings.lai) && !(blends(settings) && settings.otherLai && settings.otherLai !== settings.lai);

/** Whether a given tune says how long the one is that is made of it. */
export const hasOwnLength = ({ use }) => Boolean(use) && use !== "continue";

export const isEndless = (settings) => settings.lines === "endless" && !hasOwnLength(settings);

/**
 * The Request of these settings; `drones` says whether a drone can be struck, and `given` is the TuneSource that
 * something is made of. What would mean nothing is left out: the server refuses it.
 */
export function toRequest(settings, about, drones, given = null) {
  const endless = isEndless(settings);
  const wholly = isWhollyOther(settings);
  const { otherLai, otherSource, otherTempo } = settings;
  const other = { lai: otherLai || null, source: otherSource || null, tempo: Number(otherTempo) || null };
  const keeps = keepsLai(settings);
  const says = (key, value) => (value === null || value === undefined ? {} : { [key]: value });
  return {
    ...says("lines", endless || hasOwnLength(settings) ? null : Number(settings.lines)),
    ...says("lai", keeps || !wholly ? settings.lai || null : null),
    ...says("source", wholly ? null : settings.source || null),
    ...says("tempo", wholly && other.tempo ? null : settings.tempo),
    ...says("density", wholly ? null : Number(settings.density) || null),
    ...(blends(settings) ? { blend: settings.blend, other } : {}),
    sampler: samplerOf(settings.sampler, about),
    keep: {
      lai: keeps,
      tonic: keeps && !endless,
      tuning: settings.tuning || null,
      drone: settings.drone && drones && !endless, // under a tune without end the page strikes it
    },
    seed: settings.seed,
    number: settings.number,
    techniques: endless ? 0 : settings.techniques, // they are put on a tune that is whole
    ...(given ? { given, use: settings.use } : {}),
    ...(settings.use === "rewrite" ? { rewrite: settings.rewrite.split("-").map(Number) } : {}),
    ...(endless ? { endless: true } : {}),
  };
}

/** A tune as an address can hold it: its notes, deflated, in base64 of the kind that addresses take. */
export async function packed(tune) {
  const { title, metre, tempo, lai, source, tuning, drone, begins, num_hong, inferred = [] } = tune;
  const notes = tune.notes.map(({ onset, duration, pitch, velocity, technique, voice, string, fret }) => {
    return [onset, duration, pitch, velocity, technique, voice === "melody" ? 0 : 1, string, fret];
  });
  const text = JSON.stringify([title, metre, tempo, lai, source, tuning, drone, begins, num_hong, inferred, notes]);
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What `packed` made an address of. */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const read = await new Response(stream).json();
  const [title, metre, tempo, lai, source, tuning, drone, begins, num_hong, inferred, rows] = read;
  const notes = rows.map(([onset, duration, pitch, velocity, technique, voice, string, fret]) => ({
    ...{ onset, duration, pitch, velocity, technique, string, fret },
    voice: voice ? "accompaniment" : "melody",
  }));
  const head = { title, metre, tempo, lai, source, tuning, drone, begins, num_hong, inferred };
  return { ...head, notes, letters: null, tablature: null, said: [] };
}
