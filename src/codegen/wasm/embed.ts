/**
 * A WebAssembly kernel as files for people who embed: the module with its bound memory inside, and a little glue.
 *
 * In: the kernel's code, its memory plan and bound bytes. Out: files by name. Always: the glue is synchronous, imports nothing
 * and is of 2 to 3 kB, save for the names of many arrays.
 */

import type { Lowered, Port } from "../../lower/loops.ts";
import type { EmbeddedPort } from "../c/embed.ts";
import type { SharedPart } from "../shared-part.ts";
import { Bytes } from "./bytes.ts";

/** Custom sections: the bound memory, the module that runs before the rows, and where its results go. */
const SECTION = "jacrow";
const FIRST_SECTION = "shared";
const PLACES_SECTION = "places";
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
  const sections: [string, Uint8Array][] = [[SECTION, image]];
  if (part !== undefined) {
    sections.push([FIRST_SECTION, withSection(part.module, SECTION, part.image)]);
    sections.push([PLACES_SECTION, placesOf(part)]);
  }
  return new Map<string, string | Uint8Array>([
    [`${name}.wasm`, sections.reduce((whole, [section, data]) => withSection(whole, section, data), module)],
    [`${name}.js`, glueText(lowered, embedding)],
    [`${name}.d.ts`, typesText(lowered, embedding)],
  ]);
}

/** For every result of the first module: its address, cells, the address it is written to, and how. */
function placesOf({ places, memory }: SharedPart & EmbeddedModule): Uint8Array {
  const words = places.flatMap(({ address, cells, cell }, index) => [
    memory.outputs[index] as number,
    cells,
    address,
    KINDS[cell],
  ]);
  return new Uint8Array(Int32Array.from(words).buffer);
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

function glueText(
  lowered: Lowered,
  { name, inputs, outputs, about, memory, shared, part }: WasmEmbedding,
): string {
  const array = arrayOf(lowered);
  const first = part && firstText(lowered, shared, part);
  return `/**
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")}
 * Written by jacrow; see ${name}.d.ts.
 */
const inputs = ${portsText(inputs, lowered.inputs, memory.inputs)};
const outputs = ${portsText(outputs, lowered.outputs, memory.outputs)};
const most = ${memory.rows};
${first?.tables ?? ""}
function started(module, pages) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const [bound] = WebAssembly.Module.customSections(module, "${SECTION}");
  new Uint8Array(memory.buffer).set(new Uint8Array(bound));
  return { memory, run: new WebAssembly.Instance(module, { host: { memory } }).exports.run };
}

export function load(wasm) {
  const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm);
  const { memory, run } = started(module, ${memory.pages});
${first?.start ?? ""}  const view = ([, cells, address], rows) => new ${array}(memory.buffer, address, rows * cells);
  return (...rows) => {
    const n = rows[0].length / inputs[0][1];
    inputs.forEach(([name, cells], i) => {
      if (rows[i].length !== n * cells || n % 1 !== 0) throw new RangeError(\`\${name} needs \${cells} numbers per row\`);
    });
${first?.call ?? ""}    const results = outputs.map(([, cells]) => new ${array}(n * cells));
    for (let start = 0; start < n; start += most) {
      const now = Math.min(most, n - start);
      const slice = (values, cells) => Array.prototype.slice.call(values, start * cells, (start + now) * cells);
      inputs.forEach((port, i) => {
        const cells = port[1];
        view(port, now).set(rows[i].subarray ? rows[i].subarray(start * cells, (start + now) * cells) : slice(rows[i], cells));
      });
      run(${memory.scratch}, now, ...inputs.map((port) => port[2]), ...outputs.map((port) => port[2]), ${memory.sums});
      outputs.forEach((port, i) => results[i].set(view(port, now), start * port[1]));
    }
    return Object.fromEntries(outputs.map(([name], i) => [name, results[i]]));
  };
}
`;
}

const arrayOf = ({ dtype }: Pick<Lowered, "dtype">): string =>
  dtype === "f32" ? "Float32Array" : "Float64Array";

function portsText(
  list: readonly EmbeddedPort[],
  ports: readonly Port[],
  addresses: readonly number[],
): string {
  const items = list.map(
    ({ name }, index) => `["${name}", ${ports[index]?.buffer.cells}, ${addresses[index]}]`,
  );
  return `[${items.join(", ")}]`;
}

/** The code that runs the first module, once per call, and writes what it gives to the other's memory. */
function firstText(
  { dtype }: Lowered,
  ports: readonly EmbeddedPort[],
  { lowered, places, memory }: SharedPart & EmbeddedModule,
): { tables: string; start: string; call: string } {
  const ints = dtype === "f32" ? "Int32Array.from(values)" : "BigInt64Array.from(values, BigInt)";
  const masks = ints.replace("values", "values.map((bit) => -bit)");
  const others = places.some(({ cell }) => cell !== "float");
  const floats = `new ${arrayOf({ dtype })}(memory.buffer, to, cells).set(values)`;
  const written = others
    ? `if (kind === ${KINDS.float}) ${floats};
      else new Uint8Array(memory.buffer).set(new Uint8Array((kind === ${KINDS.int} ? ${ints} : ${masks}).buffer), to);`
    : `${floats};`;
  return {
    tables: `const shared = ${portsText(ports, lowered.inputs, memory.inputs)};
`,
    start: `  const section = (name) => WebAssembly.Module.customSections(module, name)[0];
  const first = started(new WebAssembly.Module(section("${FIRST_SECTION}")), ${memory.pages});
  const places = new Int32Array(section("${PLACES_SECTION}"));
`,
    call: `    shared.forEach(([name, cells, address], i) => {
      const values = rows[inputs.length + i];
      if (values.length !== cells) throw new RangeError(\`\${name} needs \${cells} numbers\`);
      new Float64Array(first.memory.buffer, address, cells).set(values);
    });
    first.run(${memory.scratch}, 1, ...shared.map((port) => port[2]), ...places.filter((_, at) => at % 4 === 0), ${memory.sums});
    for (let at = 0; at < places.length; at += 4) {
      const [from, cells, to${others ? ", kind" : ""}] = places.subarray(at);
      const values = new Float64Array(first.memory.buffer, from, cells);
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
