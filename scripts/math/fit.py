"""Fits every polynomial of src/lower/math and prints its table rows with their errors.

Run: python scripts/math/fit.py (needs mpmath). The digits it prints are the ones in the source.
"""

from mpmath import asin, atan, atanh, cos, erf, erfc, expm1, log, log1p, mpf, pi, sin, sinc, sinh, sqrt, tan, exp

from minimax import show, show_refitted

TINY = mpf("1e-12")


def series(function, *taylor):
    """A removable singularity at 0: the first Taylor terms there, the function elsewhere."""
    near = lambda v: sum(c * v**i for i, c in enumerate(taylor))
    return lambda v: near(v) if abs(v) < TINY else function(v)


def both(name, function, weight, interval, degrees):
    for dtype, degree in zip(("f32", "f64"), degrees):
        show(name, dtype, function, weight, interval, degree)


def tail(function):
    """(f(t)/t − 1)/t² in z = t², for odd f."""
    return lambda z: (function(sqrt(z)) / sqrt(z) - 1) / z


half = log(2) / 2
curve = series(lambda r: (expm1(r) - r) / r**2, mpf(1) / 2, mpf(1) / 6)
both("exp", curve, lambda r: (r * r + mpf("1e-4")) / exp(r), (-half, half), (4, 9))
both("expm1", curve, lambda r: abs(r) + mpf("1e-3"), (-half, half), (4, 9))
both("tanh", curve, lambda r: (abs(r) if r < 0 else abs(r) / 2) + mpf("2e-3"), (-half, half), (5, 10))

rest = series(lambda f: ((log1p(f) - f) / f**2 + mpf(1) / 2) / f, mpf(1) / 3, -mpf(1) / 4)
octave = (sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1)
near_log = lambda f: (abs(f**3 / log1p(f)) if abs(f) > TINY else 0) + mpf("1e-3")
show("log", "f32", rest, near_log, octave, 6)
show_refitted("log1p on [0, 1], after -1/2", "f32", rest, lambda u: u**3 / log1p(u), (mpf("0.01"), 1), 7)
twice = series(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, mpf(2) / 3, mpf(2) / 5)
show("log", "f64", twice, lambda z: z / 2 + mpf("1e-4"), (0, (3 - 2 * sqrt(mpf(2))) ** 2), 6)
show("log1p on [0, 1]", "f64", twice, lambda z: z / 2 + mpf("1e-4"), (0, mpf(1) / 9), 9)

eighth = (0, (pi / 4) ** 2 * mpf("1.0002"))
both("sin", series(tail(sin), -mpf(1) / 6, mpf(1) / 120), lambda z: z / sinc(sqrt(z)) + mpf("1e-3"), eighth, (2, 5))
cosine = lambda z: mpf(1) / 24 - z / 720 if z < mpf("1e-10") else (cos(sqrt(z)) - 1 + z / 2) / z**2
both("cos", cosine, lambda z: z * z / cos(sqrt(z)) + mpf("1e-3"), eighth, (2, 5))
both("tan", series(tail(tan), mpf(1) / 3, mpf(2) / 15), lambda z: z + mpf("1e-3"), eighth, (5, 13))

both("atan", series(tail(atan), -mpf(1) / 3, mpf(1) / 5), lambda z: z + mpf("1e-4"), (0, mpf("0.2502")), (5, 11))
both("asin", series(tail(asin), mpf(1) / 6, mpf(3) / 40), lambda z: z + mpf("1e-4"), (0, mpf("0.25")), (4, 11))
both("sinh", series(tail(sinh), mpf(1) / 6, mpf(1) / 120), lambda z: z + mpf("1e-3"), (0, mpf(1)), (3, 6))
both("artanh", series(tail(atanh), mpf(1) / 3, mpf(1) / 5), lambda z: z + mpf("1e-4"), (0, mpf("0.2068")), (4, 11))

seam = mpf("0.9")
small = lambda z: 2 / sqrt(pi) - 1 if z < mpf("1e-20") else erf(sqrt(z)) / sqrt(z) - 1
both("erf near", small, lambda z: 1 / (1 + small(z)), (0, seam**2), (5, 10))
decay = lambda a: -log(erfc(a)) / a
far = lambda a: a * erfc(a) / erf(a)
show("erf far", "f32", decay, far, (seam, mpf("4.1")), 5)
show("erf far", "f64", decay, far, (seam, mpf(6)), 16)

fifth = lambda z: 3 * (atanh(sqrt(z)) / sqrt(z) - 1 - z / 3) / z**2
power = lambda z: mpf(3) / 5 + 3 * z / 7 if z < mpf("1e-10") else fifth(z)
band = (0, (3 - 2 * sqrt(mpf(2))) ** 2 * mpf("1.0001"))
both("pow", power, lambda z: z * z + mpf("1e-6"), band, (2, 6))
