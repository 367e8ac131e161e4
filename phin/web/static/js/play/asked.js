// What a person asks for, and the plan of it, as phin/web/asked.py and service.py: what cannot be is refused in their
// words.

import { DEFAULT_SAMPLER, DRAWING, HONG_PER_LINE, LIMITS, MOST_TUNES, WORDS } from "./tables.js";
import { Given, keptTo, ofExample } from "./given.js";
import { readSource } from "./readers.js";
import { refuse } from "./refusal.js";
import { checkedRequest, checkedSampler, refuseDraw, REQUEST, STYLE } from "./request.js";
import { refuseLength, refuseWaitingForAnEnd, withoutEnd } from "./stream.js";
import { grouped } from "./words.js";
import { Wishes } from "./wishes.js";

/** The plan of a request, its tunes read. Throws Refusal. */
export async function planned(asked) {
  const { seed = 0, number = 0, count = 1, use = "continue", techniques = 0, endless = false } = asked;
  refuseTooMuch({ ...REQUEST, ...pickedOf(asked, REQUEST) }, number, count);
  const phraseOf = async (source) => (source ? (await readSource(source)).phrase : null);
  const phrases = { given: await phraseOf(asked.given), like: await phraseOf(asked.like) };
  phrases.other = await phraseOf(asked.other?.like);
  refuseDraw(count, seed);
  if (typeof asked.hong === "number" && asked.lines !== undefined) {
    refuse(`lines=${asked.lines}`, `is another length than hong=${asked.hong}`, "leave one of them out");
  }
  const other = named({ ...STYLE, ...asked.other }, phrases.other);
  let request = checkedRequest(named({ ...pickedOf(asked, REQUEST), other }, phrases.like));
  const isExample = request.like !== null || other.like !== null;
  if (isExample) {
    const mine = ofExample(request, "", phrases.like);
    request = checkedRequest({ ...mine, other: ofExample(other, "other.", phrases.other) });
  }
  const keep = new Wishes(asked.keep ?? {});
  const sampler = checkedSampler({ ...DEFAULT_SAMPLER, ...asked.sampler });
  if (sampler.top_k === 1 && (number || count > 1)) {
    const reason = "asks for tunes that are all one where the likeliest note is drawn every time";
    const where = number ? `number=${number}` : `count=${count}`;
    refuse(where, reason, "leave it out, or take a sampler that draws");
  }
  const isPlain = (name) => JSON.stringify(sampler[name]) === JSON.stringify(DRAWING.not_greedy[name]);
  const unheard = Object.keys(DRAWING.not_greedy).find((name) => asked.sampler?.[name] !== undefined && !isPlain(name));
  if (sampler.top_k === 1 && unheard && JSON.stringify(sampler) !== JSON.stringify(DEFAULT_SAMPLER)) {
    refuse(`sampler.${unheard}`, WORDS.greedy, "leave it out, or take a sampler that draws");
  }
  let given = null;
  if (phrases.given) {
    given = new Given(phrases.given, use, asked.rewrite ?? null);
    request = checkedRequest(given.request(request));
  } else if (use !== "continue" || asked.rewrite) {
    const where = use !== "continue" ? `use=${use}` : `rewrite=[${asked.rewrite.join(", ")}]`;
    refuse(where, "means nothing without a tune", "give one, as given");
  }
  if (endless) request = checkedRequest(endlessRequest(request, asked, given, number, keep));
  const bound = keptTo(keep, request, given);
  const constraints = endless ? withoutEnd(bound) : bound;
  return { request, sampler, keep, seed, number, given, constraints, techniques, endless };
}

/** Throws Refusal for more than a page draws, which is what a server draws. */
function refuseTooMuch({ lines, hong }, number, count) {
  const { most_count: mostCount, most_lines: mostLines } = LIMITS;
  const mostHong = HONG_PER_LINE * mostLines;
  if (count > mostCount) refuse(`count=${count}`, "is too many in one answer", `take 1 to ${mostCount}`);
  if (number + count > MOST_TUNES) {
    refuse(`number=${number}`, `goes beyond the ${grouped(MOST_TUNES)} tunes of a seed`, "take another seed");
  }
  if (lines > mostLines) refuse(`lines=${lines}`, "is too long here", `take 1 to ${mostLines}`);
  if ((hong ?? 0) > mostHong) refuse(`hong=${hong}`, "is too long here", `take 1 to ${mostHong}`);
}

/** The request of a tune without end. Throws Refusal for what such a tune cannot be asked for. */
function endlessRequest(request, asked, given, number, keep) {
  const { let_it_end: LET_IT_END } = WORDS;
  const nothing = "means nothing for a tune without end";
  refuseLength({ ...REQUEST, ...pickedOf(asked, REQUEST) }, LET_IT_END);
  if (number) refuse(`number=${number}`, nothing, "take another seed");
  if (given !== null && given.use !== "continue") {
    refuse(`use=${given.use}`, `${nothing}: the given tune says how long it is`, LET_IT_END);
  }
  refuseWaitingForAnEnd(keep, LET_IT_END);
  return { ...request, lines: REQUEST.lines, hong: null };
}

/** A style whose example is called by its title, until it is read. */
const named = (style, phrase) => ({ ...style, like: phrase ? phrase.title || WORDS.like : null });

/** What of a request are settings of these names, and are said. */
function pickedOf(asked, names) {
  const own = Object.keys(names).filter((name) => name !== "other" && asked[name] !== undefined);
  return Object.fromEntries(own.map((name) => [name, asked[name]]));
}
