// What is asked of the generator, as phin/generation/request.py: what cannot be is refused in the same words.

import {
  FIELDS,
  HAND,
  HONG_PER_LINE,
  LAI_NAMES,
  METRES,
  MOST_LINES,
  MOST_TUNES,
  RANKED,
  STEPS_PER_HONG,
} from "./tables.js";
import { hongBeforeZero, Metre } from "./phrase.js";
import { refuse } from "./refusal.js";
import { conditionIds } from "./tokenizer.js";
import { real, rounded } from "./words.js";

export const STYLE = { like: null, lai: null, source: null, tempo: null, density: null };
export const REQUEST = { lines: 2, hong: null, about: 0, metre: "2/4", ...STYLE, guidance: 1, blend: 0, other: STYLE };
const NAMES = Object.keys(STYLE);
/** Settings that are real numbers, and are told as such. */
const REAL = ["about", "tempo", "density", "guidance", "blend"];

export const shown = (name, value) => `${name}=${REAL.includes(name) ? real(value) : value}`;
const isSaid = (style) => NAMES.some((name) => style[name] !== null);
const alike = (one, other) => NAMES.every((name) => one[name] === other[name]);

/** The sampler, whole. Throws Refusal where its settings are none. */
export function checkedSampler(sampler) {
  const { temperature, temperatures, top_k: topK, top_p: topP, min_p: minP } = sampler;
  const names = FIELDS.map(({ name }) => name);
  const strange = Object.keys(temperatures).find((name) => !names.includes(name));
  if (strange) refuse(`sampler.temperatures.${strange}`, "there is no such field", `take one of ${names.join(", ")}`);
  const all = { temperature };
  for (const [name, value] of Object.entries(temperatures)) all[`temperatures.${name}`] = value;
  for (const [name, value] of Object.entries(all)) {
    if (value >= 0.001 && value <= 1000) continue;
    const remedy = "take 0.7 to 1.2, or sampler.top_k=1 for the likeliest note every time";
    refuse(`sampler.${name}=${real(value)}`, "is not between 0.001 and 1000", remedy);
  }
  if (!(minP >= 0 && minP < 1)) {
    const remedy = "take 0.05, 0 for no limit, or sampler=greedy for the likeliest note every time";
    refuse(`sampler.min_p=${real(minP)}`, "must be at least 0 and below 1", remedy);
  }
  if (!(topK >= 0 && topK <= RANKED)) {
    refuse(`sampler.top_k=${topK}`, "is no number of ids that are ranked", `take 1 to ${RANKED}, or 0 for no limit`);
  }
  if (!(topP > 0 && topP <= 1)) {
    refuse(`sampler.top_p=${real(topP)}`, "must be above 0 and at most 1", "take 0.9, or 1 for all");
  }
  return sampler;
}

function checkStyle(style, key) {
  const { lai, tempo, density } = style;
  if (lai !== null && !LAI_NAMES.includes(lai)) {
    refuse(`${key}lai=${lai}`, "there is no such lai", `take one of ${LAI_NAMES.join(", ")}`);
  }
  if (tempo !== null && !(tempo >= 20 && tempo <= 400)) {
    refuse(`${key}tempo=${real(tempo)}`, "is no tempo to play at", "take 20 to 400 hong a minute");
  }
  if (density !== null && !(density > 0 && density <= 12)) {
    refuse(`${key}density=${real(density)}`, "is no density", "take 0.5 to 4 notes a hong");
  }
}

/** The request, whole. Throws Refusal where it contradicts itself. */
export function checkedRequest(asked) {
  const request = { ...REQUEST, ...asked };
  const { lines, hong, about, guidance, blend, other } = request;
  const most = MOST_LINES * HONG_PER_LINE;
  if (!(lines >= 1 && lines <= MOST_LINES)) {
    refuse(`lines=${lines}`, "is no length for a tune", `take 1 to ${MOST_LINES} lines`);
  }
  if (hong !== null && !(hong >= 1 && hong <= most)) {
    refuse(`hong=${hong}`, "is no length for a tune", `take 1 to ${most} hong`);
  }
  if (hong !== null && lines !== REQUEST.lines) {
    refuse(`lines=${lines}`, `is another length than hong=${hong}`, "leave one of them out");
  }
  if (!(about >= 0 && about <= 100)) {
    refuse(`about=${real(about)}`, "is no pull", "take 0.2 to 2, or 0 for an exact length");
  }
  const metre = Metre.parse(request.metre);
  if (!METRES.includes(String(metre))) {
    refuse(`metre=${request.metre}`, "the model knows no such metre", `take one of ${METRES.join(", ")}`);
  }
  checkStyle(request, "");
  checkStyle(other, "other.");
  if (!(guidance >= 0 && guidance <= 5)) {
    refuse(`guidance=${real(guidance)}`, "is not between 0 and 5", "take 1, or 1.5 to 3 to lean more");
  }
  const blended = `blend=${real(blend)}`;
  if (guidance === 0 && blend) {
    refuse(blended, "means nothing with guidance=0, with which no style leans", "leave one of them out");
  }
  if (guidance !== 1 && !isSaid(request) && !blend) {
    refuse(`guidance=${real(guidance)}`, "means nothing without a style", "ask for one: source=han");
  }
  if (!(blend >= 0 && blend <= 1)) refuse(blended, "is not between 0 and 1", "take 0.5 for half of each style");
  if (blend && !isSaid(other)) refuse(blended, "means nothing without another style", "say it, as other.source=han");
  if (isSaid(other) && !blend) refuse("other", "means nothing with blend=0", "say how much of it, as blend=0.5");
  if (blend && alike(other, request)) {
    refuse(blended, "means nothing between a style and itself", "let other be another, as other.source=han");
  }
  const own = ["like", "source", "density", ...(other.tempo === null ? [] : ["tempo"])];
  const said = own.find((name) => request[name] !== null);
  if (blend === 1 && said) {
    const reason = "means nothing with blend=1, which is the other style alone";
    refuse(shown(said, request[said]), reason, "leave it out, or take a blend below 1");
  }
  if (lastStroke(request) < metre.bar && hong === null) {
    refuse(`lines=${lines}`, `hold no whole bar of ${request.metre}`, "ask for more");
  }
  return request;
}

export const metreOf = ({ metre }) => Metre.parse(metre);
export const numHong = ({ lines, hong }) => (hong === null ? HONG_PER_LINE * lines : hong);

/** The step of the closing note: slot 4 of the last hong; of lines in other metres the last downbeat that they hold. */
export function lastStroke(request) {
  const metre = Metre.parse(request.metre);
  const end = STEPS_PER_HONG * (numHong(request) - 1 - hongBeforeZero(metre));
  if (request.hong !== null) return end;
  return end - (((end % metre.bar) + metre.bar) % metre.bar);
}

/** The tempo that a tune is written in, in microseconds a quarter. */
export function writtenTempo({ tempo, other, blend }) {
  const own = tempo || 60e6 / HAND.assumed_tempo;
  return rounded(60e6 / (own + blend * ((other.tempo || own) - own)));
}

function conditions(style, sources, metre, key) {
  const ids = conditionIds(sources, { ...style, metre });
  if (style.source !== null && !sources.includes(style.source)) {
    const known = sources.join(", ") || "none";
    refuse(`${key}source=${style.source}`, "this model knows no such source", `take one of ${known}`);
  }
  return ids;
}

/** The styles that each note is drawn from: {weight, conditions}; weights sum to 1. */
export function streamsOf(request, sources) {
  const { guidance, blend, other } = request;
  const metre = Metre.parse(request.metre);
  const found = [{ weight: guidance * (1 - blend), conditions: conditions(request, sources, metre, "") }];
  if (blend) found.push({ weight: guidance * blend, conditions: conditions(other, sources, metre, "other.") });
  if (guidance !== 1) found.push({ weight: 1 - guidance, conditions: conditions(STYLE, sources, metre, "") });
  return found;
}

export function refuseDraw(count, seed) {
  if (count < 1) refuse(`count=${count}`, "nothing is asked for", "take 1 or more");
  if (count > MOST_TUNES) {
    refuse(`count=${count}`, "is too many at once", `take ${MOST_TUNES} at most, and another seed for more`);
  }
  const isExact = typeof seed === "bigint" || Number.isSafeInteger(seed); // beyond 2 ** 53 numbers of JSON lose digits
  if (!isExact || seed < 0 || seed >= 2n ** 63n) refuse(`seed=${seed}`, "is out of range", "take 0 to 2**63 - 1");
}
