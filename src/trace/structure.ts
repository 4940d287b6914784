/**
 * Nests of arrays and objects, flattened to named leaves and built again.
 *
 * In: what a function takes or returns. Out: leaves in a fixed order, each with a name such as `y`, `0` or `forces.1`,
 * and the structure that puts other leaves in their places.
 */

import type { UsageError } from "../errors.ts";

/** Where each leaf stands. */
export type Structure =
  | { readonly kind: "leaf"; readonly index: number }
  | { readonly kind: "array"; readonly items: readonly Structure[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, Structure])[] };

/** One leaf with its path as a name. */
export interface Leaf<T> {
  readonly name: string;
  readonly value: T;
}

/** A nest taken apart. */
export interface Flattened<T> {
  readonly structure: Structure;
  readonly leaves: readonly Leaf<T>[];
}

/** How to flatten: which things are leaves, and what to say of things that are neither leaf nor nest. */
export interface Flattening<T> {
  readonly isLeaf: (value: unknown) => value is T;
  /** Name of a leaf that is not inside anything. */
  readonly root: string;
  readonly refuse: (value: unknown, path: string) => UsageError;
  /** Index of the first leaf, 0 by default. */
  readonly first?: number;
}

/** Takes a nest apart. */
export function flatten<T>(nest: unknown, how: Flattening<T>): Flattened<T> {
  const leaves: Leaf<T>[] = [];
  const walk = (value: unknown, path: string): Structure => {
    if (how.isLeaf(value)) {
      leaves.push({ name: path === "" ? how.root : path, value });
      return { kind: "leaf", index: (how.first ?? 0) + leaves.length - 1 };
    }
    const inside = (key: string): string => (path === "" ? key : `${path}.${key}`);
    if (Array.isArray(value)) {
      return { kind: "array", items: value.map((item, index) => walk(item, inside(String(index)))) };
    }
    if (!isPlainObject(value)) throw how.refuse(value, path);
    return {
      kind: "object",
      entries: Object.entries(value).map(([key, item]) => [key, walk(item, inside(key))]),
    };
  };
  return { structure: walk(nest, ""), leaves };
}

/** Puts leaves in the places of a structure. */
export function unflatten(structure: Structure, leaf: (index: number) => unknown): unknown {
  switch (structure.kind) {
    case "leaf":
      return leaf(structure.index);
    case "array":
      return structure.items.map((item) => unflatten(item, leaf));
    case "object":
      return objectOf(structure.entries, leaf);
  }
}

/** In a loop: this is done after every call, and `Object.fromEntries` takes several times as long. */
function objectOf(
  entries: Extract<Structure, { kind: "object" }>["entries"],
  leaf: (index: number) => unknown,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as (typeof entries)[number];
    const value = unflatten(entry[1], leaf);
    if (entry[0] !== "__proto__") made[entry[0]] = value;
    else
      Object.defineProperty(made, entry[0], { value, enumerable: true, writable: true, configurable: true });
  }
  return made;
}

/** An object literal, not an instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
