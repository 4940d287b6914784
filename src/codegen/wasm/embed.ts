/**
 * A WebAssembly kernel as files for people who embed: the module with its bound memory inside, and a little glue.
 *
 * In: the kernel's code, its memory plan and bound bytes. Out: files by name. Always: the glue is synchronous, imports nothing
 * and is of less than 3 kB: names, sizes and addresses of arrays, however many, are in a section of the module.
 */

import type { Lowered, Port } from "../../lower/loops.ts";
import type { EmbeddedPort } from "../c/embed.ts";
import type { SharedPart } from "../shared-part.ts";
import { Bytes } from "./bytes.ts";

/** Custom sections: the bound memory, where everything is in it, and the module that runs before the rows. */
const SECTION = "jacrow";
const PLACES_SECTION = "places";
const FIRST_SECTION = "first";
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
  const { name, module, image, part } = embedding;
  const sections: [string, Uint8Array][] = [
    [SECTION, image],
    [PLACES_SECTION, new TextEncoder().encode(JSON.stringify(placesOf(lowered, embedding)))],
  ];
  if (part !== undefined) sections.push([FIRST_SECTION, withSection(part.module, SECTION, part.image)]);
  return new Map<string, string | Uint8Array>([
    [`${name}.wasm`, sections.reduce((whole, [section, data]) => withSection(whole, section, data), module)],
    [`${name}.js`, glueText(lowered, embedding)],
    [`${name}.d.ts`, typesText(lowered, embedding)],
  ]);
}

/** What the glue reads: arrays as [name, cells, address]; of the first module's results also where they go, and how. */
function placesOf(lowered: Lowered, { inputs, outputs, shared, memory, part }: WasmEmbedding): object {
  const main = {
    inputs: arraysOf(inputs, lowered.inputs, memory.inputs),
    outputs: arraysOf(outputs, lowered.outputs, memory.outputs),
    most: memory.rows,
    pages: memory.pages,
    scratch: memory.scratch,
    sums: memory.sums,
  };
  if (part === undefined) return main;
  const results = part.places.map(({ address, cells, cell }, index) => [
    part.memory.outputs[index],
    cells,
    address,
    KINDS[cell],
  ]);
  const { pages, scratch, sums } = part.memory;
  const ports = arraysOf(shared, part.lowered.inputs, part.memory.inputs);
  return { ...main, first: { shared: ports, results, pages, scratch, sums } };
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

function glueText(lowered: Lowered, { name, about, part }: WasmEmbedding): string {
  const array = arrayOf(lowered);
  const first = part && firstText(lowered, part);
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
${first?.start ?? ""}  const view = ([, cells, address], rows) => new ${array}(memory.buffer, address, rows * cells);
  return (...rows) => {
    const n = rows[0].length / inputs[0][1];
    inputs.forEach(([name, cells], i) => {
      if (rows[i].length !== n * cells || n % 1 !== 0) throw new RangeError(\`\${name} needs \${cells} numbers per row\`);
    });
${first?.call ?? ""}    const results = outputs.map(([, cells]) => new ${array}(n * cells));
    for (let start = 0; start < n; start += most) {
      const now = Math.min(most, n - start);
      inputs.forEach((port, i) => {
        const span = [start * port[1], (start + now) * port[1]];
        view(port, now).set(rows[i].subarray ? rows[i].subarray(...span) : Array.prototype.slice.call(rows[i], ...span));
      });
      run(places.scratch, now, ...inputs.map(third), ...outputs.map(third), places.sums);
      outputs.forEach((port, i) => results[i].set(view(port, now), start * port[1]));
    }
    return Object.fromEntries(outputs.map(([name], i) => [name, results[i]]));
  };
}
`;
}

const arrayOf = ({ dtype }: Pick<Lowered, "dtype">): string =>
  dtype === "f32" ? "Float32Array" : "Float64Array";

/** The code that runs the first module, once per call, and writes what it gives to the other's memory. */
function firstText({ dtype }: Lowered, { places }: SharedPart): { start: string; call: string } {
  const ints = dtype === "f32" ? "Int32Array.from(values)" : "BigInt64Array.from(values, BigInt)";
  const masks = ints.replace("values", "values.map((bit) => -bit)");
  const others = places.some(({ cell }) => cell !== "float");
  const floats = `new ${arrayOf({ dtype })}(memory.buffer, to, cells).set(values)`;
  const written = others
    ? `if (kind === ${KINDS.float}) ${floats};
      else new Uint8Array(memory.buffer).set(new Uint8Array((kind === ${KINDS.int} ? ${ints} : ${masks}).buffer), to);`
    : `${floats};`;
  return {
    start: `  const { shared, results: made, pages, scratch, sums } = places.first;
  const first = started(new WebAssembly.Module(section(module, "${FIRST_SECTION}")), pages);
  const numbers = (address, cells) => new Float64Array(first.memory.buffer, address, cells);
`,
    call: `    shared.forEach(([name, cells, address], i) => {
      const values = rows[inputs.length + i];
      if (values.length !== cells) throw new RangeError(\`\${name} needs \${cells} numbers\`);
      numbers(address, cells).set(values);
    });
    first.run(scratch, 1, ...shared.map(third), ...made.map(([from]) => from), sums);
    for (const [from, cells, to${others ? ", kind" : ""}] of made) {
      const values = numbers(from, cells);
      ${written}
    }
`,
  };
}

function typesText(lowered: Lowered, { name, inputs, shared, outputs, about }: WasmEmbedding): string {
  const array = `${arrayOf(lowered)}<ArrayBuffer>`;
  const params = [...inputs, ...shared].map((port) => `${port.name}: ArrayLike<number>`).join(", ");
  return `/** ${about.join(" ")} */
export type Run = (${params}) => {
${outputs.map((port) => `  /** ${port.meaning} */\n  ${port.name}: ${array};`).join("\n")}
};

/**
 * Compiles and instantiates the module, the contents of the .wasm file, on the calling thread:
 * const run = load(await readFile("${name}.wasm")), in pages load(await (await fetch("${name}.wasm")).arrayBuffer()).
 */
export declare function load(wasm: BufferSource | WebAssembly.Module): Run;
`;
}
