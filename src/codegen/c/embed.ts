/**
 * A lowered program as C99 sources for people who embed: one function, its header, an example and a CMake file.
 *
 * In: the program, how its ports are called, and the bytes of its bound memory. Out: files by name. Always: nothing is needed
 * but the C library's math.h, and the function keeps no state.
 */

import { UnsupportedError } from "../../errors.ts";
import type { Lowered, Port } from "../../lower/loops.ts";
import { type CBody, cBody } from "./body.ts";
import { literal } from "./lanes.ts";
import { portablePreludeText } from "./prelude.ts";
import { rowsText } from "./rows.ts";
import { stageCalls } from "./run.ts";

/** Tiles stay small: they are on the stack. */
const TILE_BYTES = 96 * 1024;

/** One array of the function. */
export interface EmbeddedPort {
  /** Its name in C. */
  readonly name: string;
  /** What it holds, for the header. */
  readonly meaning: string;
}

/** What to write. */
export interface Embedding {
  /** The function's name, and its files'. */
  readonly name: string;
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  /** Bytes of bound memory for a layout. */
  readonly image: (code: Pick<CBody, "layout">) => Uint8Array;
  /** Vectors that every machine has are of 16 bytes; wider ones want a compiler that is told of a machine that has them. */
  readonly vectorBytes: 16 | 32 | 64;
  /** Lines for the header: what is computed, and how matrices are laid out. */
  readonly about: readonly string[];
}

/** The files. */
export function embeddedC(lowered: Lowered, embedding: Embedding): Map<string, string> {
  if (lowered.sums.length > 0)
    throw new UnsupportedError(
      "JR536",
      `${lowered.name} sums over rows: such programs cannot be exported as C`,
    );
  const body = cBody(lowered, {
    vectorBytes: embedding.vectorBytes,
    fused: true,
    tileBytes: TILE_BYTES,
  });
  const { name } = embedding;
  return new Map([
    [`${name}.h`, headerText(lowered, embedding, body.scratch)],
    [`${name}.c`, sourceText(lowered, embedding, body)],
    ["example.c", exampleText(lowered, embedding)],
    ["CMakeLists.txt", cmakeText(name)],
  ]);
}

const typeOf = ({ dtype }: Lowered): string => (dtype === "f32" ? "float" : "double");

function signature(lowered: Lowered, { name, inputs, outputs }: Embedding): string {
  const type = typeOf(lowered);
  const params = [
    ...inputs.map((port) => `const ${type} *${port.name}`),
    ...outputs.map((port) => `${type} *${port.name}`),
    "size_t n",
  ];
  return `void ${name}(${params.join(", ")})`;
}

function headerText(lowered: Lowered, embedding: Embedding, scratch: number): string {
  const guard = `${embedding.name.toUpperCase()}_H`;
  const { inputs, outputs, about } = embedding;
  const ports = [
    ...inputs.map(({ name, meaning }) => ` *   ${name}: in, ${meaning}`),
    ...outputs.map(({ name, meaning }) => ` *   ${name}: out, ${meaning}; may be NULL`),
    " *   n: the number of rows",
  ];
  return `/*
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")}
 *
${ports.join("\n")}
 *
 * Rows lie one after the other, without gaps. Arrays must not overlap. Safe to call from several threads at once; needs about
 * ${Math.ceil(scratch / 1024)} kB of stack. Written by jacrow.
 */
#ifndef ${guard}
#define ${guard}

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

${signature(lowered, embedding)};

#ifdef __cplusplus
}
#endif

#endif
`;
}

function sourceText(lowered: Lowered, embedding: Embedding, body: CBody): string {
  return [
    `/* Written by jacrow; see ${embedding.name}.h. Define JACROW_PORTABLE to do without vector extensions. */`,
    `#include "${embedding.name}.h"`,
    portablePreludeText(body.shape),
    rowsText,
    dataText(lowered, embedding.image(body)),
    body.text,
    functionText(lowered, embedding, body),
  ].join("\n");
}

/** Bound memory: numbers as such, or bit patterns where it holds indices or masks. */
function dataText(lowered: Lowered, image: Uint8Array): string {
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
  return `static const ${numbers ? "cell" : "cell_bits"} data[] = {
${lines.map((line) => `  ${line.join(", ")},`).join("\n")}
};
`;
}

function functionText(lowered: Lowered, embedding: Embedding, { layout, shape, scratch }: CBody): string {
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
  return `${signature(lowered, embedding)} {
  vf scratch[${Math.ceil(scratch / shape.vectorBytes)}];
  char *s = (char *)scratch;
  const char *m = (const char *)data;
  while (n > 0) {
    const ix now = n < ${layout.tileRows} ? (ix)n : ${layout.tileRows};
    const ix lanes = (now + LANES - 1) / LANES * VECTOR_BYTES;
${copiesIn.join("\n")}
    convert_in(s, m, lanes);
${stageCalls(lowered, layout).join("\n").replaceAll("(s, m, n)", "(s, m, lanes)")}
    convert_out(s, m, lanes);
${copiesOut.join("\n")}
    n -= (size_t)now;
  }
}
`;
}

function exampleText(lowered: Lowered, { name, inputs, outputs }: Embedding): string {
  const type = typeOf(lowered);
  const cells = (port: Port | undefined): number => port?.buffer.cells ?? 0;
  const arrays = [
    ...inputs.map((port, index) => `  static ${type} ${port.name}[ROWS * ${cells(lowered.inputs[index])}];`),
    ...outputs.map(
      (port, index) => `  static ${type} ${port.name}[ROWS * ${cells(lowered.outputs[index])}];`,
    ),
  ];
  const fills = inputs.map(
    ({ name: input }, index) =>
      `  for (size_t i = 0; i < ROWS * ${cells(lowered.inputs[index])}; i++) ${input}[i] = (${type})0.1 * (${type})(i % 10);`,
  );
  const prints = outputs.map(
    ({ name: output }, index) =>
      `  for (size_t i = 0; i < ROWS * ${cells(lowered.outputs[index])}; i++) printf("${output}[%zu] = %.9g\\n", i, (double)${output}[i]);`,
  );
  const args = [...inputs, ...outputs].map((port) => port.name);
  return `/* Two rows through ${name}. */
#include <stdio.h>

#include "${name}.h"

#define ROWS 2

int main(void) {
${arrays.join("\n")}
${fills.join("\n")}
  ${name}(${[...args, "ROWS"].join(", ")});
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
