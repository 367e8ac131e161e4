// Keeps the site on the device, each file by its hash, and answers with what is kept: so it is whole, without a net too.
//
// The build writes above this what SITE is: the version, and the files with their hashes. A newer site is fetched beside
// the one that is kept, only what has changed of it, and takes its place when no page of the old one is open any more, or
// when a page asks for it: none is ever made of both.

const { scope } = self.registration;
const CACHE = `phin ${scope}`;
const addressOf = (path) => new URL(path === "index.html" ? "." : path, scope).href; // a host may move index.html to /
const keyOf = (path) => `${new URL(path, scope).href}?${encodeURIComponent(SITE.files[path])}`;

async function fill() {
  const cache = await caches.open(CACHE);
  const held = new Set((await cache.keys()).map(({ url }) => url));
  const missing = Object.keys(SITE.files).filter((path) => !held.has(keyOf(path)));
  await Promise.all(
    missing.map(async (path) => {
      const found = await fetch(addressOf(path), { cache: "no-cache", integrity: SITE.files[path] });
      if (!found.ok) throw new Error(`${found.status}: ${path}`);
      await cache.put(keyOf(path), found);
    }),
  );
}

async function clean() {
  const cache = await caches.open(CACHE);
  const kept = new Set(Object.keys(SITE.files).map(keyOf));
  for (const request of await cache.keys()) if (!kept.has(request.url)) await cache.delete(request);
  await self.clients.claim();
}

async function answer(path, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(keyOf(path))) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(clean()));
self.addEventListener("message", ({ data }) => data === "now" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  const home = new URL(scope);
  if (method !== "GET" || origin !== home.origin || !pathname.startsWith(home.pathname)) return;
  const path = decodeURI(pathname.slice(home.pathname.length)) || "index.html";
  if (Object.hasOwn(SITE.files, path)) event.respondWith(answer(path, event.request));
});
