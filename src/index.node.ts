/** `jacrow` on Node: everything of `src/index.ts`, the device "native", pictures of plans and JACROW_DEBUG made known. */

import "./api/debug-print.ts";
import "./api/plan-picture.ts";
import "./runtime/native/register.ts";

export * from "./index.ts";
