// Which notes get an ornament, as phin/music/suggestion.py: on the page for what a server suggests, too.

/** For each note whether it gets one, where such a share of them are to; `plain` says how likely each has none. */
export function areOrnamented(plain, share) {
  const rounded = plain.map((each) => Math.round(each * 1e4) / 1e4), found = plain.map(() => false); // prettier-ignore
  let count = halfToEven(share * plain.length);
  for (const likely of [...new Set(rounded)].sort((a, b) => a - b)) {
    const alike = rounded.flatMap((each, place) => (each === likely ? [place] : []));
    const some = Math.min(count, alike.length);
    for (let at = 0; at < some; at++) found[alike[Math.floor(((2 * at + 1) * alike.length) / (2 * some))]] = true;
    count -= some;
  }
  return found;
}

function halfToEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}
