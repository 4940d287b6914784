/** Vector registers by width: how many there are, and which register blocks keep the multiply-adds busy. */

import type { Registers } from "./target.ts";
import { lanesOf, type VectorShape } from "./vectors.ts";

/** Half of a common first-level cache: a block's operand stays there while the next blocks read it. */
const OPERAND_BYTES = 18 * 1024;

const many = { rows: 8, leastRows: 4, sums: 16, vectors: 2, operandBytes: OPERAND_BYTES } as const;
const few = { rows: 6, leastRows: 4, sums: 12, vectors: 2, operandBytes: OPERAND_BYTES } as const;

/** Registers for a width. AVX-512 and 64-bit ARM have 32, AVX and SSE 16; those suit every machine. */
export function machineOf(
  shape: VectorShape,
  registers: 16 | 32 = shape.vectorBytes === 64 ? 32 : 16,
): Registers {
  return { width: lanesOf(shape), registers, blocking: registers === 32 ? many : few };
}
