/** Numbers that may stand once for all cells. */

/** One number per cell. */
export function broadcastData(data: Float64Array, length: number): Float64Array {
  return data.length === length ? data : new Float64Array(length).fill(data[0] as number);
}
