// Exact fractions, as Python's: times in ABC add up exactly, however its tuplets divide them.

import { gcd } from "./divisors.js";

export class Fraction {
  constructor(numerator, denominator = 1n) {
    const [above, below] = [BigInt(numerator), BigInt(denominator)];
    const common = gcd(above, below) * (below < 0n ? -1n : 1n);
    Object.assign(this, { numerator: above / common, denominator: below / common });
  }

  plus({ numerator, denominator }) {
    return new Fraction(this.numerator * denominator + numerator * this.denominator, this.denominator * denominator);
  }

  minus({ numerator, denominator }) {
    return new Fraction(this.numerator * denominator - numerator * this.denominator, this.denominator * denominator);
  }

  times({ numerator, denominator }) {
    return new Fraction(this.numerator * numerator, this.denominator * denominator);
  }

  over({ numerator, denominator }) {
    return new Fraction(this.numerator * denominator, this.denominator * numerator);
  }

  /** How many whole times another goes into it, rounded down. */
  whole(other) {
    const { numerator, denominator } = this.over(other);
    return numerator >= 0n ? numerator / denominator : -((denominator - 1n - numerator) / denominator);
  }

  /** What is left of a whole division, never below 0. */
  modulo(other) {
    return this.minus(other.times(new Fraction(this.whole(other))));
  }

  /** Below 0 where it is the smaller of the two, 0 where they are one. */
  compare(other) {
    const { numerator } = this.minus(other);
    return Number(numerator > 0n) - Number(numerator < 0n);
  }

  equals(other) {
    return this.numerator === other.numerator && this.denominator === other.denominator;
  }

  /** The nearest whole number; of two as near the even one. */
  rounded() {
    const low = this.whole(new Fraction(1));
    const twice = this.minus(new Fraction(low)).times(new Fraction(2)).compare(new Fraction(1));
    return Number(twice > 0 || (twice === 0 && low % 2n) ? low + 1n : low);
  }

  toString() {
    return `${this.numerator}/${this.denominator}`;
  }
}
