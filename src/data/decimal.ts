/**
 * Shortest decimals of floats.
 *
 * In: a finite number that is a float32 or a float64. Out: the fewest decimal digits that read back as the same float,
 * rounded half to even where a limit cuts them, as numpy's Dragon4 printer does.
 */

type Decimal = Pick<Digits, "digits" | "exponent">;

/** A decimal `sign d.ddd × 10^exponent`; `digits` holds all digits, the first before the point. */
export interface Digits {
  readonly sign: "" | "-";
  readonly digits: string;
  readonly exponent: number;
}

/** At most so many significant digits, or so many digits after the decimal point. */
export type DigitLimit = { readonly significant: number } | { readonly fraction: number };

/** The shortest digits of `value` (as float32 when `single`), cut to `limit`. */
export function decimalDigits(value: number, single: boolean, limit: DigitLimit): Digits {
  const magnitude = Math.abs(value);
  const shortest = single ? shortestSingle(magnitude) : split(magnitude.toExponential());
  const most =
    "significant" in limit ? limit.significant : Math.max(limit.fraction + shortest.exponent + 1, 1);
  return { sign: signOf(value), ...(shortest.digits.length <= most ? shortest : rounded(magnitude, most)) };
}

/** The first `count` digits of the exact value of `value`, rounded; shorter decimals are not preferred. */
export function exactDigits(value: number, count: number): Digits {
  return { sign: signOf(value), ...rounded(Math.abs(value), count) };
}

function signOf(value: number): "" | "-" {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

/** Nine digits always identify a float32; the first count that reads back is the shortest. */
function shortestSingle(magnitude: number): Decimal {
  for (let count = 1; count < 9; count++) {
    const { digits, exponent } = rounded(magnitude, count);
    if (Math.fround(Number(`${digits}e${exponent - count + 1}`)) === magnitude) return { digits, exponent };
  }
  return rounded(magnitude, 9);
}

function rounded(magnitude: number, most: number): Decimal {
  const up = split(magnitude.toExponential(most - 1));
  // toExponential rounds exact ties up; when that made the last digit odd, the even neighbour is one below.
  const isOdd = Number(up.digits.at(-1)) % 2 === 1;
  if (!isOdd || !isTie(magnitude, most)) return up;
  return { digits: up.digits.slice(0, -1) + String(Number(up.digits.at(-1)) - 1), exponent: up.exponent };
}

/** Whether the exact value lies half way between two decimals of `most` digits. */
function isTie(magnitude: number, most: number): boolean {
  const exact = split(magnitude.toExponential(100)).digits.slice(most);
  return exact[0] === "5" && /^0*$/.test(exact.slice(1));
}

function split(text: string): Decimal {
  const [mantissa = "", exponent = ""] = text.split("e");
  return { digits: mantissa.replace(".", ""), exponent: Number(exponent) };
}
