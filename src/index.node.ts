/** `jacrow` on Node: everything of `src/index.ts`, and the device "native" made known. */

import "./runtime/native/register.ts";

export * from "./index.ts";
