/**
 * Protocol-buffer encoding, driven by the reader's own field table.
 *
 * In: plain objects whose keys are names of `fields.ts`. Out: the bytes of one message. Always: large `bytes` fields are
 * copied once, into the result, and what is written here is read back equal by `wire.ts`.
 */

import { InternalError } from "../../errors.ts";
import { type Field, fields, type MessageName } from "../fields.ts";

/** A message as plain data: numbers, text, bytes, messages, or arrays of them. */
export type Plain = Readonly<Record<string, unknown>>;

/** Pieces of the result in order, and their bytes in all. */
interface Pieces {
  readonly list: Uint8Array[];
  bytes: number;
}

const WIRE = { int: 0, double: 1, chunk: 2, float: 5 } as const;
const encoder = new TextEncoder();

/** The bytes of one message. */
export function encodeMessage(name: MessageName, message: Plain): Uint8Array<ArrayBuffer> {
  const pieces = piecesOf(name, message);
  const bytes = new Uint8Array(pieces.bytes);
  let end = 0;
  for (const piece of pieces.list) {
    bytes.set(piece, end);
    end += piece.length;
  }
  return bytes;
}

function piecesOf(name: MessageName, message: Plain): Pieces {
  const pieces: Pieces = { list: [], bytes: 0 };
  const table = Object.entries(fields[name]);
  const unknown = Object.keys(message).find((key) => !table.some(([, field]) => field.name === key));
  if (unknown !== undefined) throw new InternalError("JR904", `${name} has no field ${unknown}`);
  for (const [number, field] of table) {
    const value = message[field.name];
    if (value === undefined) continue;
    for (const item of field.many ? (value as readonly unknown[]) : [value])
      append(pieces, { number: Number(number), field, item });
  }
  return pieces;
}

function append(
  pieces: Pieces,
  { number, field, item }: { number: number; field: Field; item: unknown },
): void {
  const { kind } = field;
  if (kind === "int") add(pieces, [varint(number * 8 + WIRE.int), varint(item as number | bigint)]);
  else if (kind === "float")
    add(pieces, [varint(number * 8 + WIRE.float), new Uint8Array(Float32Array.of(item as number).buffer)]);
  else if (kind === "double")
    add(pieces, [varint(number * 8 + WIRE.double), new Uint8Array(Float64Array.of(item as number).buffer)]);
  else {
    const inner = innerPieces(kind, item);
    add(pieces, [varint(number * 8 + WIRE.chunk), varint(inner.bytes), ...inner.list]);
  }
}

function innerPieces(kind: Exclude<Field["kind"], "int" | "float" | "double">, item: unknown): Pieces {
  if (kind === "text") return single(encoder.encode(item as string));
  if (kind === "bytes") return single(item as Uint8Array);
  return piecesOf(kind, item as Plain);
}

function single(bytes: Uint8Array): Pieces {
  return { list: [bytes], bytes: bytes.length };
}

function add(pieces: Pieces, list: readonly Uint8Array[]): void {
  for (const piece of list) {
    pieces.list.push(piece);
    pieces.bytes += piece.length;
  }
}

/** A signed 64-bit number, seven bits a byte, lowest first. */
function varint(value: number | bigint): Uint8Array {
  let left = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const more = left > 127n;
    bytes.push(Number(left & 127n) | (more ? 128 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Uint8Array.from(bytes);
}
