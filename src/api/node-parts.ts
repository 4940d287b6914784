/** What only Node has: the device "native", pictures of plans and JACROW_DEBUG. Provided by Node's entry points, pages do not carry it. */

import { provideNative } from "../runtime/native/register.ts";
import { provideDebugPrint } from "./debug-print.ts";
import { providePictures } from "./plan-picture.ts";

/** Makes all of it known. */
export function provideNodeParts(): void {
  provideDebugPrint();
  providePictures();
  provideNative();
}
