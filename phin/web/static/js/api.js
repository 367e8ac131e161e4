// Who draws, reads and writes tunes for the page: the server, or where there is none a Worker of the page's own.

export { Refused, RefusedHere } from "./refused.js";

/** Whether the page has no server of phin's behind it (phin/web/site.py says so). */
export const isAlone = document.documentElement.classList.contains("alone");

const behind = await import(isAlone ? "./local.js" : "./server.js");
export const { about, generate, read, suggest, convert, follow, watchLoading } = behind;

/** Bytes in base64, as a TuneSource holds them. */
export function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
