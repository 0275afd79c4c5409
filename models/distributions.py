"""First-order loss functions and probabilities of the distributions demand is described by.

The loss of `X` at `r` is `E[(X - r)+]`, the complementary loss `E[(r - X)+]`; both are in units of `X`. All functions
take and return arrays of any broadcastable shapes. Sources: Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd
ed., appendix C, and Zipkin, Foundations of Inventory Management (2000), appendix C (loss functions); Loader (2000),
Fast and Accurate Computation of Binomial Probabilities (masses accurate where differences of log-gammas are not).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .instance import Floats

_HALF_LOG_TWO_PI = 0.9189385332046727


def _floats(*values: ArrayLike) -> list[Floats]:
    """The values as arrays of one common shape."""
    return [np.asarray(value, dtype=float) for value in np.broadcast_arrays(*values)]


def stirling_error(z: ArrayLike) -> Floats:
    """log Gamma(z + 1) less Stirling's approximation of it, for z > 0 (Loader 2000, section 2).

    >>> round(float(stirling_error(1.0)), 12)  # 1 - log sqrt(2 pi)
    0.081061466795
    """
    (z,) = _floats(z)
    large = np.maximum(z, 10.0)
    inverse = 1.0 / (large * large)
    series = 1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188 - inverse * (691 / 360360 - inverse / 156)))
    error = np.asarray((1 / 12 - inverse * (1 / 360 - inverse * series)) / large)
    near = z < 10.0
    small = z[near]
    error[near] = special.gammaln(small + 1.0) - (small + 0.5) * np.log(small) + small - _HALF_LOG_TWO_PI
    return error


def _deviance(x: Floats, mean: Floats) -> Floats:
    """x log(x / mean) + mean - x, for x > 0: Loader's D, without cancellation that matters."""
    ratio = (mean - x) / x
    return x * (ratio - np.where(ratio > -0.5, np.log1p(np.maximum(ratio, -0.5)), np.log(mean / x)))


def poisson_mass(x: ArrayLike, mean: ArrayLike) -> Floats:
    """mean^x e^-mean / Gamma(x + 1), for real x >= 0 and mean >= 0: P(X = x) of a Poisson variable at integers.

    >>> round(float(poisson_mass(2, 1.726)), 6)  # Hopp & Spearman's bicycle example: 1.726^2 e^-1.726 / 2
    0.26513
    """
    x, mean = _floats(x, mean)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        inside = np.maximum(x, 1e-290)
        mass = np.exp(-stirling_error(inside) - _deviance(inside, mean)) / np.sqrt(2 * np.pi * inside)
        return np.where(x > 0, mass, np.exp(-mean))


def normal_loss(r: ArrayLike, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0) -> Floats:
    """E[(X - r)+] of a normal variable, in units of X; sd >= 0 (Snyder & Shen, C.31).

    >>> round(float(normal_loss(11.0, 8.0, 3.0)), 14)
    0.24994641176306
    """
    r, mean, sd = _floats(r, mean, sd)
    z = (r - mean) / np.where(sd > 0, sd, 1.0)
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    tail = np.abs(z)
    upper = np.where(tail > 5.0, _normal_tail_loss(tail), density - tail * special.ndtr(-tail))
    return np.where(sd > 0, sd * (upper + np.maximum(-z, 0.0)), np.maximum(mean - r, 0.0))


def _normal_tail_loss(z: Floats) -> Floats:
    """density(z) - z P(Z > z) for z >= 5 by the continued fraction of Mills' ratio, which does not cancel."""
    z = np.maximum(z, 5.0)
    fraction = z
    for step in range(40, 1, -1):
        fraction = z + step / fraction
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) / (z * fraction + 1.0)


def normal_complementary_loss(r: ArrayLike, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0) -> Floats:
    """E[(r - X)+] of a normal variable, in units of X (Snyder & Shen, C.32).

    >>> round(float(normal_complementary_loss(11.0, 8.0, 3.0)), 12)
    3.249946411763
    """
    r, mean, sd = _floats(r, mean, sd)
    return normal_loss(-r, -mean, sd)


def poisson_loss(r: ArrayLike, mean: ArrayLike) -> Floats:
    """E[(X - r)+] of a Poisson variable with the mean, in units; integers r >= 0 (Snyder & Shen, C.41).

    >>> round(float(poisson_loss(5, 7)), 13)
    2.2926001256973
    """
    r, mean = _floats(r, mean)
    return np.maximum((mean - r) * special.gammainc(r + 1.0, mean) + mean * poisson_mass(r, mean), 0.0)


def poisson_complementary_loss(r: ArrayLike, mean: ArrayLike) -> Floats:
    """E[(r - X)+] of a Poisson variable, in units; integers r >= 0 (Snyder & Shen, C.42).

    >>> round(float(poisson_complementary_loss(5, 7)), 13)
    0.2926001256973
    """
    r, mean = _floats(r, mean)
    return np.maximum((r - mean) * special.gammaincc(r + 1.0, mean) + mean * poisson_mass(r, mean), 0.0)


def negative_binomial_mass(x: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """P(X = x) of a negative binomial variable with the mean and variance (variance > mean > 0), integers x >= 0.

    >>> round(float(negative_binomial_mass(0, 3.0, 6.0)), 6)  # n = 3, p = 1/2: p^3
    0.125
    """
    x, mean, variance = _floats(x, mean, variance)
    excess = (variance - mean) / mean
    size = mean / excess
    inside = np.maximum(x, 0.5)
    total = size + inside
    log_mass = stirling_error(total) - stirling_error(size) - stirling_error(inside)
    log_mass -= _deviance(inside, total * (variance - mean) / variance) + _deviance(size, total * mean / variance)
    mass = np.exp(log_mass) * np.sqrt(size / (2 * np.pi * inside * total))
    return np.where(x > 0, mass, np.exp(-size * np.log1p(excess)))


def negative_binomial_survival(x: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """P(X > x) of a negative binomial variable with the mean and variance (variance > mean > 0), integers x >= 0.

    >>> round(float(negative_binomial_survival(0, 3.0, 6.0)), 6)
    0.875
    """
    x, mean, variance = _floats(x, mean, variance)
    tail = special.betainc(x + 1.0, mean * mean / (variance - mean), (variance - mean) / variance)
    return np.asarray(tail, dtype=float)


def negative_binomial_loss(r: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """E[(X - r)+] of a negative binomial variable, in units: (m - r) P(X > r) + (m + r (s2/m - 1)) P(X = r).

    Zipkin, section C.2.3.6, in terms of the mean m and the variance s2.

    >>> n, p = 3.0, 0.2  # Snyder & Shen's parameters: mean n (1 - p) / p
    >>> round(float(negative_binomial_loss(10, n * (1 - p) / p, n * (1 - p) / p**2)), 12)
    3.95136991232
    """
    r, mean, variance = _floats(r, mean, variance)
    tail = negative_binomial_survival(r, mean, variance)
    mass = negative_binomial_mass(r, mean, variance)
    return np.maximum((mean - r) * tail + (mean + r * (variance - mean) / mean) * mass, 0.0)


def negative_binomial_complementary_loss(r: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """E[(r - X)+] of a negative binomial variable with the mean and variance, in units; integers r >= 0.

    >>> round(float(negative_binomial_complementary_loss(10, 12.0, 60.0)), 12)
    1.95136991232
    """
    r, mean, variance = _floats(r, mean, variance)
    head = special.betaincc(r + 1.0, mean * mean / (variance - mean), (variance - mean) / variance)
    mass = negative_binomial_mass(r, mean, variance)
    return np.maximum((r - mean) * head + (mean + r * (variance - mean) / mean) * mass, 0.0)


def gamma_loss(r: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """E[(X - r)+] of a gamma variable with the mean and variance (both > 0), in units; r >= 0 (Zipkin, p. 457).

    >>> round(float(gamma_loss(4.0, 2.0 * 3.0, 2.0 * 3.0**2)), 12)  # shape 2, scale 3
    2.635971381157
    """
    return gamma_loss_and_tail(r, mean, variance)[0]


SHAPE = 1e4  # up to this shape, logarithms of gamma functions may be subtracted: they lose four digits of sixteen


def gamma_loss_and_tail(r: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> tuple[Floats, Floats]:
    """E[(X - r)+], units, and P(X > r) of a gamma variable with the mean and variance (both > 0); r >= 0.

    >>> [round(float(value), 12) for value in gamma_loss_and_tail(4.0, 6.0, 18.0)]  # shape 2: tail (1 + 4/3) e^(-4/3)
    [2.635971381157, 0.615059988937]
    """
    r, mean, variance = _floats(r, mean, variance)
    rate = mean / variance
    shape, x = mean * rate, r * rate
    tail = np.asarray(special.gammaincc(shape, x), dtype=float)
    large = shape > SHAPE
    modest = np.minimum(shape, SHAPE)
    with np.errstate(divide="ignore", under="ignore"):
        log_mass = np.asarray(special.xlogy(modest, x) - x - special.gammaln(modest + 1.0))
        mass = np.asarray(np.exp(np.minimum(log_mass, 0.0)))
    if large.any():
        mass[large] = poisson_mass(shape[large], x[large])
    return np.maximum((mean - r) * tail + mean * mass, 0.0), tail


def gamma_complementary_loss(r: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """E[(r - X)+] of a gamma variable with the mean and variance (both > 0), in units; r >= 0 (Zipkin, p. 457).

    >>> round(float(gamma_complementary_loss(4.0, 6.0, 18.0)), 12)
    0.635971381157
    """
    r, mean, variance = _floats(r, mean, variance)
    shape, x = mean * mean / variance, r * mean / variance
    return np.maximum((r - mean) * special.gammainc(shape, x) + mean * poisson_mass(shape, x), 0.0)
