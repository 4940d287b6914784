/** Vector registers by width: how many there are, and which register blocks keep the multiply-adds busy. */

import type { Registers } from "./target.ts";
import { lanesOf, type VectorShape } from "./vectors.ts";

/** Half of a common first-level cache: a block's operand stays there while the next blocks read it. */
const OPERAND_BYTES = 18 * 1024;

/** AVX-512 has 32 registers; AVX has 16, and so has SSE: what suits it suits NEON too. */
const blockings = {
  64: { rows: 8, leastRows: 4, sums: 16, vectors: 2, operandBytes: OPERAND_BYTES },
  32: { rows: 6, leastRows: 4, sums: 12, vectors: 2, operandBytes: OPERAND_BYTES },
  16: { rows: 6, leastRows: 4, sums: 12, vectors: 2, operandBytes: OPERAND_BYTES },
} as const;

/** Registers for a width. */
export function machineOf(shape: VectorShape): Registers {
  const bytes = shape.vectorBytes as keyof typeof blockings;
  return { width: lanesOf(shape), registers: bytes === 64 ? 32 : 16, blocking: blockings[bytes] };
}
