// Without a server: what api.js answers comes from a Worker of the page's own, which holds the model (worker.js).

import { Refused, RefusedHere } from "./refused.js";
import { secondsOf, wavOf } from "./wav.js";

const SMALLER = "send a smaller tune, or export it again from the program that made it";
const UNLOADED = { where: "phin", reason: "unloaded", remedy: "unloadedRemedy" };

let worker = null;
let limits = null;
let loading = {};
let watch = () => {};
let last = 0;
const waiting = new Map(); // by id of a call: {done, failed, heard, seconds, timer}

/** Has somebody told how far the model is loaded: {done, all} in bytes, then {opened: true} or {failed: true}. */
export function watchLoading(listener) {
  watch = listener;
  watch(loading);
}

function tell(state) {
  loading = state;
  watch(state);
}

/** What is known of the model; it begins to be loaded. */
export async function about() {
  try {
    const response = await fetch("about.json");
    if (!response.ok) throw new Error(response.statusText);
    const told = await response.json();
    ({ limits } = told);
    opened();
    return told;
  } catch {
    throw new RefusedHere(UNLOADED);
  }
}

/** The Worker, which is begun anew where it went. */
function opened() {
  if (worker) return worker;
  tell({ done: 0, all: null });
  worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }) => heard(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    gone(new RefusedHere(UNLOADED));
  });
  worker.postMessage({ open: { base: document.baseURI } });
  return worker;
}

function heard(data) {
  if (data.loading) return tell(data.loading);
  if (data.opened) return tell({ opened: true });
  if (data.failed) {
    if (data.failed.fault) console.warn(data.failed.fault);
    return gone(data.failed.refused ? new Refused(data.failed.refused) : new RefusedHere(UNLOADED));
  }
  const call = waiting.get(data.id);
  if (!call) return;
  if (data.event) return call.heard(data.event, data.data);
  if (data.begun) return void (call.timer = setTimeout(() => gone(tooSlow(call)), 1000 * call.seconds));
  waiting.delete(data.id);
  clearTimeout(call.timer);
  if (data.refused) call.failed(new Refused(data.refused));
  else if (data.fault) call.failed(new Error(data.fault));
  else call.done(data.answer);
}

const tooSlow = ({ seconds }) =>
  new Refused({ where: "the file", reason: `takes longer than ${seconds} s to read`, remedy: SMALLER });

/** The Worker is of no use any more: who waits for it is told, and the next call begins another. */
function gone(error) {
  worker?.terminate();
  worker = null;
  tell({ failed: true });
  for (const { failed, timer } of waiting.values()) {
    clearTimeout(timer);
    failed(error);
  }
  waiting.clear();
}

/** Has the Worker do something; of what has a limit of `seconds`, it tells when it begins. */
function call(what, given, heard = () => {}, seconds = null) {
  const id = ++last;
  const answer = new Promise((done, failed) => waiting.set(id, { done, failed, heard, seconds }));
  opened().postMessage({ id, call: what, given, tell: seconds !== null });
  return { id, answer };
}

export const generate = (request) => call("generate", [request]).answer;
export const read = (source) => call("read", [source], undefined, limits.read_seconds).answer;
export const suggest = (source) => call("suggest", [source]).answer;

/** A tune as a file: its bytes and its name. */
export async function convert({ tune }, to, drone) {
  const name = `${(tune.title.match(/[A-Za-z0-9]+/g) ?? []).join("-").slice(0, 60) || "tune"}.${to}`;
  if (to !== "wav") {
    const { content, type } = await call("writtenAs", [tune, to]).answer;
    return { blob: new Blob([content], { type }), name };
  }
  const seconds = secondsOf(tune);
  if (seconds > limits.most_sound) {
    const reason = `lasts ${Math.round(seconds)} s, and ${limits.most_sound} s are the most`;
    throw new Refused({ where: tune.title || "tune", reason, remedy: "send less" });
  }
  const played = drone ? await call("droned", [tune]).answer : tune;
  return { blob: new Blob([await wavOf(played)], { type: "audio/wav" }), name };
}

/** As server.js has it: what is drawn is told as the page takes it, and no more than a few notes are ahead of that. */
export function follow(request, on, signal, ready = async () => {}) {
  return new Promise((done, failed) => {
    if (signal.aborted) return void done();
    let told = Promise.resolve();
    const { id, answer } = call("follow", [request], (event, data) => {
      told = told.then(async () => {
        if (signal.aborted) return;
        on[event]?.(data);
        await ready();
        worker?.postMessage({ id, took: true });
      });
      told.catch(stop);
    });
    const stop = (error) => {
      worker?.postMessage({ id, cancel: true });
      waiting.delete(id);
      if (signal.aborted) done();
      else failed(error);
    };
    signal.addEventListener("abort", stop, { once: true });
    answer.then(() => told).then(done, stop);
  });
}
