/**
 * A WebAssembly kernel as files for people who embed: the module with its bound memory inside, and a little glue.
 *
 * In: the kernel's code, its memory plan and bound bytes. Out: files by name. Always: the glue is synchronous, imports nothing
 * and stays below 3 kB.
 */

import type { Lowered } from "../../lower/loops.ts";
import type { EmbeddedPort } from "../c/embed.ts";
import { Bytes } from "./bytes.ts";

/** The custom section that holds the bound memory. */
const SECTION = "jacrow";

/** What to write. */
export interface WasmEmbedding {
  readonly name: string;
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  readonly about: readonly string[];
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
  const { name, module, image } = embedding;
  return new Map<string, string | Uint8Array>([
    [`${name}.wasm`, withSection(module, image)],
    [`${name}.js`, glueText(lowered, embedding)],
    [`${name}.d.ts`, typesText(lowered, embedding)],
  ]);
}

function withSection(module: Uint8Array, data: Uint8Array): Uint8Array {
  const section = new Bytes();
  section.name(SECTION);
  section.bytes(data);
  const whole = new Bytes();
  whole.bytes(module);
  whole.byte(0);
  whole.sized(section);
  return whole.view();
}

function glueText(lowered: Lowered, { name, inputs, outputs, about, memory }: WasmEmbedding): string {
  const array = lowered.dtype === "f32" ? "Float32Array" : "Float64Array";
  const ports = (
    list: readonly EmbeddedPort[],
    addresses: readonly number[],
    kind: "inputs" | "outputs",
  ): string =>
    `[${list.map((port, index) => `["${port.name}", ${lowered[kind][index]?.buffer.cells}, ${addresses[index]}]`).join(", ")}]`;
  return `/**
${about.map((line) => ` * ${line}`.trimEnd()).join("\n")}
 * Written by jacrow; see ${name}.d.ts.
 */
const inputs = ${ports(inputs, memory.inputs, "inputs")};
const outputs = ${ports(outputs, memory.outputs, "outputs")};
const most = ${memory.rows};

export function load(wasm) {
  const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm);
  const memory = new WebAssembly.Memory({ initial: ${memory.pages}, maximum: ${memory.pages} });
  const [bound] = WebAssembly.Module.customSections(module, "${SECTION}");
  new Uint8Array(memory.buffer).set(new Uint8Array(bound));
  const { run } = new WebAssembly.Instance(module, { host: { memory } }).exports;
  const view = ([, cells, address], rows) => new ${array}(memory.buffer, address, rows * cells);
  return (...rows) => {
    const n = rows[0].length / inputs[0][1];
    inputs.forEach(([name, cells], i) => {
      if (rows[i].length !== n * cells || n % 1 !== 0) throw new RangeError(\`\${name} needs \${cells} numbers per row\`);
    });
    const results = outputs.map(([, cells]) => new ${array}(n * cells));
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

function typesText(lowered: Lowered, { name, inputs, outputs, about }: WasmEmbedding): string {
  const array = lowered.dtype === "f32" ? "Float32Array<ArrayBuffer>" : "Float64Array<ArrayBuffer>";
  const params = inputs.map((port) => `${port.name}: ArrayLike<number>`).join(", ");
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
