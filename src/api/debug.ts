/** Tells whoever wants to know what functions become; what prints it registers itself on Node. */

import type { Planned } from "./plan.ts";

type Listener = (name: string, planned: Planned) => void;

let listener: Listener | undefined;

/** Makes the listener known. */
export function registerDebug(tell: Listener): void {
  listener = tell;
}

/** Tells of a function that is about to be compiled. */
export function debug(name: string, planned: Planned): void {
  listener?.(name, planned);
}
