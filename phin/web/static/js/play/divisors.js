// What whole numbers have in common, be they numbers or as large as one likes (BigInt).

export const gcd = (a, b) => (b ? gcd(b, a % b) : a < 0 ? -a : a);
export const lcm = (a, b) => (a / gcd(a, b)) * b;
