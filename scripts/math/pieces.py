"""Fits the tables of src/lower/math/pieces*.ts and prints their rows with their errors.

tanh a on [0, 9.3125] in 16 pieces, chosen by the exponent and top two fraction bits of a + 0.6875: their width doubles four
times. A piece is a polynomial of the distance to 0, 2 or 4, whichever two bits of a + 0.6875 tell: far from it the terms would be
larger than their sum, and so would be their rounding. Run: python scripts/math/pieces.py (needs mpmath and numpy)
"""

import struct

import numpy as np
from mpmath import exp, expm1, floor, log, log1p, mpf, tanh

from minimax import f32, remez, show

OFFSET = 0.6875
DEGREE = 5
SATURATED = 9.23
CENTRE_BITS = 0x40800000


def bits(value):
    return struct.unpack("I", struct.pack("f", value))[0]


def of_bits(pattern):
    return struct.unpack("f", struct.pack("I", pattern))[0]


def rounded(values):
    return np.float64(np.float32(values))


class Piece:
    """All that rounding one piece's coefficients takes: arguments, tanh of them, and the size of an ulp."""

    def __init__(self, low, high, count=10000):
        self.first, self.last = low == 0, high >= SATURATED
        self.high = min(high, SATURATED)
        points = np.linspace(low, self.high, count)
        tiny = np.geomspace(1e-7, high / 9, 200) if self.first else []
        self.a = np.unique(rounded(np.concatenate([tiny, points[int(self.first) :]])))
        self.true = np.tanh(self.a)
        self.ulp = 2.0 ** (np.floor(np.log2(self.true)) - 23)
        self.centre = of_bits(bits((low + high) / 2 + OFFSET) & CENTRE_BITS)
        self.t = rounded(self.a - self.centre)
        self.basis = self.t ** np.arange(DEGREE + 1)[:, None]
        self.fixed = 2 * int(self.first)

    def exact(self):
        """Coefficients before rounding: the best for the relative error."""
        if not self.first:
            function = lambda t: tanh(t + self.centre)
            ends = [mpf(end) - self.centre for end in (self.a[0], self.high)]
            return np.float64(remez(function, lambda t: 1 / function(t), ends, DEGREE)[0])
        quotient = lambda a: (tanh(a) / a - 1) / a if a > mpf("1e-9") else -a / 3
        return np.float64([0, 1, *remez(quotient, lambda a: a + mpf("1e-3"), (mpf(0), mpf(self.high)), DEGREE - 2)[0]])

    def error(self, coefficients):
        """The largest error in ulp, as the machine computes; infinite if above 1, not 1 at the end, or not a near 0."""
        y = np.full_like(self.a, coefficients[DEGREE])
        for k in range(DEGREE - 1, -1, -1):
            y = rounded(y * self.t + coefficients[k])
        wrong = y.max() > 1 or (self.last and y[-1] < 1) or (self.first and (y[:100] != self.a[:100]).any())
        return np.inf if wrong else np.max(np.abs(y - self.true) / self.ulp)

    def round(self, tries=4000):
        """Rounded coefficients: one is moved by a few ulp, those below make up for it, and what is better stays."""
        random = np.random.default_rng(1)
        exact, best, least = self.exact(), None, np.inf
        while best is None or tries > 0:
            tries -= 1
            k = random.integers(self.fixed, DEGREE + 1)
            trial = (exact if best is None else best).copy()
            trial[k] += random.integers(-8, 9) * np.spacing(np.float32(abs(trial[k])))
            trial = self.below(rounded(trial), k)
            error = self.error(trial)
            if error < least:
                best, least = trial, error
        return best, least

    def below(self, trial, k):
        """Lower coefficients fitted again and rounded, from k - 1 down."""
        for low in range(k, self.fixed, -1):
            rest = self.true - trial[low:] @ self.basis[low:]
            columns = (self.basis[self.fixed : low] / self.true).T[::100]
            trial[low - 1] = rounded(np.linalg.lstsq(columns, (rest / self.true)[::100], rcond=None)[0][-1])
        return trial


# The bits that choose a piece are the two lowest of the exponent and the two highest of the fraction.
STEP = 1 << 21
first_index = bits(OFFSET) // STEP
ends = [max(of_bits((first_index + k) * STEP) - OFFSET, 0) for k in range(17)]
rows = [Piece(low, high).round() for low, high in zip(ends, ends[1:])]
print("// tanh in pieces, ulp: " + ", ".join(f"{error:.2f}" for _, error in rows))
order = [(index - first_index) % 16 for index in range(16)]


def printed(columns):
    for column in columns:
        print("[" + ", ".join(f"{v:.9g}" for v in column) + "],")


printed(zip(*(rows[k][0] for k in order)))

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
