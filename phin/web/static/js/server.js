// The server: its answers, its errors in its own words, and its streams, which go on where a connection broke.

import { Refused, RefusedHere } from "./refused.js";

const UNREACHED = { where: "phin-web", reason: "unreached", remedy: "unreachedRemedy" };

async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RefusedHere(UNREACHED);
  }
}

async function answered(path, options) {
  const response = await reached(path, options);
  if (response.ok) return response;
  let said = { where: path, reason: `${response.status} ${response.statusText}`, remedy: "" };
  try {
    const body = await response.json();
    if (body.reason) said = body;
  } catch {
    // not phin's own answer: a proxy's page; its status is all there is to tell
  }
  throw new Refused(said, response.status, response.headers.get("Retry-After"));
}

const asJson = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export const about = async () => (await answered("api/about")).json();
export const generate = async (request) => (await answered("api/generate", asJson(request))).json();
export const read = async (source) => (await answered("api/read", asJson(source))).json();
export const suggest = async (source) => (await answered("api/suggest", asJson(source))).json();

/** Nothing has to be loaded before a server draws. */
export const watchLoading = () => {};

/** A tune as a file: its bytes and its name. */
export async function convert(of, to, drone) {
  const response = await answered("api/convert", asJson({ of, to, drone }));
  const named = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
  return { blob: await response.blob(), name: named ? named[1] : `tune.${to}` };
}

/** Events of a text/event-stream, one by one: {id, event, data}. */
export async function* events(body, ready = async () => {}) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let current = { id: null, event: "message", data: [] };
  try {
    for (;;) {
      await ready();
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (current.data.length) yield { ...current, data: JSON.parse(current.data.join("\n")) };
          current = { id: null, event: "message", data: [] };
        } else if (!line.startsWith(":")) {
          const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
          if (name === "data") current.data.push(text);
          else if (name in current) current[name] = text;
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const pause = (seconds, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, 1000 * seconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

const LONGEST_PAUSE = 5; // seconds between two tries to reconnect

/** A stream that is opened; null where `signal` aborted and it was refused. Its answer is waited for also then: a place
 * that nobody knows of could not be given back. */
async function made(request, signal) {
  try {
    return await (await answered("api/streams", asJson(request))).json();
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/**
 * Draws a tune and tells its events in order: `on.begin`, `on.note` for each, `on.tune`. Where the connection drops it
 * goes on after the last event that came, however long that takes, and says so by `on.lost(true | false)`.
 * `ready` is waited for before more is read: so a tune without end is drawn no faster than it is listened to.
 * Ends when the tune does or `signal` aborts, with which the server stops drawing. Throws Refused.
 */
export async function follow(request, on, signal, ready) {
  const opened = await made(request, signal);
  if (!opened) return;
  const path = new URL(opened.events, document.baseURI);
  const cancel = () => fetch(`api/streams/${opened.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  if (signal.aborted) return void cancel();
  // a tab that is closed aborts nothing, and a tune without end would hold its place for nobody
  const left = ({ persisted }) => persisted || cancel();
  signal.addEventListener("abort", cancel, { once: true });
  addEventListener("pagehide", left);
  try {
    await heard(path, on, signal, ready);
  } finally {
    removeEventListener("pagehide", left);
  }
}

/** Tells the events of a stream until its end; where the connection drops, it is heard again from there. */
async function heard(path, on, signal, ready) {
  let last = null;
  for (let tries = 0; !signal.aborted; tries++) {
    if (tries) {
      on.lost?.(true);
      await pause(Math.min(0.25 * 2 ** tries, LONGEST_PAUSE), signal);
    }
    try {
      const headers = last === null ? {} : { "Last-Event-ID": last };
      const response = await answered(path, { headers, signal, cache: "no-store" });
      for await (const { id, event, data } of events(response.body, ready)) {
        if (signal.aborted) return;
        if (tries) on.lost?.(false);
        tries = 0;
        if (id !== null) last = id;
        if (event === "error") throw new Refused(data, 200);
        told(on[event], data);
        if (event === "tune") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const mayPass = error.status === 0 || error.status === 503 || error.status === 429 || error.status === undefined;
      if (!mayPass) throw error;
    }
  }
}

/** Calls what listens; a mistake in it is the page's own, and no reason to reconnect. */
function told(listener, data) {
  try {
    listener?.(data);
  } catch (error) {
    throw Object.assign(error, { status: -1 });
  }
}
