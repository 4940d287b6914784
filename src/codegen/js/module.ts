/**
 * A lowered program as one dependency-free ES module of plain JavaScript, and its types.
 *
 * In: the program, names, and the values of bound buffers. Out: files by name. Always: no code is made at run time, so it runs
 * under any Content-Security-Policy; numbers are float64.
 */

import type { Buffer, Lowered } from "../../lower/loops.ts";
import { type AfterRows, LANE_ROWS, mirrorLines, totalCells } from "../after-rows.ts";
import type { EmbeddedPort } from "../c/embed.ts";
import type { SharedPart } from "../shared-part.ts";
import { helpers } from "./functions.ts";
import { numberText, StageWriter } from "./stages.ts";

/** What to write. */
export interface JsEmbedding {
  readonly name: string;
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  readonly about: readonly string[];
  /** Shared inputs; they follow the others. */
  readonly shared: readonly EmbeddedPort[];
  /** Values of a program's bound buffers, one per cell. */
  readonly bound: (lowered: Lowered) => ReadonlyMap<Buffer, Float64Array>;
  /** What shared inputs determine. */
  readonly part: SharedPart | undefined;
  /** Results known after all rows; they follow the others, and what makes them. */
  readonly totals: readonly EmbeddedPort[];
  readonly after: AfterRows | undefined;
}

/** The module and its declarations. */
export function embeddedJs(lowered: Lowered, embedding: JsEmbedding): Map<string, string> {
  const { name } = embedding;
  return new Map([
    [`${name}.js`, moduleText(lowered, embedding)],
    [`${name}.d.ts`, typesText(embedding)],
  ]);
}

function moduleText(lowered: Lowered, embedding: JsEmbedding): string {
  const { name, inputs, outputs, shared, part } = embedding;
  const fresh = new Set(part?.places.map(({ buffer }) => buffer));
  const constants = [...embedding.bound(lowered)].map(
    ([buffer, values], index) => [buffer, `w${index}`, fresh.has(buffer) ? undefined : values] as const,
  );
  const arrays = new Map(constants.map(([buffer, array]) => [buffer, array]));
  const code = codeOf(lowered, arrays);
  const first = part === undefined ? undefined : firstText(part, { embedding, arrays });
  const last = embedding.after && lastText(lowered, embedding, embedding.after);
  const all = [code, first?.code, ...(last?.finish ?? [])].join(" ");
  const used = Object.entries(helpers).filter(([helper]) => all.includes(`${helper}(`));
  const cells = lowered.outputs.map(({ buffer }) => buffer.cells);
  return [
    documentation(embedding),
    ...constants.map(([{ cells: size }, array, values]) =>
      values === undefined ? `const ${array} = new Float64Array(${size});` : constantText(array, values),
    ),
    ...(first?.constants ?? []),
    ...(last?.constants ?? []),
    `const s = new Float64Array(${Math.max(lowered.scratchCells, part?.lowered.scratchCells ?? 0)});`,
    ...used.map(([, text]) => `\n${text}`),
    "",
    `export function ${name}(${[...inputs, ...shared].map((port) => port.name).join(", ")}) {`,
    `  const n = ${inputs[0]?.name}.length / ${lowered.inputs[0]?.buffer.cells};`,
    ...inputs.map(({ name: input }, index) => {
      const wanted = lowered.inputs[index]?.buffer.cells;
      return `  if (${input}.length !== n * ${wanted} || n % 1 !== 0) throw new RangeError("${name}: ${input} needs ${wanted} numbers per row");`;
    }),
    ...outputs.map((port, index) => `  const ${port.name} = new Float64Array(n * ${cells[index]});`),
    ...(first === undefined ? [] : [first.code]),
    ...(last?.clear ?? []),
    "  for (let row = 0; row < n; row++) {",
    ...lowered.inputs.map((port, index) =>
      copyIn(lowered, port.buffer, { cell: `${inputs[index]?.name}[row * ${port.buffer.cells} + c]` }),
    ),
    code,
    ...lowered.outputs.map(
      ({ buffer }, index) =>
        `    for (let c = 0; c < ${buffer.cells}; c++) ${outputs[index]?.name}[row * ${buffer.cells} + c] = s[${startOf(lowered, buffer)}c];`,
    ),
    ...(last?.collect ?? []),
    "  }",
    ...(last?.finish ?? []),
    `  return { ${resultsOf(embedding)
      .map((port) => port.name)
      .join(", ")} };`,
    "}",
    "",
  ].join("\n");
}

function codeOf(lowered: Lowered, arrays: ReadonlyMap<Buffer, string>, scratch = "s"): string {
  const writer = new StageWriter(({ buffer }) =>
    buffer.space === "bound"
      ? { array: arrays.get(buffer) as string, start: 0 }
      : {
          array: buffer.space === "sum" ? "sums" : scratch,
          start: lowered.placement.get(buffer) as number,
        },
  );
  for (const stage of lowered.stages) writer.stage(stage);
  return writer.lines.join("\n");
}

/** What comes before the rows: shared inputs in, and the constants that depend on them out. */
function firstText(
  { lowered, places }: SharedPart,
  { embedding, arrays }: { embedding: JsEmbedding; arrays: ReadonlyMap<Buffer, string> },
): { code: string; constants: string[] } {
  const own = constantsOf(embedding.bound(lowered), "v");
  const { name, shared } = embedding;
  const lines = lowered.inputs.flatMap(({ buffer }, index) => {
    const input = shared[index]?.name;
    return [checkText(name, input, buffer), copyIn(lowered, buffer, { cell: `${input}[c]` }).slice(2)];
  });
  return {
    constants: own.texts,
    code: [
      ...lines,
      "  {",
      codeOf(lowered, own.names),
      "  }",
      ...lowered.outputs.map(({ buffer }, index) => {
        const to = arrays.get(places[index]?.buffer as Buffer);
        return `  for (let c = 0; c < ${buffer.cells}; c++) ${to}[c] = s[${startOf(lowered, buffer)}c];`;
      }),
    ].join("\n"),
  };
}

/** What comes after the rows, and what adds them up. */
function lastText(
  main: Lowered,
  { name, shared, totals, part }: JsEmbedding,
  { lowered, bound }: AfterRows,
): { constants: string[]; clear: string[]; collect: string[]; finish: string[] } {
  const own = constantsOf(bound, "z");
  const cells = totalCells(main);
  const [sums, ...others] = lowered.inputs.map(({ buffer }) => buffer) as [Buffer, ...Buffer[]];
  const copies = others.flatMap((buffer, index) => {
    const input = shared[index]?.name;
    const check = part === undefined ? [checkText(name, input, buffer)] : [];
    return [...check, copyIn(lowered, buffer, { cell: `${input}[c]`, array: "after" }).slice(2)];
  });
  return {
    constants: [
      ...own.texts,
      `const sums = new Float64Array(${cells});`,
      `const totals = new Float64Array(${cells});`,
      `const after = new Float64Array(${lowered.scratchCells});`,
    ],
    clear: ["  totals.fill(0);"],
    collect: [
      `    if (row % ${LANE_ROWS} !== ${LANE_ROWS - 1} && row < n - 1) continue;`,
      "    for (let c = 0; c < sums.length; c++) totals[c] += sums[c];",
      "    sums.fill(0);",
    ],
    finish: [
      ...mirrorLines(main, "totals").map((line) => `  ${line}`),
      `  after.set(totals, ${lowered.placement.get(sums)});`,
      ...copies,
      "  {",
      codeOf(lowered, own.names, "after"),
      "  }",
      ...lowered.outputs.map(({ buffer }, index) => {
        const start = lowered.placement.get(buffer) as number;
        return `  const ${totals[index]?.name} = after.slice(${start}, ${start + buffer.cells});`;
      }),
    ],
  };
}

function constantsOf(
  bound: ReadonlyMap<Buffer, Float64Array>,
  letter: string,
): { texts: string[]; names: Map<Buffer, string> } {
  const names = new Map([...bound.keys()].map((buffer, index) => [buffer, `${letter}${index}`]));
  const texts = [...bound].map(([buffer, values]) => constantText(names.get(buffer) as string, values));
  return { texts, names };
}

function checkText(name: string, input: string | undefined, { cells }: Buffer): string {
  return `  if (${input}.length !== ${cells}) throw new RangeError("${name}: ${input} needs ${cells} numbers");`;
}

function startOf({ placement }: Lowered, buffer: Buffer): string {
  const start = placement.get(buffer) as number;
  return start === 0 ? "" : `${start} + `;
}

function copyIn(
  lowered: Lowered,
  buffer: Buffer,
  { cell, array = "s" }: { cell: string; array?: string },
): string {
  const value =
    buffer.cell === "int" ? `Math.trunc(${cell})` : buffer.cell === "bool" ? `(${cell} !== 0 ? 1 : 0)` : cell;
  return `    for (let c = 0; c < ${buffer.cells}; c++) ${array}[${startOf(lowered, buffer)}c] = ${value};`;
}

const resultsOf = ({ outputs, totals }: JsEmbedding): readonly EmbeddedPort[] => [...outputs, ...totals];

function constantText(name: string, values: Float64Array): string {
  const items = Array.from(values, numberText);
  const lines = Array.from({ length: Math.ceil(items.length / 12) }, (_, line) =>
    items.slice(line * 12, line * 12 + 12).join(", "),
  );
  return `const ${name} = new Float64Array([\n  ${lines.join(",\n  ")},\n]);`;
}

function documentation(embedding: JsEmbedding): string {
  const { inputs, shared, about } = embedding;
  return `/**
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")} n is told by the arrays' lengths.
 *
${[...inputs, ...shared].map(({ name, meaning }) => ` * @param ${name} ${meaning}`).join("\n")}
${resultsOf(embedding)
  .map(({ name, meaning }) => ` * @returns ${name}: ${meaning}`)
  .join("\n")}
 *
 * Written by jacrow.
 */`;
}

function typesText(embedding: JsEmbedding): string {
  const { name, inputs, shared, about } = embedding;
  const params = [...inputs, ...shared].map((port) => `${port.name}: ArrayLike<number>`).join(", ");
  const results = resultsOf(embedding).map(
    ({ name: output, meaning }) => `  /** ${meaning} */\n  ${output}: Float64Array<ArrayBuffer>;`,
  );
  return `/** ${about.join(" ")} */
export declare function ${name}(${params}): {
${results.join("\n")}
};
`;
}
