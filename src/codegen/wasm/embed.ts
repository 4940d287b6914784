/**
 * A WebAssembly kernel as files for people who embed: the module with its bound memory inside, and a little glue.
 *
 * In: the kernel's code, its memory plan and bound bytes. Out: files by name. Always: the glue is synchronous, imports nothing
 * and is of less than 3 kB (3.4 with shared inputs and sums over rows): names, sizes and addresses of arrays, however many, are in a section of the module.
 */

import type { Lowered, Port } from "../../lower/loops.ts";
import { totalCells } from "../after-rows.ts";
import type { EmbeddedPort } from "../c/embed.ts";
import type { SharedPart } from "../shared-part.ts";
import { Bytes } from "./bytes.ts";

/** Custom sections: the bound memory, where everything is in it, and the modules that run before and after the rows. */
const SECTION = "jacrow";
const PLACES_SECTION = "places";
const FIRST_SECTION = "first";
const LAST_SECTION = "last";
/** How a result is written: as it is, as an int, as a mask. */
const KINDS = { float: 0, int: 1, bool: 2 } as const;

/** What to write. */
export interface WasmEmbedding extends EmbeddedModule {
  readonly name: string;
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  /** Shared inputs; they follow the others. */
  readonly shared: readonly EmbeddedPort[];
  readonly about: readonly string[];
  /** What shared inputs determine, computed in float64. */
  readonly part: (SharedPart & EmbeddedModule) | undefined;
  /** Results known after all rows; they follow the others, and what makes them in float64. */
  readonly totals: readonly EmbeddedPort[];
  readonly after: ({ readonly lowered: Lowered } & EmbeddedModule) | undefined;
}

/** A kernel's code and memory. */
export interface EmbeddedModule {
  readonly module: Uint8Array;
  /** Bytes from address 0 of the memory. */
  readonly image: Uint8Array;
  /** Where rows and scratch are, and how many rows they hold. */
  readonly memory: {
    readonly pages: number;
    readonly rows: number;
    readonly scratch: number;
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
    readonly sums: number;
  };
}

/** The module, the glue and its types. */
export function embeddedWasm(lowered: Lowered, embedding: WasmEmbedding): Map<string, string | Uint8Array> {
  const { name, module, image, part, after } = embedding;
  const sections: [string, Uint8Array][] = [
    [SECTION, image],
    [PLACES_SECTION, new TextEncoder().encode(JSON.stringify(placesOf(lowered, embedding)))],
  ];
  if (part !== undefined) sections.push([FIRST_SECTION, withSection(part.module, SECTION, part.image)]);
  if (after !== undefined) sections.push([LAST_SECTION, withSection(after.module, SECTION, after.image)]);
  return new Map<string, string | Uint8Array>([
    [`${name}.wasm`, sections.reduce((whole, [section, data]) => withSection(whole, section, data), module)],
    [`${name}.js`, glueText(lowered, embedding)],
    [`${name}.d.ts`, typesText(lowered, embedding)],
  ]);
}

/** What the glue reads: arrays as [name, cells, address]; of the first module's results also where they go, and how. */
function placesOf(lowered: Lowered, embedding: WasmEmbedding): object {
  const { inputs, outputs, memory, part, after } = embedding;
  const { pages, scratch, sums } = memory;
  return {
    inputs: arraysOf(inputs, lowered.inputs, memory.inputs),
    outputs: arraysOf(outputs, lowered.outputs, memory.outputs),
    most: memory.rows,
    pages,
    scratch,
    sums,
    ...(part && { first: firstPlaces(embedding, part) }),
    ...(after && { last: lastPlaces(lowered, embedding, after) }),
  };
}

/** What a module of one row needs: arrays that are given, addresses of all inputs, results as [name or place, cells, address, kind]. */
interface Side {
  readonly given: readonly unknown[];
  readonly ins: readonly number[];
  readonly made: readonly unknown[];
  readonly run: readonly number[];
}

function firstPlaces(
  { shared }: WasmEmbedding,
  { lowered, places, memory }: SharedPart & EmbeddedModule,
): Side {
  return {
    given: arraysOf(shared, lowered.inputs, memory.inputs),
    ins: memory.inputs,
    made: places.map(({ address, cells, cell }, index) => [
      address,
      cells,
      memory.outputs[index],
      KINDS[cell],
    ]),
    run: [memory.pages, memory.scratch, memory.sums],
  };
}

/** The last module's first input is all sums. Sums that hold one triangle of blocks: [first cell, size, block]. */
function lastPlaces(
  { sums, placement }: Lowered,
  { shared, totals }: WasmEmbedding,
  { lowered, memory }: { readonly lowered: Lowered } & EmbeddedModule,
): Side & { readonly halves: readonly unknown[] } {
  return {
    given: arraysOf(shared, lowered.inputs.slice(1), memory.inputs.slice(1)),
    ins: memory.inputs,
    made: arraysOf(totals, lowered.outputs, memory.outputs),
    run: [memory.pages, memory.scratch, memory.sums],
    halves: sums.flatMap(({ buffer, symmetric }) =>
      symmetric ? [[placement.get(buffer), symmetric.size, symmetric.block]] : [],
    ),
  };
}

function arraysOf(
  list: readonly EmbeddedPort[],
  ports: readonly Port[],
  addresses: readonly number[],
): readonly unknown[] {
  return list.map(({ name }, index) => [name, ports[index]?.buffer.cells, addresses[index]]);
}

function withSection(module: Uint8Array, name: string, data: Uint8Array): Uint8Array {
  const section = new Bytes();
  section.name(name);
  section.bytes(data);
  const whole = new Bytes();
  whole.bytes(module);
  whole.byte(0);
  whole.sized(section);
  return whole.view();
}

function glueText(lowered: Lowered, { name, about, part, after }: WasmEmbedding): string {
  const array = arrayOf(lowered);
  const first = part && firstText(lowered, part);
  const last = after && lastText(lowered);
  return `/**
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")}
 * Written by jacrow; see ${name}.d.ts.
 */
const section = (module, name) => new Uint8Array(WebAssembly.Module.customSections(module, name)[0]);
const third = (port) => port[2];

function started(module, pages) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  new Uint8Array(memory.buffer).set(section(module, "${SECTION}"));
  return { memory, run: new WebAssembly.Instance(module, { host: { memory } }).exports.run };
}

export function load(wasm) {
  const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm);
  const places = JSON.parse(section(module, "${PLACES_SECTION}").reduce((text, byte) => text + String.fromCharCode(byte), ""));
  const { inputs, outputs, most } = places;
  const { memory, run } = started(module, places.pages);
${first || last ? sideText : ""}${first ? `  const first = side("${FIRST_SECTION}");\n` : ""}${last ? `  const last = side("${LAST_SECTION}");\n` : ""}  const view = ([, cells, address], rows) => new ${array}(memory.buffer, address, rows * cells);
  return (...rows) => {
    const n = rows[0].length / inputs[0][1];
    inputs.forEach(([name, cells], i) => {
      if (rows[i].length !== n * cells || n % 1 !== 0) throw new RangeError(\`\${name} needs \${cells} numbers per row\`);
    });
${first ?? ""}${last?.clear ?? ""}    const results = outputs.map(([, cells]) => new ${array}(n * cells));
    for (let start = 0; start < n; start += most) {
      const now = Math.min(most, n - start);
      inputs.forEach((port, i) => {
        const span = [start * port[1], (start + now) * port[1]];
        view(port, now).set(rows[i].subarray ? rows[i].subarray(...span) : Array.prototype.slice.call(rows[i], ...span));
      });
      run(places.scratch, now, ...inputs.map(third), ...outputs.map(third), places.sums);
      outputs.forEach((port, i) => results[i].set(view(port, now), start * port[1]));
${last?.collect ?? ""}    }
${last?.finish ?? ""}    return Object.fromEntries(${last ? "[...outputs, ...last.made]" : "outputs"}.map(([name], i) => [name, results[i]]));
  };
}
`;
}

const arrayOf = ({ dtype }: Pick<Lowered, "dtype">): string =>
  dtype === "f32" ? "Float32Array" : "Float64Array";

/** The code that starts a module of one row and runs it: shared arrays in, results out as they lie in its memory. */
const sideText = `  const side = (name) => {
    const { given, ins, made, halves, run: [pages, scratch, sums] } = places[name];
    const { memory, run } = started(new WebAssembly.Module(section(module, name)), pages);
    const numbers = ([, cells, address]) => new Float64Array(memory.buffer, address, cells);
    const go = (rows) => {
      given.forEach((port, i) => {
        const values = rows[inputs.length + i];
        if (values.length !== port[1]) throw new RangeError(\`\${port[0]} needs \${port[1]} numbers\`);
        numbers(port).set(values);
      });
      run(scratch, 1, ...ins, ...made.map(third), sums);
      return made.map(numbers);
    };
    return { made, halves, go, sums: (cells) => numbers([0, cells, ins[0]]).fill(0) };
  };
`;

/** The code that writes what the first module gives to the other's memory. */
function firstText({ dtype }: Lowered, { places }: SharedPart): string {
  const ints = dtype === "f32" ? "Int32Array.from(values)" : "BigInt64Array.from(values, BigInt)";
  const masks = ints.replace("values", "values.map((bit) => -bit)");
  const others = places.some(({ cell }) => cell !== "float");
  const floats = `new ${arrayOf({ dtype })}(memory.buffer, to, cells).set(values)`;
  const written = others
    ? `if (kind === ${KINDS.float}) ${floats};
      else new Uint8Array(memory.buffer).set(new Uint8Array((kind === ${KINDS.int} ? ${ints} : ${masks}).buffer), to);`
    : `${floats};`;
  return `    first.go(rows).forEach((values, i) => {
      const [to, cells${others ? ", , kind" : ""}] = first.made[i];
      ${written}
    });
`;
}

/** The code that adds up lanes of running sums, and runs the last module once per call. */
function lastText(lowered: Lowered): { clear: string; collect: string; finish: string } {
  const array = arrayOf(lowered);
  const [lanes, cells] = [lowered.dtype === "f32" ? 4 : 2, totalCells(lowered)];
  const mirror = `    for (const [at, size, block] of last.halves)
      for (let i = block; i < size; i++)
        for (let j = 0; j < i - (i % block); j++) totals[at + i * size + j] = totals[at + j * size + i];
`;
  return {
    clear: `    const lanes = new ${array}(memory.buffer, places.sums, ${cells * lanes}).fill(0);
    const totals = last.sums(${cells});
`,
    collect: `      lanes.forEach((value, at) => (totals[at >> ${Math.log2(lanes)}] += value));
      lanes.fill(0);
`,
    finish: `${lowered.sums.some(({ symmetric }) => symmetric) ? mirror : ""}    for (const values of last.go(rows)) results.push(new ${array}(values));
`,
  };
}

function typesText(
  lowered: Lowered,
  { name, inputs, shared, outputs, totals, about }: WasmEmbedding,
): string {
  const array = `${arrayOf(lowered)}<ArrayBuffer>`;
  const params = [...inputs, ...shared].map((port) => `${port.name}: ArrayLike<number>`).join(", ");
  return `/** ${about.join(" ")} */
export type Run = (${params}) => {
${[...outputs, ...totals].map((port) => `  /** ${port.meaning} */\n  ${port.name}: ${array};`).join("\n")}
};

/**
 * Compiles and instantiates the module, the contents of the .wasm file, on the calling thread:
 * const run = load(await readFile("${name}.wasm")), in pages load(await (await fetch("${name}.wasm")).arrayBuffer()).
 */
export declare function load(wasm: BufferSource | WebAssembly.Module): Run;
`;
}
