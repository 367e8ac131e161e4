// Looking up places among numbers in order, as numpy's searchsorted.

/** How many of sorted numbers are below a value, and with `orSame` no greater. */
export function numBelow(numbers, value, orSame = false) {
  let low = 0, high = numbers.length; // prettier-ignore
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < value || (orSame && numbers[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
