// What is refused, and that something cannot be reached: where, reason, remedy, in the words of who refused.

export class Refused extends Error {
  constructor({ where, reason, remedy }, status = 0, retryAfter = null) {
    super(`${where}: ${reason}`);
    Object.assign(this, { where, reason, remedy, status, retryAfter });
  }
}

/** What the page itself refuses, in keys of its own words (i18n.js): only these are looked up there. */
export class RefusedHere extends Refused {}
