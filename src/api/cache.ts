/**
 * A bounded cache, least recently used first out.
 *
 * In: keys and values that can be disposed of. Always: at most `size` values; one that leaves is disposed of once it is idle.
 */

/** A value that may be busy when it leaves the cache. */
export interface Entry {
  /** Calls running on it. */
  active: number;
  /** Left the cache while busy. */
  left: boolean;
  dispose(): void;
}

/** Entries by key. */
export class Cache<E extends Entry> {
  readonly #entries = new Map<string, E>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry of `key`, made by `make` if it is new. */
  get(key: string, make: () => E): E {
    let entry = this.#entries.get(key);
    if (entry === undefined) entry = make();
    else if (this.#entries.size > 1) this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [oldest, old] of this.#entries) {
      if (this.#entries.size <= this.#size) break;
      this.#entries.delete(oldest);
      release(old);
    }
    return entry;
  }

  values(): IterableIterator<E> {
    return this.#entries.values();
  }

  clear(): void {
    for (const entry of this.#entries.values()) release(entry);
    this.#entries.clear();
  }
}

function release(entry: Entry): void {
  entry.left = true;
  if (entry.active === 0) entry.dispose();
}
