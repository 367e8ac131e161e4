// What cannot be had, as phin-web says it (phin/errors.py, phin/web/refusals.py): where, reason, remedy.

import { inWords } from "./words.js";

export class Refusal extends Error {
  constructor(where, reason, remedy) {
    super(`${where}: ${reason}`);
    Object.assign(this, { where, reason, remedy });
  }

  /** The three lines, each as long as a person reads. */
  told(most) {
    const line = (text) => {
      const one = inWords(text).join(" ");
      return one.length <= most ? one : `${one.slice(0, most)}…`;
    };
    return { where: line(this.where), reason: line(this.reason), remedy: line(this.remedy) };
  }
}

export function refuse(where, reason, remedy) {
  throw new Refusal(where, reason, remedy);
}
