"""Weighted minimax polynomials by Remez exchange.

In: a function, a weight, an interval and a degree. Out: coefficients, lowest power first, rounded to the dtype,
with the weighted error before and after rounding (in units of 2^-24 or 2^-53).
"""

import struct

from mpmath import mp, mpf, matrix, lu_solve, cos as mcos, pi, log

mp.dps = 60


def f32(value):
    return struct.unpack("f", struct.pack("f", float(value)))[0]


def remez(function, weight, interval, degree, rounds=12):
    """Coefficients c minimising max |weight(v)·(function(v) − Σ c_i v^i)| over the interval."""
    a, b = mpf(interval[0]), mpf(interval[1])
    count = degree + 2
    at = lambda t: (a + b) / 2 + (b - a) / 2 * t
    nodes = [at(-mcos(pi * i / (count - 1))) for i in range(count)]
    grid = [at(-mcos(pi * i / (24 * count))) for i in range(24 * count + 1)]
    samples = [(v, function(v), weight(v)) for v in grid]
    for _ in range(rounds):
        system = matrix(count, count)
        right = matrix(count, 1)
        for i, v in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = v**j
            system[i, degree + 1] = (-1) ** i / weight(v)
            right[i] = function(v)
        solution = lu_solve(system, right)
        coefficients = [solution[j] for j in range(degree + 1)]
        level = abs(solution[degree + 1])
        errors = [(w * (f - evaluate(coefficients, v)), v) for v, f, w in samples]
        peaks = alternation(errors, count)
        if len(peaks) < count:
            break
        nodes = [v for _, v in peaks]
        if max(abs(e) for e, _ in peaks) < level * mpf("1.0005"):
            break
    return coefficients, max(abs(e) for e, _ in errors)


def alternation(errors, count):
    """The largest error of each run of one sign, trimmed to `count` neighbours."""
    peaks = []
    for error, v in errors:
        if peaks and (error > 0) == (peaks[-1][0] > 0):
            if abs(error) > abs(peaks[-1][0]):
                peaks[-1] = (error, v)
        else:
            peaks.append((error, v))
    while len(peaks) > count:
        peaks.pop(0 if abs(peaks[0][0]) < abs(peaks[-1][0]) else -1)
    return peaks


def evaluate(coefficients, v):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * v + c
    return total


def show(name, dtype, function, weight, interval, degree):
    """Prints one fitted table as a TypeScript row."""
    coefficients, error = remez(function, weight, interval, degree)
    rounded = [f32(c) if dtype == "f32" else float(c) for c in coefficients]
    a, b = mpf(interval[0]), mpf(interval[1])
    points = [a + (b - a) * i / 400 for i in range(401)]
    after = max(abs(weight(v) * (function(v) - evaluate([mpf(c) for c in rounded], v))) for v in points)
    unit = mpf(2) ** (24 if dtype == "f32" else 53)
    digits = 9 if dtype == "f32" else 17
    print(f"// {name} {dtype} degree {degree}: {mp.nstr(error * unit, 3)} -> {mp.nstr(after * unit, 3)} units")
    print("[" + ", ".join(f"{c:.{digits}g}" for c in rounded) + "],")


def show_refitted(name, dtype, function, weight, interval, degree):
    """As `show`, but each coefficient is rounded in turn and the rest fitted again (interval beside 0 only)."""
    fixed = []
    rounder = (lambda c: mpf(f32(c))) if dtype == "f32" else (lambda c: mpf(float(c)))
    while len(fixed) <= degree:
        k = len(fixed)
        rest = lambda v: (function(v) - evaluate(fixed, v)) / v**k
        coefficients, _ = remez(rest, lambda v: weight(v) * v**k, interval, degree - k)
        fixed.append(rounder(coefficients[0]))
    a, b = mpf(interval[0]), mpf(interval[1])
    points = [a + (b - a) * i / 400 for i in range(401)]
    after = max(abs(weight(v) * (function(v) - evaluate(fixed, v))) for v in points)
    unit = mpf(2) ** (24 if dtype == "f32" else 53)
    print(f"// {name} {dtype} degree {degree}, refitted: {mp.nstr(after * unit, 3)} units")
    print("[" + ", ".join(f"{float(c):.{9 if dtype == 'f32' else 17}g}" for c in fixed) + "],")
