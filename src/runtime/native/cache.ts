/**
 * The folder of compiled kernels: one folder per key with the library and a manifest that proves it whole.
 *
 * The folder belongs to the user alone (0700); where that cannot be had, a folder of this process takes its place. New
 * entries are made aside and renamed, so that processes that race never see half of one. No links are followed.
 */

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir, platform, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { digest } from "./files.ts";

/** All entries together; the ones not used for longest go first. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Folders of a build that is older were left by a process that died. */
const ABANDONED_MS = 3_600_000;

const LIBRARY = "kernel.so";
const MANIFEST = "manifest.json";

let folder: string | undefined;

/** The cache's folder, made if need be. JACROW_CACHE names another. */
export function cacheFolder(): string {
  folder ??= ownFolder(wantedFolder()) ?? privateFolder();
  return folder;
}

function wantedFolder(): string {
  const { JACROW_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && isAbsolute(own)) return own;
  if (shared !== undefined && isAbsolute(shared)) return join(shared, "jacrow");
  return platform() === "darwin"
    ? join(homedir(), "Library", "Caches", "jacrow")
    : join(homedir(), ".cache", "jacrow");
}

/** The folder if it is this user's own and closed to others, or can be made so. */
function ownFolder(path: string): string | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const info = lstatSync(path);
    if (!info.isDirectory() || !isOwn(info)) return undefined;
    if ((info.mode & 0o077) !== 0) chmodSync(path, 0o700);
    accessSync(path, constants.W_OK | constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function privateFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "jacrow-"));
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}

function isOwn({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid();
}

/** The bytes of a plain file of this user that nobody else may write, or undefined. */
export function readOwnFile(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const info = fstatSync(file);
    return info.isFile() && isOwn(info) && (info.mode & 0o022) === 0 ? readFileSync(file) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The library of a key, if it is there and whole. */
export function cachedLibrary(key: string): string | undefined {
  const entry = join(cacheFolder(), key);
  if (!isWhole(entry)) return undefined;
  const now = new Date();
  utimesSync(entry, now, now);
  return join(entry, LIBRARY);
}

function isWhole(entry: string): boolean {
  try {
    if (!lstatSync(entry).isDirectory()) return false;
    const manifest = readOwnFile(join(entry, MANIFEST));
    const library = readOwnFile(join(entry, LIBRARY));
    if (manifest === undefined || library === undefined) return false;
    const { sha256, bytes } = JSON.parse(manifest.toString()) as { sha256?: unknown; bytes?: unknown };
    return bytes === library.length && sha256 === digest(library);
  } catch {
    return false;
  }
}

/** A new empty folder to build in, and where the library goes. */
export function startEntry(): { readonly folder: string; readonly library: string } {
  const own = mkdtempSync(join(cacheFolder(), "building-"));
  return { folder: own, library: join(own, LIBRARY) };
}

/** Puts a built entry in its place, unless another process was faster; gives the library. */
export function finishEntry(building: string, key: string): string {
  const library = readFileSync(join(building, LIBRARY));
  const manifest = { sha256: digest(library), bytes: library.length };
  writeFileSync(join(building, MANIFEST), JSON.stringify(manifest), { mode: 0o600 });
  chmodSync(join(building, LIBRARY), 0o700);
  const entry = join(cacheFolder(), key);
  if (!moved(building, entry)) {
    if (isWhole(entry)) rmSync(building, { recursive: true, force: true });
    else {
      discard(entry);
      if (!moved(building, entry)) return join(building, LIBRARY);
    }
  }
  prune(key);
  return join(entry, LIBRARY);
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Removes a damaged entry by a name of its own, so that nobody sees it half gone. */
function discard(entry: string): void {
  const aside = mkdtempSync(join(cacheFolder(), "building-"));
  if (moved(entry, join(aside, "old"))) rmSync(aside, { recursive: true, force: true });
  else rmSync(aside, { recursive: true, force: true });
}

/** Keeps the cache within its bound; `keep` stays. */
function prune(keep: string): void {
  const root = cacheFolder();
  const entries = readdirSync(root).flatMap((name) => {
    const info = lstatSync(join(root, name), { throwIfNoEntry: false });
    return info?.isDirectory() === true ? [{ name, used: info.mtimeMs }] : [];
  });
  const oldest = entries.sort((a, b) => b.used - a.used);
  let total = 0;
  for (const { name, used } of oldest) {
    const building = name.startsWith("building-");
    if (building && Date.now() - used < ABANDONED_MS) continue;
    total += lstatSync(join(root, name, LIBRARY), { throwIfNoEntry: false })?.size ?? 0;
    if (name !== keep && (building || total > MOST_BYTES))
      rmSync(join(root, name), { recursive: true, force: true });
  }
}
