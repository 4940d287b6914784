"""Writes test/fixtures/math/elementary.bin: arguments and true values of every elementary function.

Out: one line of JSON, an entry per function and dtype, then the entries' records in order, little-endian:
arguments and correctly rounded value as bit patterns (4 or 8 bytes each), and an int16, the true value minus the
rounded one in units of ulp/65536. References: mpmath at 400 bits (exact integers for mod).
Run: python scripts/math/fixtures.py (needs mpmath).
"""

import json
import math
import os
import random
import struct

from mpmath import mp, mpf
import mpmath

mp.prec = 400
COUNT = 1250
LAYOUT = {"f32": ("<I", "<f", 24, -149, 127, 23), "f64": ("<Q", "<d", 53, -1074, 1023, 52)}


def from_bits(dtype, bits):
    code, real, *_ = LAYOUT[dtype]
    return struct.unpack(real, struct.pack(code, bits))[0]


def to_bits(dtype, value):
    code, real, *_ = LAYOUT[dtype]
    try:
        return struct.unpack(code, struct.pack(real, value))[0]
    except OverflowError:
        return struct.unpack(code, struct.pack(real, math.copysign(math.inf, value)))[0]


def rounded(dtype, value):
    """Bits of the value rounded to nearest even, and the rest in ulp/65536."""
    _, _, precision, lowest, bias, _ = LAYOUT[dtype]
    if mpmath.isnan(value):
        return to_bits(dtype, math.nan), 0
    if value == 0 or mpmath.isinf(value):
        return to_bits(dtype, float(value)), 0
    exponent = max(mpmath.frexp(value)[1] - precision, lowest)
    scaled = mpmath.ldexp(value, -exponent)
    integer = int(mpmath.nint(scaled))
    if abs(integer).bit_length() + exponent > bias + 1:
        return to_bits(dtype, math.copysign(math.inf, value)), 0
    rest = int(mpmath.nint((scaled - integer) * 65536))
    result = math.copysign(math.ldexp(abs(integer), exponent), 1 if value > 0 else -1)
    return to_bits(dtype, result), max(-32768, min(32767, rest))


def guarded(function, low=-800, high=800):
    """Keeps mpmath from building astronomically large numbers."""
    return lambda x: function(max(min(x, mpf(high)), mpf(low)))


def softplus(x):
    return x + mpmath.log1p(mpmath.exp(-x)) if x > 0 else mpmath.log1p(mpmath.exp(x))


def tiny_safe(function):
    """Odd functions f(x) = x + c·x³ whose mpmath version cancels for tiny x."""
    cubes = {"asinh": -1, "atanh": 2}
    name = function.__name__
    return lambda x: x + cubes[name] * x**3 / 6 if abs(x) < mpf(2) ** -60 else function(x)


FUNCTIONS = {
    "exp": (guarded(mpmath.exp), (-100, 90)),
    "expm1": (guarded(mpmath.expm1), (-20, 90)),
    "sigmoid": (guarded(lambda x: 1 / (1 + mpmath.exp(-x))), (-100, 40)),
    "tanh": (guarded(mpmath.tanh), (-12, 12)),
    "log": (mpmath.log, (0, 4)),
    "log1p": (mpmath.log1p, (-1, 3)),
    "softplus": (lambda x: softplus(x) if abs(x) < 2000 else max(x, mpf(0)), (-100, 40)),
    "sin": (mpmath.sin, (-400, 400)),
    "cos": (mpmath.cos, (-400, 400)),
    "tan": (mpmath.tan, (-400, 400)),
    "asin": (mpmath.asin, (-1, 1)),
    "acos": (mpmath.acos, (-1, 1)),
    "atan": (mpmath.atan, (-4, 4)),
    "sinh": (guarded(mpmath.sinh), (-89.5, 89.5)),
    "cosh": (guarded(mpmath.cosh), (-89.5, 89.5)),
    "asinh": (tiny_safe(mpmath.asinh), (-4, 4)),
    "acosh": (mpmath.acosh, (1, 8)),
    "atanh": (tiny_safe(mpmath.atanh), (-1, 1)),
    "erf": (mpmath.erf, (-6, 6)),
}
DOMAINS = {
    "log": lambda x: x > 0,
    "log1p": lambda x: x > -1,
    "asin": lambda x: abs(x) <= 1,
    "acos": lambda x: abs(x) <= 1,
    "acosh": lambda x: x >= 1,
    "atanh": lambda x: abs(x) < 1,
}
CENTRES = {"log": 1, "log1p": -1, "asin": 1, "acos": 1, "acosh": 1, "atanh": 1, "atan": 0.5, "erf": 0.9}
EDGES = {"exp": (88.72, 709.78, -87.34, -103.9, -708.4, -745.1), "expm1": (88.72, 709.78, -17.3, -37.4)}
EDGES |= {"sigmoid": (-87.34, -103.9, -708.4, -745.1, 16.6, 36.7), "sinh": (89.41, 710.47, 1), "cosh": (89.41, 710.47)}
EDGES |= {"softplus": (-87.34, -103.9, -708.4, -745.1, 0.0002), "tanh": (9.01, 19.06, 0.5)}


def argument(name, dtype, kind):
    """A candidate of one of four kinds: any bits, natural range, logarithmically small to large, hard."""
    _, _, precision, _, bias, fraction = LAYOUT[dtype]
    low, high = FUNCTIONS[name][1]
    if kind == 0:
        return from_bits(dtype, random.getrandbits(fraction + (9 if dtype == "f32" else 12)))
    if kind == 1:
        return random.uniform(low, high)
    if kind == 2:
        return random.choice((-1, 1)) * math.ldexp(random.uniform(1, 2), random.randint(-40, 12))
    if name in ("sin", "cos", "tan"):
        scale = 2 ** random.uniform(0, bias - 1)
        multiple = int(mpf(scale) / (mp.pi / 2)) * mp.pi / 2
        return float(multiple)
    if name in EDGES:
        return random.choice(EDGES[name]) * (1 + random.uniform(-1, 1) * 2 ** random.uniform(-18, -9))
    centre = CENTRES.get(name, 0)
    return centre + random.choice((-1, 1)) * 2 ** random.uniform(-precision, 0)


def unary_points(name, dtype):
    domain = DOMAINS.get(name, lambda x: True)
    points = []
    while len(points) < COUNT:
        bits = to_bits(dtype, argument(name, dtype, random.randrange(4)))
        x = from_bits(dtype, bits)
        if math.isfinite(x) and domain(x):
            points.append((bits, *rounded(dtype, FUNCTIONS[name][0](mpf(x)))))
    return points


def exact_mod(x, y):
    a, b = int(mpmath.ldexp(mpf(x), 1074)), int(mpmath.ldexp(mpf(y), 1074))
    return mpmath.ldexp(mpf(a % b), -1074)


def exact_pow(x, y):
    if x < 0 and y != int(y):
        return mpf("nan")
    logarithm = y * mpmath.log(abs(x))
    size = mpmath.exp(max(min(logarithm, mpf(800)), mpf(-800)))
    return -size if x < 0 and int(y) % 2 else size


BINARY = {"pow": exact_pow, "atan2": lambda y, x: mpmath.atan2(y, x), "mod": lambda x, y: exact_mod(x, y)}


def pair(name, dtype, kind):
    _, _, _, _, bias, fraction = LAYOUT[dtype]
    width = fraction + (9 if dtype == "f32" else 12)
    if kind == 0:
        return from_bits(dtype, random.getrandbits(width)), from_bits(dtype, random.getrandbits(width))
    if kind == 1:
        x, y = random.uniform(-10, 10), random.uniform(-20, 20)
        return (abs(x) if name == "pow" else x), y
    if name == "pow":
        x = math.ldexp(random.uniform(1, 2), random.randint(-bias, bias - 1))
        x = x if kind == 2 else 1 + random.uniform(-1, 1) * 2 ** random.uniform(-fraction, -1)
        limit = bias * math.log(2) / max(abs(math.log(x)), 1e-300)
        return x, random.uniform(-1.1, 1.1) * limit
    signs = [random.choice((-1, 1)) for _ in range(2)]
    spread = random.choice((3, 40))
    x, y = (s * math.ldexp(random.uniform(1, 2), random.randint(-spread, spread)) for s in signs)
    return x, y


def binary_points(name, dtype):
    points = []
    while len(points) < COUNT:
        bits = [to_bits(dtype, v) for v in pair(name, dtype, random.randrange(4))]
        x, y = (from_bits(dtype, b) for b in bits)
        if math.isfinite(x) and math.isfinite(y) and x != 0 and y != 0:
            points.append((*bits, *rounded(dtype, BINARY[name](mpf(x), mpf(y)))))
    return points


def main():
    random.seed(20240917)
    entries, body = [], b""
    for names, points_of, arity in ((FUNCTIONS, unary_points, 1), (BINARY, binary_points, 2)):
        for name in names:
            for dtype, (code, *_) in LAYOUT.items():
                points = points_of(name, dtype)
                entries.append({"name": name, "dtype": dtype, "arity": arity, "count": len(points)})
                for *patterns, rest in points:
                    body += b"".join(struct.pack(code, p) for p in patterns) + struct.pack("<h", rest)
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "test", "fixtures", "math")
    with open(os.path.join(folder, "elementary.bin"), "wb") as file:
        file.write(json.dumps(entries).encode() + b"\n" + body)


main()
