// A Worker that draws: it loads the model, and does what local.js asks of it, several things at once if need be.

import { breath } from "./play/breath.js";
import { Player } from "./play/player.js";

const AHEAD = 8; // events of a call that may be on their way to the page

const calls = new Map(); // by id: {cancel, took}
let player = null;

self.addEventListener("message", ({ data }) => {
  if (data.open) player = open(data.open);
  else if (data.cancel) calls.get(data.id)?.cancel();
  else if (data.took) calls.get(data.id)?.took();
  else answer(data);
});

/** The Player of the site at an address; how much of it is loaded is told, and in the end that it is there or not. */
async function open({ base }) {
  const at = (path) => new URL(path, base).href;
  try {
    const all = Promise.all([bytes(at("step.onnx")), bytes(at("onnxruntime/ort.wasm"))]);
    const [ort, manifest, about] = await Promise.all([
      import(at("onnxruntime/ort.js")),
      json(at("manifest.json")),
      json(at("about.json")),
    ]);
    const [graph, wasmBinary] = await all;
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary }); // more threads need a host's leave
    const opened = await Player.open({ ort, graph, manifest, about });
    postMessage({ opened: true });
    return opened;
  } catch (error) {
    postMessage({ failed: told(error) });
    throw error;
  }
}

async function reached(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${address}`);
  return response;
}

const json = async (address) => (await reached(address)).json();

const loading = new Map(); // by address: how many bytes are here, and how many there are

async function bytes(address) {
  const counts = { done: 0, all: null };
  loading.set(address, counts);
  const response = await reached(address);
  const isPacked = response.headers.has("Content-Encoding"); // then the length is that of what came over the line
  counts.all = isPacked ? null : Number(response.headers.get("Content-Length")) || null;
  const counting = new TransformStream({
    transform(part, to) {
      counts.done += part.length;
      tellLoading();
      to.enqueue(part);
    },
  });
  return new Response(response.body.pipeThrough(counting)).arrayBuffer();
}

function tellLoading() {
  const all = [...loading.values()];
  const sum = (name) => all.reduce((found, each) => found + each[name], 0);
  postMessage({ loading: { done: sum("done"), all: all.every((each) => each.all !== null) ? sum("all") : null } });
}

async function answer({ id, call, given, tell }) {
  const stopping = new AbortController();
  let ahead = 0;
  let goOn = () => {};
  calls.set(id, {
    cancel: () => (stopping.abort(), goOn()),
    took: () => (ahead--, goOn()),
  });
  const send = (event) => (data) => (ahead++, postMessage({ id, event, data }));
  const on = { begin: send("begin"), note: send("note"), tune: send("tune") };
  const ready = async () => {
    await breath(); // a graph that runs lets nothing in, not even what would stop it
    while (ahead >= AHEAD && !stopping.signal.aborted) await new Promise((done) => (goOn = done));
  };
  try {
    const draws = await player;
    if (stopping.signal.aborted) return;
    if (tell) postMessage({ id, begun: true });
    const done = call === "follow" ? draws.follow(...given, on, stopping.signal, ready) : answered(draws, call, given);
    postMessage({ id, answer: (await done) ?? null });
  } catch (error) {
    postMessage({ id, ...told(error) });
  } finally {
    calls.delete(id);
  }
}

/** What is drawn with the model, or written without it: by modules that read the tables that a Player told. */
async function answered(draws, call, given) {
  if (draws[call]) return draws[call](...given);
  return (await import("./play/writers.js"))[call](...given);
}

function told(error) {
  const { where, reason, remedy, message, stack } = error;
  return where && reason ? { refused: { where, reason, remedy } } : { fault: `${message}\n${stack}` };
}
