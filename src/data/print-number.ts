/**
 * One text format for all shown elements of an array, so that columns align.
 *
 * In: the elements that will be shown. Out: a function from value to text of one width, positional or with exponents.
 * Always: numpy's choice between the two, its padding, and at most 8 fraction digits.
 */

import { type Digits, decimalDigits, exactDigits } from "./decimal.ts";

const PRECISION = 8;

/** Chooses the format for the values `shown` (float32 values when `single`). */
export function elementFormatter(shown: number[], single: boolean): (value: number) => string {
  const finite = shown.filter(Number.isFinite);
  const format = wantsExponent(finite, single) ? scientific(finite, single) : positional(finite, single);
  if (finite.length === shown.length) return format.text;
  const special = shown.filter((value) => !Number.isFinite(value)).map(specialText);
  const width = Math.max(format.width, longest(special), "inf".length);
  return (value) => (Number.isFinite(value) ? format.text(value) : specialText(value)).padStart(width);
}

/** numpy turns to exponents when the values are very large, very small or spread over more than three decades. */
function wantsExponent(finite: number[], single: boolean): boolean {
  const round = single ? Math.fround : (x: number) => x;
  let largest = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const value of finite) {
    if (value === 0) continue;
    largest = Math.max(largest, Math.abs(value));
    smallest = Math.min(smallest, Math.abs(value));
  }
  if (largest === 0) return false;
  return largest >= (single ? 1e6 : 1e8) || smallest < round(1e-4) || round(largest / smallest) > 1000;
}

interface Format {
  readonly width: number;
  readonly text: (value: number) => string;
}

function positional(finite: number[], single: boolean): Format {
  const split = (value: number): [whole: string, fraction: string] => {
    const { sign, digits, exponent } = decimalDigits(value, single, { fraction: PRECISION });
    const padded = exponent < 0 ? "0".repeat(-exponent) + digits : digits.padEnd(exponent + 1, "0");
    const point = Math.max(exponent, 0) + 1;
    return [sign + padded.slice(0, point), trimZeros(padded.slice(point))];
  };
  const parts = finite.map(split);
  const left = longest(parts.map(([whole]) => whole));
  const right = longest(parts.map(([, fraction]) => fraction));
  const text = (value: number): string => {
    const [whole, fraction] = split(value);
    return `${whole.padStart(left)}.${fraction.padEnd(right)}`;
  };
  return { width: left + right + 1, text };
}

/** The shortest digits set the width; numpy then fills it with the digits of the exact value, not with zeros. */
function scientific(finite: number[], single: boolean): Format {
  const parts = finite.map((value) => decimalDigits(value, single, { significant: PRECISION + 1 }));
  const left = longest(parts.map(({ sign }) => `${sign}d`));
  const right = longest(parts.map(({ digits }) => trimZeros(digits.slice(1))));
  const exponents = longest(parts.map((part) => exponentText(part, 2)));
  const text = (value: number): string => {
    const { sign, digits, exponent } = exactDigits(value, right + 1);
    const mantissa = `${(sign + digits[0]).padStart(left)}.${digits.slice(1)}`;
    return `${mantissa}e${exponentText({ exponent }, exponents - 1)}`;
  };
  return { width: left + right + exponents + 2, text };
}

function exponentText({ exponent }: Pick<Digits, "exponent">, places: number): string {
  return (exponent < 0 ? "-" : "+") + String(Math.abs(exponent)).padStart(places, "0");
}

function specialText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

function longest(texts: string[]): number {
  return texts.reduce((length, text) => Math.max(length, text.length), 0);
}

function trimZeros(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "0") end--;
  return text.slice(0, end);
}
