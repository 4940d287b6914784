/**
 * Model files and the tensors stored beside them.
 *
 * In: a path, URL or bytes. Out: the file's bytes, and a reader of external data. Node's file system is asked of the
 * running process, never imported, so pages can bundle this file. Always: external data stays inside the model's folder
 * (no absolute paths, no "..", no links out), and its offset and length are checked against the file before reading.
 */

import type fileSystem from "node:fs";
import type paths from "node:path";
import type urls from "node:url";
import { UnsupportedError, UsageError } from "../errors.ts";
import type { TensorProto } from "./model.ts";
import { rawBytes } from "./tensor.ts";

/** What a model can be loaded from. */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer;

/** A file in memory and how to reach what lies beside it. */
export interface LoadedFile {
  /** Nobody else holds them: weights are used where they lie. */
  readonly bytes: Uint8Array;
  /** The file's name, for errors. */
  readonly what: string;
  readonly external: (tensor: TensorProto) => Uint8Array;
}

type FileSystem = typeof fileSystem;
type Paths = typeof paths;

/** One system call reads at most this much. */
const CHUNK_BYTES = 2 ** 30;

/** Reads a model file: a path or file URL in Node, any other URL by fetch. */
export async function loadFile(source: ModelSource): Promise<LoadedFile> {
  if (source instanceof ArrayBuffer) return loadFile(new Uint8Array(source));
  if (source instanceof Uint8Array) return inMemory(new Uint8Array(source), "the model"); // a copy: callers may use theirs again
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new UsageError(
      "JR500",
      `loadOnnx takes a path, a URL or bytes, not ${source === null ? "null" : typeof source}.`,
    );
  }
  const address = String(source);
  const host = nodeModules();
  if (host === undefined || /^(https?|data|blob):/.test(address))
    return inMemory(await fetched(address), address.slice(0, 200));
  const path = address.startsWith("file:") ? host.url.fileURLToPath(address) : address;
  return {
    bytes: readWhole(host.fs, path),
    what: host.path.basename(path),
    external: (tensor) => readExternal(host, host.path.dirname(path), tensor),
  };
}

function inMemory(bytes: Uint8Array, what: string): LoadedFile {
  const external = (tensor: TensorProto): Uint8Array => {
    throw new UnsupportedError(
      "JR512",
      `tensor "${tensor.name}" of ${what} is stored in another file; load the model by its path, or export one file (torch.onnx.export with external_data=False).`,
    );
  };
  return { bytes, what, external };
}

async function fetched(address: string): Promise<Uint8Array> {
  const response = await fetch(address).catch((cause: unknown) => {
    throw new UsageError("JR720", `${address} could not be fetched.`, { cause });
  });
  if (!response.ok)
    throw new UsageError(
      "JR720",
      `${address} could not be fetched: ${response.status} ${response.statusText}.`,
    );
  return new Uint8Array(await response.arrayBuffer());
}

interface Host {
  readonly fs: FileSystem;
  readonly path: Paths;
  readonly url: typeof urls;
}

/** Node's own modules, where there is a Node (20.16 or newer). */
function nodeModules(): Host | undefined {
  const get = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process
    ?.getBuiltinModule;
  if (get === undefined) return undefined;
  return { fs: get("fs") as FileSystem, path: get("path") as Paths, url: get("url") as Host["url"] };
}

function readWhole(fs: FileSystem, path: string): Uint8Array {
  return guarded(path, () => {
    const descriptor = fs.openSync(path, "r");
    try {
      return readRange(fs, descriptor, { offset: 0, length: fs.fstatSync(descriptor).size });
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** Reads in chunks: one call may not pass 2 GB. */
function readRange(
  fs: FileSystem,
  descriptor: number,
  { offset, length }: { offset: number; length: number },
): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = fs.readSync(descriptor, bytes, at, Math.min(CHUNK_BYTES, length - at), offset + at);
    if (count === 0) throw new UsageError("JR505", `the file ends ${length - at} bytes early.`);
    at += count;
  }
  return bytes;
}

function readExternal({ fs, path }: Host, folder: string, tensor: TensorProto): Uint8Array {
  const place = `tensor "${tensor.name ?? ""}"`;
  const entries = new Map(tensor.external.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const file = insideFolder({ fs, path }, { folder, location, place });
  const needed = rawBytes(tensor, place);
  const offset = decimal(entries.get("offset") ?? "0", place);
  const length = decimal(entries.get("length") ?? String(needed), place);
  if (length !== needed)
    throw new UsageError("JR505", `${place} needs ${needed} bytes and claims ${length} in ${location}.`);
  return guarded(location, () => {
    const descriptor = fs.openSync(file, "r");
    try {
      const { size } = fs.fstatSync(descriptor);
      if (offset + length > size)
        throw new UsageError(
          "JR505",
          `${place} claims bytes ${offset} to ${offset + length} of ${location}, which has ${size}.`,
        );
      return readRange(fs, descriptor, { offset, length });
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** The real path of an external file; refuses everything outside of the model's folder. */
function insideFolder(
  { fs, path }: Pick<Host, "fs" | "path">,
  { folder, location, place }: { folder: string; location: string; place: string },
): string {
  const legal =
    location !== "" &&
    !path.isAbsolute(location) &&
    !location.split(/[\\/]/).includes("..") &&
    !location.includes("\0");
  if (!legal)
    throw new UsageError(
      "JR513",
      `${place} is stored in "${location}", which is no plain path inside the model's folder.`,
    );
  const beside = `; the model keeps ${place} there: copy it beside the model, or export one file (external_data=False)`;
  const read = (): string => {
    const real = fs.realpathSync(path.join(folder, location));
    const home = fs.realpathSync(folder) + path.sep;
    if (!real.startsWith(home))
      throw new UsageError("JR513", `${place} is stored in "${location}", a link out of the model's folder.`);
    return real;
  };
  return guarded(path.join(folder, location), read, beside);
}

/** Offsets and lengths are written as decimal text. */
function decimal(text: string, place: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new UsageError("JR505", `${place} has the offset or length "${text}".`);
  return value;
}

/** Turns the system's errors into ours, with advice. */
function guarded<T>(path: string, run: () => T, advice = ""): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = {
      ENOENT: "there is no such file",
      EISDIR: "it is a folder",
      EACCES: "it may not be read",
    }[(cause as { code?: string }).code ?? ""];
    throw new UsageError(
      "JR720",
      `${path} could not be read: ${reason ?? (cause instanceof Error ? cause.message : "unknown reason")}${advice}.`,
      { cause },
    );
  }
}
