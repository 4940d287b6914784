"""Fits the table of polynomials of src/lower/math/pieces.ts and prints its rows with their errors.

tanh a on [0, 9.23] in 32 pieces, chosen by the exponent and top three fraction bits of SCALE·a + 1: their width doubles three
times. Centres are moved to where tanh is very nearly a float, so that the constant term is exact. Run: python scripts/math/pieces.py
"""

import struct

from mpmath import atanh, diff, mpf, tanh

from minimax import evaluate, f32, remez

SCALE = 1.625
DEGREE = 4
SATURATED = mpf("9.2")


def neighbour(value, steps):
    """The float so many steps above a positive one."""
    (bits,) = struct.unpack("I", struct.pack("f", value))
    return struct.unpack("f", struct.pack("I", bits + steps))[0]


def centre(low, high):
    """A float near the middle whose tanh is nearly a float, and that float."""
    middle = (low + high) / 2
    nearest = f32(tanh(middle))
    values = [v for v in (neighbour(nearest, k) for k in range(-2000, 2001)) if v < 1]
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


ends = [(mpf(2) ** e * (1 + mpf(k) / 8) - 1) / mpf(f32(SCALE)) for e in range(4) for k in range(8)]
ends.append(mpf(15) / mpf(f32(SCALE)))
rows = [piece(low, high) for low, high in zip(ends, ends[1:])]
worst = max(error(low, high, row) for low, high, row in zip(ends, ends[1:], rows))
print(f"// tanh in pieces, f32 degree {DEGREE}: {float(worst):.3f} units")
# The bits that choose a piece are the two lowest of the exponent, which is 127 for 1, and three of the fraction.
order = [8 * ((e - 3) % 4) + k for e in range(4) for k in range(8)]
for column in zip(*(rows[k] for k in order)):
    print("[" + ", ".join(f"{v:.9g}" for v in column) + "],")
