"""How a SKU's demand spreads over regions: its own orders, shrunk towards its category's map."""

from __future__ import annotations

import numpy as np

from .instance import Bools, Floats, Ints

LEAST_SPREAD, MOST_SPREAD = 1e-4, 0.5  # bounds of rho = 1 / (1 + strength)
FADES = (52.0, 26.0, 13.0)  # half-lives, weeks, of an order's weight where maps drift
HELD_OUT = 28  # last days on which a drift must show
LEAST_DAYS = 112  # of history before a drift is looked for
SURE = 4.0  # standard errors by which a drift must explain them better


def strength_of(share: Floats, orders: Floats, prior: Floats) -> float:
    """Strength A (in orders) of a Dirichlet-multinomial whose rows scatter around ``prior``, by the method of moments.

    share (K,R), orders (K,) effective number of independent orders, prior (K,R). With rho = 1/(1+A),
    ``E sum_r (share - prior)^2 = (1 - sum_r prior^2) (1/n + rho (1 - 1/n))`` (Mosimann, Biometrika 49, 1962), solved
    for rho over all rows, each with weight min(n, 50). A lies within 1 and 9999.
    """
    room = 1.0 - np.square(prior).sum(axis=1)
    use = (orders > 1.5) & (room > 1e-9)
    if not use.any():
        return 1.0 / LEAST_SPREAD - 1.0
    n, weight = orders[use], np.minimum(orders[use], 50.0)
    scatter = np.square(share[use] - prior[use]).sum(axis=1) / room[use]
    rho = float((weight * (scatter - 1.0 / n)).sum() / (weight * (1.0 - 1.0 / n)).sum())
    rho = min(max(rho, LEAST_SPREAD), MOST_SPREAD)
    return 1.0 / rho - 1.0


def shrunk(units: Floats, orders: Floats, prior: Floats) -> Floats:
    """Shares (K,R): ``(n share + A prior) / (n + A)``, rows summing to one; rows without orders get the prior."""
    total = units.sum(axis=1, keepdims=True)
    share = np.divide(units, total, out=prior.copy(), where=total > 0)
    strength = strength_of(share, orders, prior)
    n = np.where(total[:, 0] > 0, orders, 0.0)[:, None]
    mixed = (n * share + strength * prior) / (n + strength)
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))


def regional_shares(
    sku: Ints,
    region: Ints,
    quantity: Floats,
    category: Ints,
    shape: tuple[int, int],
    count: int,
    reached: Bools | None = None,
) -> Floats:
    """Shares (K,R) of each SKU's demand; ``category`` (K,) with -1 = blank, ``count`` categories, shape = (K, R).

    The map of all trade shrinks each category's map, which shrinks each SKU's. The effective number of orders behind
    a map is Kish's ``(sum q)^2 / sum q^2``: a single pallet is one observation, not a thousand. Without any order at
    all the regions share equally. Outside ``reached`` (K,R) a SKU keeps the share of its own orders, and
    nothing is lent to it.
    """
    k_count, r_count = shape
    cells = _totals(sku * r_count + region, quantity, k_count * r_count)
    units = cells.reshape(shape)
    squares = _totals(sku, quantity * quantity, k_count)
    overall = units.sum(axis=0)
    overall = overall / overall.sum() if overall.sum() > 0 else np.full(r_count, 1.0 / r_count)
    row = np.where(category < 0, count, category)
    category_units = np.zeros((count + 1, r_count))
    np.add.at(category_units, row, units)
    category_squares = _totals(row, squares, count + 1)
    category_orders = _effective(category_units.sum(axis=1), category_squares)
    maps = shrunk(category_units, category_orders, np.tile(overall, (count + 1, 1)))
    maps[count] = overall
    prior = maps[row] if reached is None else _confined(maps[row], reached | (units > 0))
    return shrunk(units, _effective(units.sum(axis=1), squares), prior)


def drifting_shares(
    sku: Ints,
    region: Ints,
    day: Ints,
    quantity: Floats,
    category: Ints,
    shape: tuple[int, int],
    count: int,
    reached: Bools | None = None,
) -> Floats:
    """Shares (K,R) as by :func:`regional_shares`, old orders fading by the half-life that foretold the last days best.

    Each of FADES and no fading at all is tried on the orders before the last HELD_OUT days; its gain is the mean log
    share it gave to the regions of the orders since, each SKU and region once a day. No fading stays, unless another
    gains more by over SURE standard errors.
    """
    last = int(day.max(initial=0))
    since = last - HELD_OUT
    past = day <= since
    if not past.any() or since - int(day.min()) < LEAST_DAYS - HELD_OUT:
        return regional_shares(sku, region, quantity, category, shape, count, reached)
    cells = np.unique((sku[~past] * shape[1] + region[~past]) * (HELD_OUT + 1) + day[~past] - since) // (HELD_OUT + 1)

    def told(half_life: float) -> Floats:
        weight = quantity[past] * 0.5 ** ((since - day[past]) / (7.0 * half_life))
        share = regional_shares(sku[past], region[past], weight, category, shape, count, reached)
        return np.asarray(np.log(np.maximum(share.ravel()[cells], 1e-6)))

    steady, best, fade = told(np.inf), 0.0, np.inf
    for half_life in FADES:
        gain = told(half_life) - steady
        error = gain.std() / np.sqrt(max(1, gain.size))
        if gain.mean() > max(best, SURE * error):
            best, fade = float(gain.mean()), half_life
    return regional_shares(
        sku, region, quantity * 0.5 ** ((last - day) / (7.0 * fade)), category, shape, count, reached
    )


def _confined(prior: Floats, regions: Bools) -> Floats:
    """Rows of ``prior`` kept within ``regions`` (K,R): even over them where it has nothing there, whole without any."""
    kept = np.where(regions, prior, 0.0)
    kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, regions.astype(float))
    total = kept.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, kept / np.where(total > 0, total, 1.0), prior))


def _totals(group: Ints, weights: Floats, count: int) -> Floats:
    return np.bincount(group, weights=weights, minlength=count).astype(float)


def _effective(total: Floats, squares: Floats) -> Floats:
    return np.divide(total * total, squares, out=np.zeros_like(total), where=squares > 0)
