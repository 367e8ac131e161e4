// What is refused, and that something cannot be reached: where, reason, remedy, in the words of who refused.

export class Refused extends Error {
  constructor({ where, reason, remedy }, status = 0, retryAfter = null) {
    super(`${where}: ${reason}`);
    Object.assign(this, { where, reason, remedy, status, retryAfter });
  }
}
