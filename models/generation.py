"""Column generation: rents from the master, patterns from the pricing, a Lagrangian bound from every round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .catalogue import Catalogue, Priced
from .columns import Columns
from .instance import Bools, Floats, Instance, Ints, summed
from .master import Duals, Fixings, Master, SolverFailure, closed_nodes, fix_openings
from .network_bound import NetworkBound
from .outcome import Relief
from .pricing import Prices
from .problem import Problem
from .relief import named_relief
from .separation import shared_links, single_links

PATIENCE = 3  # rounds of central rents without a better bound before the master is solved to a vertex
CENTRAL_ABOVE = 150  # SKUs beyond which rents come from the centre of the master's optimal face: far fewer rounds
SMOOTHING = 0.6  # share of the best bound's rents in those that groups of SKUs are priced at next
SETTLED = 0.3  # share of the tolerance: once a round gains the bound less, links over groups are not looked for
SLACK_STEPS = 9  # times the price of slack is raised, unless the bound passes all that a plan could cost before
SURE_STEPS = 4  # of these the solver must be able to take
SEPARATE_BELOW = 5e-3  # opening links are looked for once master and bound are this close


class OutOfTime(Exception):
    """The clock ran out between two steps."""


class Infeasible(Exception):
    """No plan satisfies the limits; the relief says what is short."""

    def __init__(self, relief: tuple[Relief, ...]) -> None:
        super().__init__("infeasible")
        self.relief = relief


@dataclass
class Clock:
    """Seconds since the start, and how many are left."""

    limit: float
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.start

    @property
    def left(self) -> float:
        """Until the limit."""
        return self.limit - self.seconds

    def check(self) -> None:
        """Raises OutOfTime."""
        if self.left <= 0:
            raise OutOfTime


class Generation:
    """Rents, bound and columns of one catalogue: the whole one, or a sample of it that stands for the whole."""

    def __init__(
        self,
        problem: Problem,
        catalogue: Catalogue,
        network: NetworkBound,
        clock: Clock,
        say: Callable[[str], None],
        weight: Floats | None = None,
        group: Ints | None = None,
    ) -> None:
        self.problem, self.catalogue, self.network, self.clock, self.say = problem, catalogue, network, clock, say
        self.weight = np.ones(len(catalogue.choosers)) if weight is None else weight
        self.bound = -np.inf
        self.rounds = 0
        self.closed: Bools | None = None  # (N,T) nodes kept closed by a branch
        self.rent: Floats = np.zeros(len(problem.rows))
        self.link_rent: Floats = np.zeros(0)
        self.base_price: Floats = np.zeros(len(problem.rows))
        self.slack_price = self.base_price
        self.master = Master(
            self.instance,
            problem.compiled,
            problem.rows,
            catalogue.choosers,
            problem.fixed_use,
            problem.seed,
            weight,
            group,
        )
        self.grouped = group is not None

    @property
    def instance(self) -> Instance:
        """The instance."""
        return self.problem.instance

    def run(self, tolerance: float, rent: Floats | None = None) -> None:
        """Generate until bound and master agree to ``tolerance`` (a share), starting from ``rent`` if it is given.

        Raises OutOfTime, Infeasible, Contradiction, SolverFailure.
        """
        priced = self._price(self.rent if rent is None else rent, self.link_rent)
        first = self.catalogue.columns(priced)
        self._price_slack(first, priced)
        self.master.add_slack(self.slack_price)
        if first is not None:
            self.master.add(first)
        self.refine(tolerance)

    def refine(self, tolerance: float) -> None:
        """Generate on until bound and master agree to a smaller ``tolerance``. Raises as :meth:`run`."""
        self._converge(tolerance)
        self._drive_out_slack(tolerance)

    def restrict(self, fixings: Fixings) -> None:
        """Work under fixed openings from now on; the bound starts anew."""
        self.master.restrict(fixings)
        fix_openings(self.network.solver, self.instance, self.problem.compiled, fixings)
        closed = closed_nodes(self.instance, fixings)
        self.closed = closed if closed.any() else None
        self.bound = -np.inf

    def solve_master(self, central: bool) -> None:
        """Solve the master for the columns there are, as :meth:`Master.solve` does. Raises OutOfTime."""
        if not self.master.solve(self.clock.left, central):
            raise OutOfTime

    def take_up(self, fixings: Fixings, bound: float, rent: Floats, link_rent: Floats) -> None:
        """Go back to openings that were fixed earlier, and to the bound and rents under them."""
        self.restrict(fixings)
        self.bound, self.rent, self.link_rent = bound, rent, self._for_all_links(link_rent)

    def resume(self, fixings: Fixings, bound: float, rent: Floats, link_rent: Floats) -> None:
        """As :meth:`take_up`, with the master solved for the columns there are now. Raises OutOfTime."""
        self.take_up(fixings, bound, rent, link_rent)
        self.solve_master(central=False)

    @contextmanager
    def aside(self, fixings: Fixings) -> Iterator[None]:
        """Other openings than ``fixings`` may be tried out; these, bound and rents are then as before.

        Also after an exception, which leaves the master unsolved.
        """
        before = fixings, self.bound, self.rent, self.link_rent
        try:
            yield
        finally:
            self.take_up(*before)
        self.solve_master(central=False)

    def rerun(self, tolerance: float, rent: Floats, link_rent: Floats, enough: float) -> None:
        """Converge again after :meth:`restrict`, from given rents; stop early once the bound reaches ``enough``.

        Raises OutOfTime, Infeasible, Contradiction, SolverFailure.
        """
        if self.slack_price is not self.base_price:
            self.slack_price = self.base_price
            self.master.set_slack_price(self.slack_price, 10.0 * self.whole)
        priced = self._price(rent, self._for_all_links(link_rent))
        columns = self.catalogue.columns(priced)
        if columns is not None:
            self.master.add(columns)
        self._converge(tolerance, enough)
        if self.bound < enough:
            self._drive_out_slack(tolerance)

    def _for_all_links(self, link_rent: Floats) -> Floats:
        """Rents of links, and none on those that came after them."""
        return np.append(link_rent, np.zeros(len(self.master.links) - len(link_rent)))

    def prices(self) -> Prices:
        """The rents of the best bound as the pricing takes them."""
        return self._as_prices(self.rent, self.master.links.array(self.link_rent))

    def _as_prices(self, rent: Floats, link_array: Floats | None) -> Prices:
        """Rents for the pricing; closed nodes cost infinitely much."""
        if self.closed is not None:
            open_price = np.where(self.closed, np.inf, 0.0)[None, :, :]
            base = np.zeros((len(self.instance.skus), 1, 1)) if link_array is None else link_array
            link_array = base + open_price
        return self.problem.rows.prices(rent, link_array)

    def reduced_costs(self) -> Floats:
        """(P,) reduced cost of every pool column under the rents of the best bound, from the cheapest of its SKU."""
        pool = self.master.pool
        if pool is None:
            return np.zeros(0)
        row, column, use = self.problem.rows.entries(pool)
        priced = pool.cost + summed(column, self.rent[row] * use, len(pool))
        links = self.master.links.array(self.link_rent)
        if links is not None:
            per_entry = links[pool.sku[pool.column], pool.node, pool.period]
            priced = priced + summed(pool.column, per_entry, len(pool))
        least = np.full(len(self.instance.skus), np.inf)
        np.minimum.at(least, pool.sku, priced)
        return np.asarray(priced - least[pool.sku])

    def _price_slack(self, first: Columns | None, priced: Priced) -> None:
        """Scale and price of slack per unit of use: several times the whole cost for all that is used."""
        use = self.problem.fixed_use + (0.0 if first is None else self.catalogue.use(first, self._of_sku(first.sku)))
        self.scale = np.maximum(use, 1e-3 * max(use.max(initial=0.0), 1e-6))
        self.whole = abs(self.problem.fixed_cost) + float((self.weight * np.abs(priced.cost)).sum()) + 1.0
        self.base_price = self.slack_price = 10.0 * self.whole / self.scale

    def _drive_out_slack(self, tolerance: float) -> None:
        """Raise the price of slack until none is used, or the case is shown to lack room.

        It lacks room where the bound passes all that a plan could cost, or where prices get too high to be told apart.
        """
        slack = self._slack()
        for step in range(SLACK_STEPS):
            if not (np.abs(slack) > 1e-7 * self.scale).any():
                return
            if self.bound > self.problem.cost_most * (1.0 + 1e-6):
                break
            self.slack_price = self.slack_price * 10.0
            self.master.set_slack_price(self.slack_price, 100.0 * self.whole)
            try:
                self._converge(tolerance)
            except SolverFailure:
                if step < SURE_STEPS:
                    raise
                break
            slack = self._slack()
        relief = named_relief(self.instance, self.problem.rows, slack, self.scale)
        if relief:
            raise Infeasible(relief)

    def _slack(self) -> Floats:
        """(D,) slack per definition row, as `named_relief` takes it."""
        used = self.master.slack_used()[: 2 * len(self.slack_price)]
        return used[: len(self.slack_price)] - used[len(self.slack_price) :]

    def _converge(self, tolerance: float, enough: float = np.inf) -> None:
        """Rounds of master, pricing and links until nothing is left to add, ending on a vertex of the master."""
        central, stale = self.master.groups > CENTRAL_ABOVE and not len(self.master.links), 0
        while True:
            self.clock.check()
            self.solve_master(central)
            value = self.master.objective() + self.problem.fixed_cost
            duals, before = self.master.duals(), self.bound
            added = self._generate(duals)
            self.rounds += 1
            distance = (value - self.bound) / max(abs(value), 1e-6)
            near = distance <= tolerance
            gained = (self.bound - before) / max(abs(value), 1e-6)
            settled = near and self.grouped and gained <= SETTLED * tolerance
            linked = self._separate() if not settled and (distance <= SEPARATE_BELOW or added == 0) else 0
            self.say(f"{added} new patterns, {len(self.master.links)} opening links, master {distance:.3%} above")
            stale = 0 if self.bound > before or linked else stale + 1
            if self.bound >= enough or (linked == 0 and not central and (near or added == 0)):
                return
            if linked or stale >= PATIENCE or near or added == 0:
                central = False

    def _generate(self, duals: Duals) -> int:
        """Price every set and add the best paths; returns how many columns are new.

        Rents on the way from those of the best bound to those of the master swing less from round to round (Wentges
        1997, Weighted Dantzig-Wolfe decomposition for linear mixed-integer programming).
        """
        if self.grouped and np.isfinite(self.bound):
            rent = SMOOTHING * self.rent + (1.0 - SMOOTHING) * duals.rent
            links = SMOOTHING * self.link_rent + (1.0 - SMOOTHING) * duals.links
            columns = self.catalogue.columns(self._price(rent, links))
            added = 0 if columns is None else self.master.add(columns)
            if added:
                return added
        return self._add_improving(self._price(duals.rent, duals.links), duals)

    def _separate(self) -> int:
        if self.grouped:
            links = shared_links(self.master, self.catalogue, self.prices())
        else:
            links = single_links(self.instance, self.master)
        if links:
            self.master.add_links(links, 10.0 * self.whole)
            self.link_rent = self._for_all_links(self.link_rent)
        return len(links)

    def _price(self, rent: Floats, links: Floats) -> Priced:
        """Price every set under the rents; keep the bound if it is the best so far."""
        link_array = self.master.links.array(links)
        priced = self.catalogue.price(self._as_prices(rent, link_array))
        if not np.isfinite(priced.cost).all():
            raise Infeasible(())
        value = self._lagrangian(priced, rent, link_array)
        if value > self.bound:
            self.bound, self.rent, self.link_rent = value, rent, links
        return priced

    def _lagrangian(self, priced: Priced, rent: Floats, link_array: Floats | None) -> float:
        """Lower bound on every plan: best paths + SKUs without a choice + the network's best answer to the rents."""
        fixed = self.problem.fixed_cost + float(rent @ self.problem.fixed_use)
        skus = float((self.weight * priced.floor).sum())
        network = self.network.value(rent, None if link_array is None else self._weighted(link_array))
        return skus + fixed + network - self.catalogue.cost_error()

    def _of_sku(self, skus: Ints) -> Floats:
        return self.weight[self.master.position[skus]]

    def _weighted(self, link_array: Floats) -> Floats:
        out = link_array.copy()
        out[self.catalogue.choosers] *= self.weight[:, None, None]
        return out

    def _add_improving(self, priced: Priced, duals: Duals) -> int:
        """Add the best paths that improve the master."""
        cost = summed(self.master.group, self.weight * priced.cost, self.master.groups)
        wanted = cost < duals.group - 1e-9 * np.maximum(1.0, np.abs(duals.group))
        columns = self.catalogue.columns(priced, wanted[self.master.group])
        return 0 if columns is None else self.master.add(columns)
