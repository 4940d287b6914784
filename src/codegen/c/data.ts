/**
 * Bound memory as a C array.
 *
 * In: the bytes of a program's bound memory, in the machine's order. Out: a constant array of numbers as such, or of bit patterns
 * where it holds indices or masks.
 */

import type { Lowered } from "../../lower/loops.ts";
import { literal } from "./lanes.ts";

/** The array's definition. */
export function dataText(name: string, lowered: Lowered, image: Uint8Array): string {
  const single = lowered.dtype === "f32";
  const { buffer, byteOffset, byteLength } = image;
  const count = byteLength / (single ? 4 : 8);
  const floats = single
    ? new Float32Array(buffer, byteOffset, count)
    : new Float64Array(buffer, byteOffset, count);
  const bound = lowered.buffers.filter(({ space }) => space === "bound");
  const numbers = bound.every(({ cell }) => cell === "float") && floats.every(Number.isFinite);
  const words = single
    ? Array.from(new Uint32Array(buffer, byteOffset, count), (word) => `0x${word.toString(16)}u`)
    : Array.from(new BigUint64Array(buffer, byteOffset, count), (word) => `UINT64_C(0x${word.toString(16)})`);
  const items = numbers ? Array.from(floats, (value) => literal(lowered.dtype, value)) : words;
  const lines = Array.from({ length: Math.ceil(count / 8) }, (_, line) =>
    items.slice(line * 8, line * 8 + 8),
  );
  return `static const ${numbers ? "cell" : "cell_bits"} ${name}[] = {
${lines.map((line) => `  ${line.join(", ")},`).join("\n")}
};
`;
}
