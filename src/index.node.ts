/** `jacrow` on Node: everything of `src/index.ts`, the device "native" and pictures of plans made known. */

import "./api/plan-picture.ts";
import "./runtime/native/register.ts";

export * from "./index.ts";
