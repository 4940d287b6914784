/**
 * Protocol-buffer decoding of untrusted bytes, driven by a field table.
 *
 * In: bytes and the name of a message of `fields.ts`. Out: plain objects; `bytes` fields and packed numbers are views,
 * nothing large is copied. Always: every length is checked against what is left before anything is read or made,
 * nesting and the number of messages are bounded, and a bad byte gives one `UsageError` that says where.
 */

import { UsageError } from "../errors.ts";
import { type Field, fields, type MessageName } from "./fields.ts";

/** Numbers of a repeated field: packed runs stay bytes until someone wants them, single ones are decoded. */
export type NumberRun = Uint8Array | number[];

const MOST_NESTING = 40;
const SMALLEST_MESSAGE = 8;
const FREE_MESSAGES = 100_000;

type Message = Record<string, unknown>;

/** Decodes one message. `what` names the file in errors. */
export function decodeMessage(bytes: Uint8Array, name: MessageName, what: string): Message {
  return new Decoder(bytes, what).message(name, 0, bytes.length);
}

/** The numbers of a repeated varint field. Integers beyond 2⁵³ are rounded, as sentinels like 2⁶³ − 1 may be. */
export function varintsOf(runs: readonly NumberRun[], what: string): number[] {
  return runs.flatMap((run) => (run instanceof Uint8Array ? new Decoder(run, what).varints() : run));
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;
  #depth = 0;
  #messages = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  message(name: MessageName, start: number, end: number): Message {
    this.#enter();
    const table: Readonly<Record<number, Field>> = fields[name];
    const message: Message = {};
    for (const field of Object.values(table)) if (field.many) message[field.name] = [];
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#varint(end);
      const field = table[Math.floor(tag / 8)];
      if (field === undefined) this.#skip(tag % 8, end);
      else this.#read(field, { message, wire: tag % 8, end });
    }
    this.#depth--;
    return message;
  }

  varints(): number[] {
    const numbers: number[] = [];
    while (this.#at < this.#bytes.length) numbers.push(this.#varint(this.#bytes.length));
    return numbers;
  }

  #enter(): void {
    if (++this.#depth > MOST_NESTING) this.#refuse(`messages are nested more than ${MOST_NESTING} deep`);
    if (++this.#messages > FREE_MESSAGES + this.#bytes.length / SMALLEST_MESSAGE)
      this.#refuse("it holds implausibly many messages");
  }

  #read(field: Field, { message, wire, end }: { message: Message; wire: number; end: number }): void {
    const packed =
      wire === 2 && field.many && (field.kind === "int" || field.kind === "float" || field.kind === "double");
    if (packed) {
      (message[field.name] as NumberRun[]).push(this.#chunk(end));
      return;
    }
    if (wire !== wireTypes[field.kind] && wire !== (field.kind in fields ? 2 : wireTypes[field.kind])) {
      this.#refuse(`the field "${field.name}" has wire type ${wire}`);
    }
    const value = this.#value(field, end);
    if (!field.many) message[field.name] = value;
    else if (typeof value === "number") appendNumber(message[field.name] as NumberRun[], value);
    else (message[field.name] as unknown[]).push(value);
  }

  #value({ kind }: Field, end: number): unknown {
    if (kind === "int") return this.#varint(end);
    if (kind === "float") return this.#view.getFloat32(this.#take(4, end), true);
    if (kind === "double") return this.#view.getFloat64(this.#take(8, end), true);
    const chunk = this.#chunk(end);
    if (kind === "bytes") return chunk;
    if (kind === "text") return decoder.decode(chunk);
    const after = this.#at;
    const value = this.message(kind, after - chunk.length, after);
    this.#at = after;
    return value;
  }

  /** A varint as a signed 64-bit number; one longer than ten bytes is refused. */
  #varint(end: number): number {
    const start = this.#at;
    let low = 0;
    for (let scale = 1; this.#at - start < 4; scale *= 128) {
      const byte = this.#byte(end);
      low += (byte & 127) * scale;
      if (byte < 128) return low;
    }
    let wide = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte(end);
      wide |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, wide));
    }
    return this.#refuse("a number is longer than ten bytes");
  }

  #byte(end: number): number {
    return this.#bytes[this.#take(1, end)] as number;
  }

  #chunk(end: number): Uint8Array {
    const length = this.#varint(end);
    const start = this.#take(length, end);
    return this.#bytes.subarray(start, start + length);
  }

  #take(count: number, end: number): number {
    if (count < 0 || count > end - this.#at)
      this.#refuse(`${count} bytes are announced and ${end - this.#at} are left`);
    this.#at += count;
    return this.#at - count;
  }

  #skip(wire: number, end: number): void {
    if (wire === 0) this.#varint(end);
    else if (wire === 1) this.#take(8, end);
    else if (wire === 2) this.#chunk(end);
    else if (wire === 5) this.#take(4, end);
    else this.#refuse(`there is no wire type ${wire}`);
  }

  #refuse(why: string): never {
    throw new UsageError(
      "JR501",
      `${this.#what} is not a whole ONNX file: at byte ${this.#at} of ${this.#bytes.length}, ${why}. Is it truncated, or another kind of file?`,
    );
  }
}

const decoder = new TextDecoder();
const wireTypes: Readonly<Record<string, number>> = { int: 0, double: 1, bytes: 2, text: 2, float: 5 };

function appendNumber(runs: NumberRun[], value: number): void {
  const last = runs.at(-1);
  if (Array.isArray(last)) last.push(value);
  else runs.push([value]);
}
