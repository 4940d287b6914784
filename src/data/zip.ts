/**
 * Zip archives, as far as `.npz` needs them: stored and deflated entries, zip64, no encryption.
 *
 * In: bytes. Out: the entries with their contents on demand. Always: sizes come from the central directory (numpy writes
 * zip64 placeholders into local headers), every offset is checked, and contents match their length and CRC-32.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { joinBytes } from "./pieces.ts";

/** Inflates raw deflate data to at most `maxLength` bytes; node:zlib's `inflateRawSync` with `maxOutputLength` fits. */
export type Inflate = (bytes: Uint8Array, maxLength: number) => Uint8Array;

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Size of the contents. */
  readonly size: number;
  readonly method: number;
  readonly crc: number;
  /** The stored bytes, compressed or not. */
  readonly body: Uint8Array;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const FULL32 = 0xffffffff;

/** Lists the entries of an archive; `name` stands in messages. */
export function readZip(bytes: Uint8Array, name: string): ZipEntry[] {
  const reader = new ZipReader(bytes, name);
  const { count, offset } = reader.directory();
  const entries: ZipEntry[] = [];
  let at = offset;
  for (let i = 0; i < count; i++) {
    const { entry, next } = reader.entry(at);
    entries.push(entry);
    at = next;
  }
  return entries;
}

/** The contents of `entry`, inflated and checked. */
export function zipContents(entry: ZipEntry, inflate: Inflate, where: string): Uint8Array {
  const bytes = entry.method === 0 ? entry.body : inflated(entry, inflate, where);
  const problem =
    bytes.length !== entry.size
      ? `has ${bytes.length} bytes instead of ${entry.size}`
      : crc32(bytes) !== entry.crc
        ? "does not match its checksum"
        : undefined;
  if (problem === undefined) return bytes;
  throw new UsageError("JR761", `${where}: ${problem}; the archive is damaged: copy or save it again`);
}

function inflated(entry: ZipEntry, inflate: Inflate, where: string): Uint8Array {
  try {
    return inflate(entry.body, Math.max(entry.size, 1));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new UsageError("JR761", `${where}: its compressed data is damaged: ${problem}`, { cause: error });
  }
}

class ZipReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#name = name;
  }

  /** Finds the end record, which a comment of up to 65535 bytes may follow, and the directory it points to. */
  directory(): { count: number; offset: number } {
    let at = this.#bytes.length - 22;
    const last = Math.max(0, at - 0xffff);
    while (at >= last && this.#u32(at) !== END) at--;
    if (at < last)
      this.#fail(this.#bytes.length, "no end of a zip archive; the file is cut off or not an .npz");
    const short = { count: this.#u16(at + 10), offset: this.#u32(at + 16) };
    const isShort = short.count !== 0xffff && short.offset !== FULL32;
    if (isShort || at < 20 || this.#u32(at - 20) !== LOCATOR64) return short;
    const record = this.#u64(at - 12);
    if (this.#u32(record) !== END64) this.#fail(record, "no zip64 end record");
    return { count: this.#u64(record + 32), offset: this.#u64(record + 48) };
  }

  /** Reads the directory record at `at` and finds the entry's data through its local header. */
  entry(at: number): { entry: ZipEntry; next: number } {
    if (this.#u32(at) !== CENTRAL) this.#fail(at, "no entry of the zip directory");
    const flags = this.#u16(at + 8);
    const method = this.#u16(at + 10);
    const nameLength = this.#u16(at + 28);
    const extra = { at: at + 46 + nameLength, length: this.#u16(at + 30) };
    const name = new TextDecoder().decode(this.#range(at + 46, nameLength));
    const [size, packed, local] = this.#wideFields(at, extra);
    if ((flags & 1) === 1)
      throw new UnsupportedError("JR762", `${this.#name}, ${name}: it is encrypted; save it without`);
    if (method !== 0 && method !== 8) {
      throw new UnsupportedError(
        "JR762",
        `${this.#name}, ${name}: compression ${method} is not read; use numpy.savez`,
      );
    }
    if (method === 0 && size !== packed) this.#fail(at, `entry ${name} is stored, but its two sizes differ`);
    if (this.#u32(local) !== LOCAL) this.#fail(local, `no header of entry ${name}`);
    const body = this.#range(local + 30 + this.#u16(local + 26) + this.#u16(local + 28), packed);
    const next = extra.at + extra.length + this.#u16(at + 32);
    return { entry: { name, size, method, crc: this.#u32(at + 16), body }, next };
  }

  /** Size, packed size and offset of the local header; those that are full stand in the zip64 extra field, in this order. */
  #wideFields(at: number, extra: { at: number; length: number }): [number, number, number] {
    const fields: [number, number, number] = [this.#u32(at + 24), this.#u32(at + 20), this.#u32(at + 42)];
    const end = extra.at + extra.length;
    for (let field = extra.at; field + 4 <= end; field += 4 + this.#u16(field + 2)) {
      if (this.#u16(field) !== 1) continue;
      let wide = field + 4;
      fields.forEach((value, i) => {
        if (value !== FULL32) return;
        fields[i] = this.#u64(wide);
        wide += 8;
      });
    }
    return fields;
  }

  #u16(at: number): number {
    this.#range(at, 2);
    return this.#view.getUint16(at, true);
  }

  #u32(at: number): number {
    this.#range(at, 4);
    return this.#view.getUint32(at, true);
  }

  #u64(at: number): number {
    this.#range(at, 8);
    return Number(this.#view.getBigUint64(at, true));
  }

  #range(at: number, length: number): Uint8Array {
    if (at < 0 || at + length > this.#bytes.length)
      this.#fail(at, `${length} bytes are missing; the file is cut off`);
    return this.#bytes.subarray(at, at + length);
  }

  #fail(at: number, problem: string): never {
    throw new UsageError("JR760", `${this.#name}, byte ${at}: ${problem}; copy or save it again`);
  }
}

/** An archive of stored entries. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const stored = [...files].map(([name, bytes]) => ({ name, size: bytes.length, crc: crc32(bytes) }));
  const { heads, directory } = storedLayout(stored);
  const contents = [...files.values()];
  const pairs = heads.flatMap(({ bytes }, index) => [bytes, contents[index] as Uint8Array]);
  return joinBytes([...pairs, directory.bytes]);
}

/** A file that stands in an archive as it is. */
export interface StoredFile {
  readonly name: string;
  readonly size: number;
  readonly crc: number;
}

/** Bytes and where they start. */
interface Placed {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** What an archive holds besides its files: a head right before each, the directory after the last. */
export function storedLayout(files: readonly StoredFile[]): {
  readonly heads: readonly Placed[];
  readonly directory: Placed;
} {
  let offset = 0;
  const entries = files.map(({ name, size, crc }) => {
    const encoded = new TextEncoder().encode(name);
    const shared = sharedFields({ size, crc }, encoded.length);
    const head = { start: offset, bytes: Uint8Array.of(...u32(LOCAL), ...shared, ...encoded) };
    const blank = new Array<number>(10).fill(0);
    const record = [...u32(CENTRAL), 20, 0, ...shared, ...blank, ...u32(offset), ...encoded];
    offset += head.bytes.length + size;
    return { head, record };
  });
  const records = entries.flatMap(({ record }) => record);
  if (offset + records.length > FULL32 || files.length > 0xfffe) {
    throw new UnsupportedError("JR763", "an .npz over 4 GB is not written; write one .npy for each array");
  }
  const count = u16(files.length);
  const end = [...u32(END), 0, 0, 0, 0, ...count, ...count, ...u32(records.length), ...u32(offset), 0, 0];
  const directory = { start: offset, bytes: Uint8Array.of(...records, ...end) };
  return { heads: entries.map(({ head }) => head), directory };
}

/** Version 2.0, names in UTF-8, stored, 1 January 1980, checksum, both sizes, length of the name, no extra field. */
function sharedFields(file: { size: number; crc: number }, nameLength: number): number[] {
  const size = u32(file.size);
  return [20, 0, 0, 8, 0, 0, 0, 0, 33, 0, ...u32(file.crc), ...size, ...size, ...u16(nameLength), 0, 0];
}

function u16(value: number): number[] {
  return [value & 255, (value >>> 8) & 255];
}

function u32(value: number): number[] {
  return [...u16(value), ...u16(value >>> 16)];
}
