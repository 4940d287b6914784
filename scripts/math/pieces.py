"""Fits the table of polynomials of src/lower/math/pieces.ts and prints its rows with their errors.

tanh a on [0, 9.375] in 16 pieces, chosen by the exponent and top two fraction bits of a + 0.625: their width doubles four
times. Centres are moved to where tanh is very nearly a float, so that the constant term is exact. Run: python scripts/math/pieces.py
"""

import struct

from mpmath import atanh, diff, mpf, tanh

from minimax import evaluate, f32, remez

OFFSET = 0.625
DEGREE = 5
SATURATED = mpf("9.2")


def bits(value):
    return struct.unpack("I", struct.pack("f", value))[0]


def of_bits(pattern):
    return struct.unpack("f", struct.pack("I", pattern))[0]


def centre(low, high):
    """A float near the middle whose tanh is nearly a float, and that float."""
    middle = (low + high) / 2
    nearest = bits(f32(tanh(middle)))
    values = [v for v in (of_bits(nearest + k) for k in range(-3000, 3001)) if v < 1]
    pairs = [(f32(atanh(mpf(v))), v) for v in values]
    lost = lambda pair: abs(tanh(mpf(pair[0])) - mpf(pair[1]))
    for share in (0.03, 0.1, 0.45):
        near = [pair for pair in pairs if abs(pair[0] - middle) < (high - low) * share]
        best = min(near, key=lost, default=None)
        if best and lost(best) < mpf(2) ** -28 * best[1]:
            return best
    raise ValueError(f"no centre in [{low}, {high}]")


def first(high):
    """t + t²·q(t) around 0: keeps the argument where tanh rounds to it."""
    curve = lambda t: (tanh(t) / t - 1) / t if abs(t) > 1e-9 else -t / 3
    rest, _ = remez(curve, lambda t: t + mpf("1e-3"), (mpf(0), high), DEGREE - 2)
    return [0.0, 0.0, 1.0, *map(f32, rest)]


def piece(low, high):
    """Centre and coefficients, lowest power first."""
    if low == 0:
        return first(high)
    middle, value = centre(low, high)
    c = mpf(middle)
    slope = lambda t: (tanh(c + t) - tanh(c)) / t if abs(t) > mpf(10) ** -12 else diff(tanh, c)
    weight = lambda t: (abs(t) + mpf("1e-4")) / tanh(c)
    rest, _ = remez(slope, weight, (low - c, high - c), DEGREE - 1)
    return [middle, value, *map(f32, rest)]


def error(low, high, row):
    """The largest relative error, in units of 2^-24."""
    c, coefficients = mpf(row[0]), [mpf(v) for v in row[1:]]
    points = [low + (min(high, SATURATED) - low) * (i + mpf("0.01")) / 200 for i in range(200)]
    return max(abs(evaluate(coefficients, v - c) / tanh(v) - 1) for v in points) * 2**24


# The bits that choose a piece are the two lowest of the exponent and the two highest of the fraction.
STEP = 1 << 21
start = bits(OFFSET)
ends = [mpf(of_bits(start + k * STEP)) - mpf(OFFSET) for k in range(17)]
rows = [piece(low, high) for low, high in zip(ends, ends[1:])]
worst = max(error(low, high, row) for low, high, row in zip(ends, ends[1:], rows))
print(f"// tanh in pieces, f32 degree {DEGREE}: {float(worst):.3f} units")
first_index = start // STEP % 16
order = [(index - first_index) % 16 for index in range(16)]
for column in zip(*(rows[k] for k in order)):
    print("[" + ", ".join(f"{v:.9g}" for v in column) + "],")
