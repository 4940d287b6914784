/**
 * The words that print and parse share: cells, names, numbers and which attributes each op has.
 *
 * A name is printed bare if it is one word, else quoted as in JSON. Labels of a contraction are letters.
 */

import { InternalError } from "../errors.ts";
import { range } from "./shape.ts";
import type { Cell, Op, Shape } from "./types.ts";

/** One letter per kind of cell: `f[64]`, `b[]`, `i[3]`. */
export const cellLetters: Readonly<Record<Cell, string>> = { float: "f", bool: "b", int: "i" };

/** The fields that follow an op's operands as `key=value`: numbers or lists of numbers. */
export const attributeNames: { readonly [K in Op]?: readonly string[] } = {
  iota: ["axis"],
  transpose: ["order"],
  slice: ["starts", "steps"],
  pad: ["starts", "steps"],
  concat: ["axis"],
  gather: ["axis"],
  scatterAdd: ["axis"],
  reduceSum: ["axes"],
  reduceProd: ["axes"],
  reduceMax: ["axes"],
  reduceMin: ["axes"],
  any: ["axes"],
  all: ["axes"],
  window: ["axis", "size", "stride", "dilation"],
  unwindow: ["axis", "stride", "dilation"],
  project: ["index"],
  jacobian: ["output", "wrt"],
};

/** `f[2,3]`. */
export function showType({ cell, shape }: { cell: Cell; shape: Shape }): string {
  return `${cellLetters[cell]}[${shape}]`;
}

/** The word itself, or a JSON string. */
export function showName(name: string): string {
  return /^[A-Za-z_][\w.]*$/.test(name) ? name : JSON.stringify(name);
}

/** The shortest text that reads back as the same number, −0 and NaN included. */
export function showNumber(x: number): string {
  return Object.is(x, -0) ? "-0" : String(x);
}

/** The shortest text that reads back as the same number after rounding to float32. */
export function showFloat32(x: number): string {
  const digits = range(9).find((count) => Math.fround(Number(x.toPrecision(count + 1))) === x);
  return showNumber(digits === undefined ? x : Number(x.toPrecision(digits + 1)));
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Labels as letters: `ab,bc->ac`. Labels beyond the alphabet are an `InternalError`. */
export function showLabels(labels: readonly number[]): string {
  return labels
    .map((label) => {
      const letter = LETTERS[label];
      if (letter === undefined) throw new InternalError("JR921", `label ${label} has no letter`);
      return letter;
    })
    .join("");
}

/** The numbers of label letters. */
export function readLabels(letters: string): number[] {
  return letters.split("").map((letter) => LETTERS.indexOf(letter));
}

/** 64 bits of a constant's bytes (FNV-1a over two offsets), as 16 hex digits. */
export function contentHash(values: Float64Array | Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const half = (start: number): string => {
    let hash = start;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  };
  return half(0x811c9dc5) + half(0x01234567);
}
