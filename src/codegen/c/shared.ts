/**
 * The C function that fills bound memory from shared inputs, once per call of an embedded function.
 *
 * In: the program of what they determine, and the rows' code whose memory is filled. Out: `shared_bind(m, inputs…)`: constant parts
 * are copied to m, the others computed by the functions of that program, in one lane. Always: no state; large scratch follows m.
 */

import type { Lowered } from "../../lower/loops.ts";
import { type Layout, packedOnce } from "../layout.ts";
import type { SharedPart } from "../shared-part.ts";
import { type CBody, cBody } from "./body.ts";
import { dataText } from "./data.ts";
import type { CFile } from "./file.ts";
import { stageCalls } from "./run.ts";

/** More than this is no guest of the stack. */
export const STACK_BYTES: number = 64 * 1024;
const PREFIX = "shared_";

/** The function and what it needs. */
export interface SharedCode {
  /** Definitions of constant arrays. */
  readonly data: string;
  readonly text: string;
  /** Is the memory the caller's? */
  readonly isLarge: boolean;
  /** Bytes of bound memory and scratch. */
  readonly bytes: number;
  /** Vectors of bound memory. */
  readonly vectors: number;
}

interface SharedCodeOptions {
  readonly part: SharedPart;
  /** Where functions are written. */
  readonly file: CFile;
  /** The rows' program, its code and its memory. */
  readonly main: Lowered;
  readonly body: CBody;
  readonly vectorBytes: 16 | 32 | 64;
  readonly image: (lowered: Lowered, code: Pick<CBody, "layout">) => Uint8Array;
}

/** Writes the program's functions to the file, and the one that calls them. */
export function sharedCode({ part, file, main, body, image, vectorBytes }: SharedCodeOptions): SharedCode {
  const into = { file, prefix: PREFIX, rawOutputs: true as const };
  const own = cBody(part.lowered, { vectorBytes, fused: true, tileBytes: 0, into });
  const vectors = Math.ceil(body.layout.end / vectorBytes);
  const bytes = (vectors + 1) * vectorBytes + own.scratch;
  const isLarge = bytes > STACK_BYTES;
  const fixed = fixedParts(part, body.layout);
  const kept = new Uint8Array(fixed.reduce((sum, { size }) => sum + size, 0));
  const whole = image(main, body);
  for (const { address, size, from } of fixed) kept.set(whole.subarray(address, address + size), from);
  const copies = fixed.map(
    ({ address, size, from }) => `  memcpy(m + ${address}, (const char *)data + ${from}, ${size});`,
  );
  const data = [
    ...(kept.length > 0 ? [dataText("data", main, kept)] : []),
    dataText("shared_data", part.lowered, image(part.lowered, own)),
  ].join("\n");
  const room = isLarge
    ? `(char *)(((uintptr_t)m + ${vectors * vectorBytes} + VECTOR_BYTES - 1) & ~(uintptr_t)(VECTOR_BYTES - 1))`
    : "(char *)scratch";
  const text = [
    `static JR_STAGE void shared_bind(char *m, ${part.lowered.inputs.map((_, index) => `const cell *w${index}`).join(", ")}) {`,
    ...(isLarge ? [] : [`  vf scratch[${own.scratch / vectorBytes}];`]),
    `  char *s = ${room};`,
    ...copies,
    ...callsText(part, own),
    "}",
    "",
  ].join("\n");
  return { data, text, isLarge, bytes, vectors };
}

/** Inputs in, every stage, results to their places: one row of one lane. */
function callsText({ lowered, places }: SharedPart, { layout }: CBody): string[] {
  const cellBytes = layout.tileRows * layout.bytes;
  const at = (index: number, ports: Lowered["inputs"]): string => {
    const buffer = ports[index]?.buffer;
    return `s + ${(buffer === undefined ? 0 : (layout.placement.get(buffer) ?? 0)) * cellBytes}`;
  };
  const stages = stageCalls(lowered, layout).map((call) =>
    call.trim().replace("stage", `${PREFIX}stage`).replace("(s, m, n)", "(s, d, VECTOR_BYTES)"),
  );
  return [
    "  const char *d = (const char *)shared_data;",
    ...lowered.inputs.map(
      ({ buffer }, index) =>
        `  rows_in(${at(index, lowered.inputs)}, w${index}, ${buffer.cells}, ${cellBytes}, 1);`,
    ),
    `  ${PREFIX}convert_in(s, d, VECTOR_BYTES);`,
    ...stages.map((call) => `  ${call}`),
    ...places.map(
      ({ address, cells }, index) =>
        `  rows_out(${at(index, lowered.outputs)}, (cell *)(m + ${address}), ${cells}, ${cellBytes}, 1);`,
    ),
  ];
}

/** Constant parts of memory, and where they stand one after the other. */
function fixedParts(
  { places }: SharedPart,
  layout: Layout,
): { address: number; size: number; from: number }[] {
  const { plain, bytes } = layout;
  const fresh = new Set(places.map(({ address }) => address));
  const all = [
    ...packedOnce(layout).map(([, { address, packing }]) => ({ address, size: packing.cells * bytes })),
    ...[...plain].map(([{ cells }, address]) => ({ address, size: cells * bytes })),
  ];
  let from = 0;
  return all
    .filter(({ address, size }) => size > 0 && !fresh.has(address))
    .map((each) => {
      from += each.size;
      return { ...each, from: from - each.size };
    });
}
