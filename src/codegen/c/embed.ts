/**
 * A lowered program as C99 sources for people who embed: one function, its header, an example and a CMake file.
 *
 * In: the program, how its ports are called, and the bytes of its bound memory. Out: files by name. Always: nothing is needed
 * but the C library's math.h, and the function keeps no state: what shared inputs determine is on the stack, or in a buffer of the caller.
 */

import type { Lowered, Port } from "../../lower/loops.ts";
import type { AfterRows } from "../after-rows.ts";
import type { SharedPart } from "../shared-part.ts";
import { type AfterCode, afterCode } from "./after.ts";
import { type CBody, cBody } from "./body.ts";
import { dataText } from "./data.ts";
import { CFile } from "./file.ts";
import { portablePreludeText } from "./prelude.ts";
import { rowsText } from "./rows.ts";
import { stageCalls } from "./run.ts";
import { type SharedCode, STACK_BYTES, sharedCode } from "./shared.ts";

/** Tiles stay small: they are on the stack. */
const TILE_BYTES = 96 * 1024;

/** One array of the function. */
export interface EmbeddedPort {
  /** Its name in C. */
  readonly name: string;
  /** What it holds, for the header. */
  readonly meaning: string;
  /** Numbers of a row, or of all where it has no rows. */
  readonly cells: number;
}

/** What to write. */
export interface Embedding {
  /** The function's name, and its files'. */
  readonly name: string;
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  /** Shared inputs; they follow the others. */
  readonly shared: readonly EmbeddedPort[];
  /** Results known after all rows; they follow the others, and what makes them. */
  readonly totals: readonly EmbeddedPort[];
  readonly after: AfterRows | undefined;
  /** Bytes of a program's bound memory for a layout. */
  readonly image: (lowered: Lowered, code: Pick<CBody, "layout">) => Uint8Array;
  /** What shared inputs determine of the layout's memory. */
  readonly part: (code: Pick<CBody, "layout">) => SharedPart | undefined;
  /** Vectors that every machine has are of 16 bytes; wider ones want a compiler that is told of a machine that has them. */
  readonly vectorBytes: 16 | 32 | 64;
  /** Lines for the header: what is computed, and how matrices are laid out. */
  readonly about: readonly string[];
}

/** The files. */
export function embeddedC(lowered: Lowered, embedding: Embedding): Map<string, string> {
  const { vectorBytes, name } = embedding;
  const file = new CFile({ dtype: lowered.dtype, fused: true, tables: undefined });
  const options = { vectorBytes, fused: true, tileBytes: TILE_BYTES };
  const body = cBody(lowered, { ...options, into: { file, prefix: "" } });
  const part = embedding.part(body);
  const first = part && sharedCode({ part, file, vectorBytes, body, image: embedding.image, main: lowered });
  const last =
    embedding.after && afterCode(embedding.after, { ...body, ...namesOf(embedding), main: lowered });
  const code = codeOf({ body: { ...body, text: file.text }, first, last }, vectorBytes);
  return new Map([
    [`${name}.h`, headerText(lowered, embedding, code)],
    [`${name}.c`, sourceText(lowered, embedding, code)],
    ["example.c", exampleText(lowered, embedding, code)],
    ["CMakeLists.txt", cmakeText(name)],
  ]);
}

/** The functions of the rows, and what comes before and after them. */
interface Parts {
  readonly body: CBody;
  readonly first: SharedCode | undefined;
  readonly last: AfterCode | undefined;
}

interface Code extends Parts {
  /** Bytes of tile buffers, running sums and totals; they are the caller's if sums are large. */
  readonly own: number;
  readonly isLarge: boolean;
  /** Numbers of memory that the caller gives. */
  readonly work: number;
}

function codeOf(parts: Parts, vectorBytes: number): Code {
  const { body, first, last } = parts;
  const sums = body.sumBytes + 8 * (last?.cells ?? 0);
  const [own, isLarge] = [body.scratch + sums, sums > STACK_BYTES];
  const bytes = (first?.isLarge ? first.bytes : 0) + (isLarge ? own + vectorBytes : 0);
  return { ...parts, own, isLarge, work: Math.ceil(bytes / body.layout.bytes) };
}

function namesOf({ shared, totals }: Embedding): { shared: string[]; results: string[] } {
  return { shared: shared.map(({ name }) => name), results: totals.map(({ name }) => name) };
}

const typeOf = ({ dtype }: Lowered): string => (dtype === "f32" ? "float" : "double");

function signature(
  lowered: Lowered,
  { name, inputs, shared, outputs, totals }: Embedding,
  { work }: Code,
): string {
  const type = typeOf(lowered);
  const params = [
    ...[...inputs, ...shared].map((port) => `const ${type} *${port.name}`),
    ...[...outputs, ...totals].map((port) => `${type} *${port.name}`),
    "size_t n",
    ...(work > 0 ? [`${type} *work`] : []),
  ];
  return `void ${name}(${params.join(", ")})`;
}

function headerText(lowered: Lowered, embedding: Embedding, code: Code): string {
  const { first, work } = code;
  const guard = `${embedding.name.toUpperCase()}_H`;
  const { inputs, shared, outputs, totals, about } = embedding;
  const ports = [
    ...[...inputs, ...shared].map(({ name, meaning }) => ` *   ${name}: in, ${meaning}`),
    ...[...outputs, ...totals].map(({ name, meaning }) => ` *   ${name}: out, ${meaning}; may be NULL`),
    " *   n: the number of rows",
    ...(work > 0 ? [` *   work: room for ${workName(embedding)} numbers, of each thread its own`] : []),
  ];
  const once = [
    ...(first ? ["What shared arrays determine is computed once per call, before the rows."] : []),
    ...(totals.length > 0 ? ["Sums over rows are kept in double; for n = 0 they are 0."] : []),
  ].map((line) => `\n * ${line}`);
  const define = work > 0 ? `\n#define ${workName(embedding)} ${work}\n` : "";
  return `/*
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")}
 *
${ports.join("\n")}
 *
 * Rows lie one after the other, without gaps. Arrays must not overlap. Safe to call from several threads at once; needs about
 * ${Math.ceil(stackOf(code) / 1024)} kB of stack.${once.join("")} Written by jacrow.
 */
#ifndef ${guard}
#define ${guard}

#include <stddef.h>
${define}
#ifdef __cplusplus
extern "C" {
#endif

${signature(lowered, embedding, code)};

#ifdef __cplusplus
}
#endif

#endif
`;
}

function stackOf({ first, own, isLarge }: Code): number {
  return (isLarge ? 0 : own) + (first === undefined || first.isLarge ? 0 : first.bytes);
}

const workName = ({ name }: Embedding): string => `${name.toUpperCase()}_WORK`;

function sourceText(lowered: Lowered, embedding: Embedding, code: Code): string {
  const { body, first, last } = code;
  return [
    `/* Written by jacrow; see ${embedding.name}.h. Define JACROW_PORTABLE to do without vector extensions. */`,
    `#include "${embedding.name}.h"`,
    portablePreludeText(body.shape),
    rowsText,
    ...(first === undefined ? [dataText("data", lowered, embedding.image(lowered, body))] : [first.data]),
    body.text,
    ...(first === undefined ? [] : [first.text]),
    ...(last === undefined ? [] : [last.text]),
    functionText(lowered, embedding, code),
  ].join("\n");
}

function functionText(lowered: Lowered, embedding: Embedding, code: Code): string {
  const { last } = code;
  const { layout } = code.body;
  const cellBytes = layout.tileRows * layout.bytes;
  const at = ({ buffer }: Port): string => `s + ${(layout.placement.get(buffer) as number) * cellBytes}`;
  const rest = ({ buffer }: Port): string => `${buffer.cells}, ${cellBytes}, now);`;
  const copiesIn = lowered.inputs.flatMap((port, index) => {
    const name = embedding.inputs[index]?.name;
    return [`    rows_in(${at(port)}, ${name}, ${rest(port)}`, `    ${name} += now * ${port.buffer.cells};`];
  });
  const copiesOut = lowered.outputs.flatMap((port, index) => {
    const name = embedding.outputs[index]?.name;
    return [
      `    if (${name} != NULL) {`,
      `      rows_out(${at(port)}, ${name}, ${rest(port)}`,
      `      ${name} += now * ${port.buffer.cells};`,
      "    }",
    ];
  });
  return `${signature(lowered, embedding, code)} {
${[...scratchLines(code), ...memoryLines(embedding, code), ...(last?.clear ?? [])].join("\n")}
  while (n > 0) {
    const ix now = n < ${layout.tileRows} ? (ix)n : ${layout.tileRows};
    const ix lanes = (now + LANES - 1) / LANES * VECTOR_BYTES;
${copiesIn.join("\n")}
    convert_in(s, m, lanes);
${stageCalls(lowered, layout).join("\n").replaceAll("(s, m, n)", "(s, m, lanes)")}
    convert_out(s, m, lanes);
${copiesOut.join("\n")}
    n -= (size_t)now;
${[...(last?.collect ?? []), "  }", ...(last?.finish ?? [])].join("\n")}
}
`;
}

/** Tile buffers, running sums after them, and totals: on the stack, or behind what shared arrays determine. */
function scratchLines({ body, first, last, own, isLarge }: Code): string[] {
  const bytes = body.scratch + body.sumBytes;
  const start = first?.isLarge ? first.bytes : 0;
  const lines = isLarge
    ? [
        `  char *s = (char *)(((uintptr_t)work + ${start} + VECTOR_BYTES - 1) & ~(uintptr_t)(VECTOR_BYTES - 1));`,
        `  double *after = (double *)(s + ${bytes});`,
      ]
    : [
        `  vf scratch[${Math.ceil(bytes / body.shape.vectorBytes)}];`,
        "  char *s = (char *)scratch;",
        ...(last === undefined ? [] : [`  double after[${(own - bytes) / 8}];`]),
      ];
  return [...lines, ...(last === undefined ? [] : ["  ix held = 0;"])];
}

/** Where bound memory is: constant, or made by the call. */
function memoryLines({ shared }: Embedding, { first }: Code): string[] {
  const names = shared.map(({ name }) => name);
  const unread = names.map((name) => `  (void)${name};`);
  if (first === undefined) return [...unread, "  const char *m = (const char *)data;"];
  const own = first.isLarge ? [] : [`  vf bound[${first.vectors}];`];
  return [
    ...own,
    `  char *const m = (char *)${first.isLarge ? "work" : "bound"};`,
    `  if (n > 0) shared_bind(m, ${names.join(", ")});`,
  ];
}

function exampleText(lowered: Lowered, embedding: Embedding, { work }: Code): string {
  const { name, inputs, shared, outputs } = embedding;
  const results = [...outputs, ...embedding.totals];
  const type = typeOf(lowered);
  const rows = new Set([...inputs, ...outputs]);
  const sizeOf = (port: EmbeddedPort): string => `${rows.has(port) ? "ROWS * " : ""}${port.cells}`;
  const arrays = [...inputs, ...shared, ...results].map(
    (port) => `  static ${type} ${port.name}[${sizeOf(port)}];`,
  );
  const fills = [...inputs, ...shared].map(
    (port) =>
      `  for (size_t i = 0; i < ${sizeOf(port)}; i++) ${port.name}[i] = (${type})0.1 * (${type})(i % 10);`,
  );
  const works = work > 0 ? [`  static ${type} work[${workName(embedding)}];`] : [];
  const prints = results.map(
    (port) =>
      `  for (size_t i = 0; i < ${sizeOf(port)}; i++) printf("${port.name}[%zu] = %.9g\\n", i, (double)${port.name}[i]);`,
  );
  const args = [...inputs, ...shared, ...results].map((port) => port.name);
  return `/* Two rows through ${name}. */
#include <stdio.h>

#include "${name}.h"

#define ROWS 2

int main(void) {
${[...arrays, ...works].join("\n")}
${fills.join("\n")}
  ${name}(${[...args, "ROWS", ...(work > 0 ? ["work"] : [])].join(", ")});
${prints.join("\n")}
  return 0;
}
`;
}

function cmakeText(name: string): string {
  return `cmake_minimum_required(VERSION 3.10)
project(${name} C)

set(CMAKE_C_STANDARD 99)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(${name} ${name}.c)
target_include_directories(${name} PUBLIC \${CMAKE_CURRENT_SOURCE_DIR})
if(NOT WIN32)
  target_link_libraries(${name} PUBLIC m)
endif()

add_executable(example example.c)
target_link_libraries(example PRIVATE ${name})
`;
}
