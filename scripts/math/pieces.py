"""Fits the tables of src/lower/math/pieces*.ts and prints their rows with their errors.

tanh a on [0, 9.375] in 16 pieces, chosen by the exponent and top two fraction bits of a + 0.625: their width doubles four
times. Centres are moved to where tanh is very nearly a float, so that the constant term is exact. Run: python scripts/math/pieces.py
"""

import struct

from mpmath import atanh, diff, exp, expm1, floor, log, log1p, mpf, tanh

from minimax import evaluate, f32, remez, show

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


def printed(columns):
    for column in columns:
        print("[" + ", ".join(f"{v:.9g}" for v in column) + "],")


printed(zip(*(rows[k] for k in order)))

# e^r for sixteenths of an octave.
half = log(mpf(2)) / 32 * mpf("1.0005")
curve = lambda r: (expm1(r) - r) / r**2 if abs(r) > 1e-9 else mpf(1) / 2 + r / 6
show("exp in pieces", "f32", curve, lambda r: r * r / exp(r) + mpf("1e-6"), (-half, half), 1)


def logarithm_piece(i):
    """A float near 1/m for the sixteenth i of [1, 2), whose −log is nearly a float, and that float."""
    ln2 = mpf(f32(log(mpf(2))))
    if i in (0, 15):
        return (1.0, 0.0) if i == 0 else (0.5, float(ln2))
    near = bits(f32(2 / (2 + mpf(2 * i + 1) / 16)))
    wanted = lambda r: -log(mpf(r)) + (ln2 - log(mpf(2)) if i >= 8 else 0)
    lost = lambda r: abs(f32(wanted(r)) - wanted(r))
    r = min((of_bits(near + k) for k in range(-3000, 3001)), key=lost)
    return r, f32(wanted(r))


print("// log in pieces")
printed(zip(*map(logarithm_piece, range(16))))
rest = lambda t: (log1p(t) - t) / t**2 if abs(t) > 1e-9 else -mpf(1) / 2 + t / 3
show("log1p", "f32", rest, lambda t: (abs(t * t / log1p(t)) if t else 0) + mpf("1e-5"), (-mpf(1) / 32, mpf(1) / 16), 3)


def bend(u):
    return log1p(u) / u - 1 if u > 1e-9 else -u / 2 + u * u / 3


def bend_weight(u):
    """More where u is just above a power of two and log1p(u) below it: there u's own rounding counts twice."""
    weight = 1 / (1 + bend(u))
    if u < mpf("0.01") or u > mpf("0.2"):
        return weight
    m = u / mpf(2) ** floor(log(u, 2) + mpf("0.1"))
    return weight * (1 + mpf("1.5") * exp(-(((m - 1 - u / 4) / (mpf("0.06") + u / 4)) ** 2)))


def refitted(interval, degree):
    """Coefficients of bend, highest power first to be rounded: the rest are fitted again."""
    fixed = {}
    for k in range(degree, -1, -1):
        left = lambda u: bend(u) - sum(c * u**i for i, c in fixed.items())
        fixed[k] = mpf(f32(remez(left, bend_weight, interval, k)[0][k]))
    return [float(fixed[k]) for k in range(degree + 1)]


# All multiples of the powers by this are nearly floats: found by trying 8e7 numbers.
NUDGE = 0.9994449188783695
powers = [f32(NUDGE * 2.0 ** (-i / 16)) for i in range(200)]


def softplus_piece(k):
    """The range of u = e^−|x| beside the powers in the sixteenth k of [0, 1), and its coefficients."""
    own = [p for p in powers if int(16 * p) == k]
    step = mpf(2) ** (mpf(1) / 32) * mpf("1.0001") / NUDGE
    low = mpf(0) if k == 0 else min(own) / step / mpf(NUDGE) ** 2
    return refitted((low, min(mpf(1), max(own) * step)), 3)


print("// softplus in pieces")
printed(zip(*map(softplus_piece, range(16))))
