/** Vector registers by width: how many there are, and which register blocks keep the multiply-adds busy. */

import { lanesOf, type VectorShape } from "./prelude.ts";
import type { Registers } from "./target.ts";

/** AVX-512 has 32 registers, AVX 16; NEON has 32 of 128 bits, SSE 16: blocks of 128 bits suit both. */
const blockings = {
  64: { rows: 4, sums: 16, vectors: 4 },
  32: { rows: 4, sums: 8, vectors: 2 },
  16: { rows: 4, sums: 8, vectors: 2 },
} as const;

/** Registers for a width. */
export function machineOf(shape: VectorShape): Registers {
  const bytes = shape.vectorBytes as keyof typeof blockings;
  return { width: lanesOf(shape), registers: bytes === 64 ? 32 : 16, blocking: blockings[bytes] };
}
