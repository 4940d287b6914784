/**
 * Writes WebAssembly modules: functions with structured code, one imported memory, exports.
 *
 * In: instructions in order. Out: the bytes of a module. Locals are handed out by number, parameters first;
 * the caller keeps the value stack balanced (tests validate every kind of kernel).
 */

import { invariant } from "../../errors.ts";
import { Bytes } from "./bytes.ts";
import { type CoreName, core, type SimdName, simd, type ValueType } from "./opcodes.ts";

const EMPTY_BLOCK = 0x40;
/** Half of all instructions. */
const { "local.get": LOCAL_GET, "local.set": LOCAL_SET } = core;
const MOST_PAGES = 65536;
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/** The signature of a function. */
export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** The code of one function, written front to back. */
export class FunctionCode {
  readonly index: number;
  readonly signature: Signature;
  readonly #locals: ValueType[] = [];
  readonly #code: Bytes = new Bytes();

  constructor(index: number, signature: Signature) {
    this.index = index;
    this.signature = signature;
  }

  /** Bytes of code so far: a measure of size. */
  get size(): number {
    return this.#code.length;
  }

  /** A new local variable. */
  local(type: ValueType): number {
    this.#locals.push(type);
    return this.signature.params.length + this.#locals.length - 1;
  }

  /** A plain instruction, with one unsigned immediate if it takes one. */
  op(name: CoreName, immediate?: number): void {
    this.#code.byte(core[name]);
    if (immediate !== undefined) this.#code.unsigned(immediate);
  }

  get(local: number): void {
    this.#code.byte(LOCAL_GET);
    this.#code.unsigned(local);
  }

  set(local: number): void {
    this.#code.byte(LOCAL_SET);
    this.#code.unsigned(local);
  }

  tee(local: number): void {
    this.op("local.tee", local);
  }

  i32(value: number): void {
    this.#code.byte(core["i32.const"]);
    this.#code.signed(value);
  }

  i64(value: bigint): void {
    this.#code.byte(core["i64.const"]);
    this.#code.signed64(value);
  }

  /** `block`, `loop` or `if` without parameters or results. */
  open(name: "block" | "loop" | "if"): void {
    this.#code.byte(core[name]);
    this.#code.byte(EMPTY_BLOCK);
  }

  /** A SIMD instruction; `lane` for those that name a lane or carry bytes. */
  simd(name: SimdName, immediate?: ArrayLike<number>): void {
    this.#code.byte(0xfd);
    this.#code.unsigned(simd[name]);
    if (immediate !== undefined) this.#code.bytes(immediate);
  }

  /** A SIMD load or store at the address on the stack plus `offset`, optionally of one lane. */
  simdMemory(name: SimdName, offset: number, lane?: number): void {
    this.simd(name);
    this.#memoryArgument(offset);
    if (lane !== undefined) this.#code.byte(lane);
  }

  /** A plain load or store. */
  memory(name: CoreName, offset: number): void {
    this.#code.byte(core[name]);
    this.#memoryArgument(offset);
  }

  /** Copies bytes: to, from and how many are on the stack. */
  memoryCopy(): void {
    this.#code.bytes([0xfc, 10, 0, 0]);
  }

  /** The function's entry of the code section. */
  encode(): Bytes {
    const body = new Bytes();
    const groups: { type: ValueType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = groups.at(-1);
      if (last?.type === type) last.count++;
      else groups.push({ type, count: 1 });
    }
    body.unsigned(groups.length);
    for (const group of groups) {
      body.unsigned(group.count);
      body.byte(group.type);
    }
    body.bytes(this.#code.view());
    body.byte(core.end);
    return body;
  }

  /** Alignment is a hint that engines ignore; 0 is always legal. */
  #memoryArgument(offset: number): void {
    invariant(offset >= 0 && offset < 2 ** 32, `memory offset ${offset}`);
    this.#code.byte(0);
    this.#code.unsigned(offset);
  }
}

/** A module that imports its memory as `host.memory`. */
export class ModuleCode {
  readonly #functions: FunctionCode[] = [];
  readonly #exports = new Map<string, FunctionCode>();

  add(params: readonly ValueType[], results: readonly ValueType[] = []): FunctionCode {
    const code = new FunctionCode(this.#functions.length, { params, results });
    this.#functions.push(code);
    return code;
  }

  /** Takes back the function added last. */
  dropLast(code: FunctionCode): void {
    invariant(this.#functions.at(-1) === code, "only the last function can be dropped");
    this.#functions.pop();
  }

  export(name: string, code: FunctionCode): void {
    this.#exports.set(name, code);
  }

  /** Bytes of code of the largest function. */
  get largest(): number {
    return Math.max(0, ...this.#functions.map((code) => code.size));
  }

  /** The module, for memories of any size; a shared memory must say its maximum. */
  encode(memory: { shared: boolean }): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, SECTION.type)(this.#functions, (body, code) => {
      body.byte(0x60);
      vector(body, code.signature.params);
      vector(body, code.signature.results);
    });
    section(out, SECTION.import)([memory], importMemory);
    section(out, SECTION.function)(this.#functions, (body, code) => body.unsigned(code.index));
    section(out, SECTION.export)([...this.#exports], (body, [name, code]) => {
      body.name(name);
      body.byte(0);
      body.unsigned(code.index);
    });
    section(out, SECTION.code)(this.#functions, (body, code) => body.sized(code.encode()));
    return out.view().slice();
  }
}

function importMemory(body: Bytes, { shared }: { shared: boolean }): void {
  body.name("host");
  body.name("memory");
  body.byte(2);
  body.byte(shared ? 3 : 0);
  body.unsigned(1);
  if (shared) body.unsigned(MOST_PAGES);
}

function vector(body: Bytes, items: readonly ValueType[]): void {
  body.unsigned(items.length);
  body.bytes(items);
}

type Section = <T>(items: readonly T[], write: (body: Bytes, item: T) => void) => void;

/** Writes a section: a count and its items. */
function section(out: Bytes, id: number): Section {
  return (items, write) => {
    const body = new Bytes();
    body.unsigned(items.length);
    for (const item of items) write(body, item);
    out.byte(id);
    out.sized(body);
  };
}
