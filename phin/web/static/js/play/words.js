// Numbers and texts as Python writes them: what is said of a tune is said alike with and without a server.

import { FILES } from "./tables.js";

/** A real number as `str` has it: 5 is 5.0. */
export function real(x) {
  if (Number.isInteger(x) && Math.abs(x) < 1e16) return `${x}.0`;
  return String(x).replace(/e([+-])(\d)$/, "e$10$2");
}

/** A number as `:.Ng` has it: so many digits, without zeros at the end. */
export function general(x, digits = 6) {
  const exact = x.toExponential(60); // every digit there is of what these are used for
  const [mantissa, power] = exact.split("e");
  const all = mantissa.replace(/[-.]/g, "");
  let rounded = x.toExponential(digits - 1);
  if (/^50*$/.test(all.slice(digits)) && Number(all[digits - 1]) % 2 === 0) {
    const kept = all.slice(0, digits); // half way: to the even digit
    rounded = `${x < 0 ? "-" : ""}${kept[0]}.${kept.slice(1)}e${power}`;
  }
  const exponent = Number(rounded.split("e")[1]);
  if (exponent < -4 || exponent >= digits) {
    const [shown] = rounded.split("e");
    const sign = exponent < 0 ? "-" : "+";
    return `${bare(shown)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return bare(Number(rounded).toFixed(Math.max(digits - 1 - exponent, 0)));
}

const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** The nearest whole number; of two as near the even one, as `round` has it. */
export function rounded(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** `1 note`, `2 notes`. */
export const counted = (number, one) => `${number} ${number === 1 ? one : `${one}s`}`;

/** Whole thousands with commas, as `:,` has them. */
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** A text in quotes, as `repr` has it. */
export function quoted(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/\t/g, "\\t").replace(/\r/g, "\\r");
  const seen = inside.replace(/[\p{C}\p{Z}]/gu, (letter) => (letter === " " ? letter : numbered(letter.codePointAt(0))));
  return mark + (mark === "'" ? seen.replace(/'/g, "\\'") : seen) + mark;
}

/** What cannot be seen of a text, by its number. */
function numbered(code) {
  const [sign, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${sign}${code.toString(16).padStart(digits, "0")}`;
}

/** A text with the digits of Thai and Lao as those of all, which Python reads alike. */
export const inArabic = (text) => text.replace(/[๐-๙໐-໙]/g, (digit) => digit.charCodeAt(0) & 15);

/** What is left of a whole division, never below 0. */
export const modulo = (value, by) => ((value % by) + by) % by;

/** A number with so many places after its point, as `round` has it. */
export const places = (x, count) => Number(x.toFixed(count));

/** A number with so many places, as `:.Nf` has it: of two as near the one that ends evenly. */
export function fixed(x, count) {
  const exact = x.toFixed(60); // every digit there is of what this is used for
  const point = exact.indexOf(".");
  const kept = exact.slice(0, count ? point + 1 + count : point);
  if (/^50*$/.test(exact.slice(point + 1 + count)) && Number(kept.at(-1)) % 2 === 0) return kept;
  return x.toFixed(count);
}

/** A text without the blanks at its ends, as `strip` has it. */
export const stripped = (text) => text.replace(new RegExp(`^[${FILES.blank}]+|[${FILES.blank}]+(?![^])`, "gu"), "");

/** What stands between the blanks of a text, as `split` has it. */
export const inWords = (text) => text.split(new RegExp(`[${FILES.blank}]+`, "u")).filter(Boolean);

/** A whole number in the digits of any script, as `int` reads it. */
export function wholeNumber(text) {
  return Number(text.replace(/\p{Nd}/gu, (digit) => (digit <= "9" ? digit : worth(digit.codePointAt(0)))));
}

/** The digits of a script stand side by side, from 0 to 9. */
function worth(code) {
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before++;
  return before % 10;
}
