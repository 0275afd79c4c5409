"""Keep-together families: orders of all their members that history does not show, wished for (MATHEMATICS.md, "Orders
of several SKUs")."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from .companions import Baskets, Shipping, baskets
from .instance import Bools, Floats, Instance, Ints
from .orders import OrderLines


@dataclass(frozen=True)
class Families:
    """Keep-together groups of SKUs."""

    names: tuple[str, ...]
    of_sku: Ints  # (K,) number of the family, -1 = none
    share: float  # of the slowest member's demand that is wanted with all the others, 0 .. 1


def with_wishes(goods: Baskets, instance: Instance, families: Families) -> Baskets:
    """The same orders, and for each family and region one order of a unit of every member.

    It is expected ``share`` times as often as the slowest of the members that have demand in the period is sold in the
    region; a family of which less than two have demand is wished for never.
    """
    member = np.flatnonzero((families.of_sku >= 0) & (instance.mean > 0).any(axis=(1, 2)))
    regions = len(instance.regions)
    sku, region = np.repeat(member, regions), np.tile(np.arange(regions), len(member))
    family = families.of_sku[sku]
    zero = np.zeros(len(sku), dtype=np.int64)
    wished = baskets(instance, OrderLines(zero, family, sku, region, np.ones(len(sku))), 0, 0)
    of = np.zeros(wished.count, dtype=np.int64)
    of[wished.owner] = families.of_sku[wished.sku]
    times = families.share * _slowest(instance, families)[of, wished.region] * instance.days
    return _joined(goods, replace(wished, times=times, wish=of))


def _slowest(instance: Instance, families: Families) -> Floats:
    """(F,R,T) units/day of the slowest of the members with demand in the period; 0 where these are less than two."""
    out = np.full((len(families.names), *instance.mean.shape[1:]), np.inf)
    count = np.zeros((len(out), out.shape[2]))
    member = np.flatnonzero(families.of_sku >= 0)
    of, mean = families.of_sku[member], instance.mean[member]
    alive: Bools = np.asarray((mean > 0).any(axis=1))
    np.add.at(count, of, alive)
    np.minimum.at(out, of, np.where(alive[:, None, :], mean, np.inf))
    return np.where((count >= 2)[:, None, :], out, 0.0)


def _joined(one: Baskets, other: Baskets) -> Baskets:
    """Consignments of both."""
    names = [entry.name for entry in fields(one)]
    parts = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    parts["owner"][len(one.owner) :] += one.count
    return Baskets(**parts)


@dataclass(frozen=True)
class Apart:
    """What it costs that the members of families do not stand together."""

    orders: Floats  # (F,) wished for over the horizon, consignments
    split: Floats  # (F,) those of them that take more than one parcel
    cost: Floats  # (F,) money over the horizon beyond the plan's reckoning


def apart(goods: Baskets, shipping: tuple[Shipping, ...], families: int) -> Apart:
    """Wished orders as a placement ships them; shipping by period."""
    wished = np.flatnonzero(goods.wish >= 0)
    of, times = goods.wish[wished], goods.times[wished].T
    parcels = np.stack([ship.parcels[wished] for ship in shipping])
    extra = np.stack([ship.extra[wished] for ship in shipping])
    orders, split, cost = (
        np.bincount(of, (times * part).sum(axis=0), families).astype(np.float64)
        for part in (parcels > 0, parcels > 1, extra)
    )
    return Apart(orders, split, cost)
