/** What a thing is, in words, for errors. */

import { isHolder } from "./operand.ts";

/** "a string", "an array", "a traced value", "an object of class Map". */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return "a string";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  return isHolder(value) ? "a traced value" : `an object of class ${value.constructor?.name ?? "unknown"}`;
}
