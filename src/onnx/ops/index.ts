/** The operator table: every ONNX operator jacrow imports, and those refused with a reason of their own. */

import { activations } from "./activations.ts";
import { arithmetic } from "./arithmetic.ts";
import { attentionOperators } from "./attention.ts";
import { axesOperators } from "./axes.ts";
import { blocks } from "./blocks.ts";
import { constants } from "./constants.ts";
import { control } from "./control.ts";
import { convolutions } from "./convolution.ts";
import { determinants } from "./determinant.ts";
import { grids } from "./grids.ts";
import { indexing } from "./indexing.ts";
import { losses } from "./losses.ts";
import { mlOperators } from "./ml.ts";
import { normalizations } from "./normalizations.ts";
import type { OperatorTable } from "./operator.ts";
import { padOperators } from "./pad.ts";
import { pools } from "./pooling.ts";
import { products } from "./products.ts";
import { quantized } from "./quantized.ts";
import { recurrentOperators } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { resizes } from "./resize.ts";
import { rotaryOperators } from "./rotary.ts";
import { sequences } from "./sequences.ts";
import { signals } from "./signal.ts";
import { sliceOperators } from "./slices.ts";
import { statefulOperators } from "./stateful.ts";
import { steps } from "./steps.ts";

/** All rows by name. */
export const operators: OperatorTable = {
  ...activations,
  ...arithmetic,
  ...attentionOperators,
  ...axesOperators,
  ...blocks,
  ...constants,
  ...control,
  ...convolutions,
  ...indexing,
  ...mlOperators,
  ...normalizations,
  ...padOperators,
  ...pools,
  ...products,
  ...recurrentOperators,
  ...reductions,
  ...resizes,
  ...rotaryOperators,
  ...determinants,
  ...grids,
  ...losses,
  ...quantized,
  ...sequences,
  ...signals,
  ...statefulOperators,
  ...steps,
  ...sliceOperators,
};
