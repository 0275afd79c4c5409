"""Nodewise for notebooks: spreadsheets in, a certified plan out.

>>> import optimizer
>>> case = optimizer.read("my_brand.xlsx")  # doctest: +SKIP
>>> plan = optimizer.plan(case, time_limit=60)  # doctest: +SKIP
>>> optimizer.write(plan, "plan.xlsx")  # doctest: +SKIP

Names are imported on first use, so that ``nodewise --help`` starts at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit import audit as verify
    from .case import Case
    from .errors import Finding, NodewiseError
    from .example import write_example
    from .explain import LimitExplained, SkuExplained, explain
    from .forecast import Forecast, forecast
    from .plan import Plan
    from .planning import Planner, plan
    from .reading import read
    from .replay import Replay, replay
    from .settings import Settings
    from .status import Status, status
    from .writing.template import write_template
    from .writing.workbook import write

__version__ = "0.1.0"

__all__ = [
    "Case",
    "Finding",
    "Forecast",
    "LimitExplained",
    "NodewiseError",
    "Plan",
    "Planner",
    "Replay",
    "Settings",
    "SkuExplained",
    "Status",
    "explain",
    "forecast",
    "plan",
    "read",
    "replay",
    "status",
    "verify",
    "write",
    "write_example",
    "write_template",
]

_HOMES = {
    "Case": ("case", "Case"),
    "Finding": ("errors", "Finding"),
    "Forecast": ("forecast", "Forecast"),
    "LimitExplained": ("explain", "LimitExplained"),
    "NodewiseError": ("errors", "NodewiseError"),
    "Plan": ("plan", "Plan"),
    "Planner": ("planning", "Planner"),
    "Settings": ("settings", "Settings"),
    "SkuExplained": ("explain", "SkuExplained"),
    "Status": ("status", "Status"),
    "explain": ("explain", "explain"),
    "forecast": ("forecast", "forecast"),
    "plan": ("planning", "plan"),
    "Replay": ("replay", "Replay"),
    "read": ("reading", "read"),
    "replay": ("replay", "replay"),
    "status": ("status", "status"),
    "verify": ("audit", "audit"),
    "write": ("writing.workbook", "write"),
    "write_example": ("example", "write_example"),
    "write_template": ("writing.template", "write_template"),
}


def __getattr__(name: str) -> Any:
    """Import a public name the first time somebody asks for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps ``optimizer.plan`` the function although a module of that name is imported beside it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
