/** `jacrow` on Node: everything of `src/index.ts`, the device "native", pictures of plans and JACROW_DEBUG made known. */

import { provideNodeParts } from "./api/node-parts.ts";

export * from "./index.ts";

provideNodeParts();
