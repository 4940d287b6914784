/**
 * LinearMaps: local and accumulated Jacobians that keep their structure until they must be dense.
 *
 * A map is a sum of terms; no term is the zero map. A term ties axes of the output value to axes of the input
 * value by labels: a label on both sides is a diagonal, a label on one side only runs freely, and the
 * factor says the number at each combination of labels (absent: 1 everywhere). So identity, diagonal, block-diagonal,
 * transpose, broadcast, sum and dense are one form, and multiplying two maps is one contraction.
 * An embedded axis covers only cells start + i·step of its size, as slices, pads and concatenations do.
 *
 *     M[out…, in…] = Σ_terms Π (ties) · scale · select(guard, factor[labels], 0)
 */

import { type Axis, type Label, type Labelled, labelsOfAxes } from "./labels.ts";

/** One summand of a LinearMap. */
export interface Term {
  readonly out: readonly Axis[];
  readonly in: readonly Axis[];
  readonly scale: number;
  readonly factor?: Labelled;
  /** Where false the term is zero whatever the factor holds, NaN included; not yet applied to the factor. */
  readonly guard?: Labelled;
  /** Where false the term is already exactly zero, by branches not taken; must guard later factors that may be infinite. */
  readonly memory?: Labelled;
}

/** A sum of terms; the empty sum is zero. */
export type LinearMap = readonly Term[];

/** The identity on axes of the given sizes. */
export function identityTerm(axes: readonly Axis[]): Term {
  return { out: axes, in: axes, scale: 1 };
}

/** A map without factors, moving or repeating cells only. */
export function movingTerm(out: readonly Axis[], from: readonly Axis[], scale = 1): Term {
  return { out, in: from, scale };
}

/** Labels of both sides, outputs first, each once: the canonical order of a factor's axes. */
export function labelsOf(term: Pick<Term, "out" | "in">): Label[] {
  return [...new Set([...labelsOfAxes(term.out), ...labelsOfAxes(term.in)])];
}

/** Labels on both sides. */
export function tiedLabels(term: Pick<Term, "out" | "in">): Label[] {
  const inner = new Set(labelsOfAxes(term.in));
  return labelsOfAxes(term.out).filter((label) => inner.has(label));
}

/** Is the term a plain dense array: every axis one free label, nothing embedded, nothing tied? */
export function isDense(term: Term): boolean {
  const plain = [...term.out, ...term.in].every(
    (axis) => axis.embed === undefined && axis.labels.length <= 1,
  );
  return plain && tiedLabels(term).length === 0;
}

const isSingle = (axis: Axis): boolean => axis.labels.length === 0 && axis.embed === undefined;

/** Is the term one number between values of one cell? */
export function isScalar(term: Pick<Term, "out" | "in">): boolean {
  return term.out.every(isSingle) && term.in.every(isSingle);
}
