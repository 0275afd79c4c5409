"""Colours that point at what a planner should look at, as data: sheet, column, condition, look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from ..tables.columns import PlanColumn

LOOKS: dict[str, dict[str, str]] = {
    "alarm": {"bg_color": "#F8CFCB", "font_color": "#8A1C12"},
    "watch": {"bg_color": "#FCE8B8", "font_color": "#6B4700"},
    "good": {"bg_color": "#D5EBD8", "font_color": "#1D5B2A"},
    "quiet": {"font_color": "#8A8F94"},
}
FULL, NEARLY = 0.999, 0.9  # shares of a capacity


@dataclass(frozen=True)
class Rule:
    """Cells of `column` look like `look` where the formula holds; ``{name}`` stands for the row's cell of a column."""

    sheet: str
    column: str
    formula: str
    look: str


def _fills(column: str) -> tuple[Rule, ...]:
    return (
        Rule("Nodes", column, f"AND(ISNUMBER({{{column}}}),{{{column}}}>={FULL})", "alarm"),
        Rule("Nodes", column, f"AND(ISNUMBER({{{column}}}),{{{column}}}>={NEARLY})", "watch"),
    )


def _words(sheet: str, column: str, **looks: str) -> tuple[Rule, ...]:
    return tuple(Rule(sheet, column, f'{{{column}}}="{word.replace("_", " ")}"', look) for word, look in looks.items())


RULES: tuple[Rule, ...] = (
    *(rule for name in ("ambient", "chilled", "frozen", "units_per_day", "skus") for rule in _fills(f"{name}_fill")),
    *_words("Nodes", "status", opens="good", closes="watch", not_open="quiet", not_available="quiet"),
    Rule("Limits", "slack", "{slack}<-0.000001", "alarm"),
    Rule("Limits", "slack", "AND(ISNUMBER({slack}),ABS({slack})<=0.01*ABS({amount}))", "watch"),
    Rule("Limits", "rent", "{rent}>0.000001", "watch"),
    Rule("Limits", "penalty", "{penalty}>0", "alarm"),
    *_words("Limits", "kept", no="alarm"),
    Rule("Regions", "days", 'AND({promise}<>"",{days}>{promise})', "alarm"),
    Rule("Regions", "backup_node", '{backup_node}=""', "alarm"),
    Rule("Regions", "backup_days", 'AND({promise}<>"",{backup_days}>{promise})', "watch"),
    Rule("Regions", "on_time_share", "AND(ISNUMBER({on_time_share}),{on_time_share}<0.9)", "watch"),
    Rule("Replenishment", "order_now", "{order_now}>0", "watch"),
    *_words("Changes", "change", new="good", gone="watch", changed="quiet"),
    *_words("Actions", "action", open="good", close="watch"),
    *_words("Findings", "severity", error="alarm", warning="watch"),
    *_words("Placement", "role", feeds="quiet"),
    *_words("Exceptions", "exception", out_of_stock="alarm", runs_out_too_soon="alarm", over_capacity="alarm"),
    *_words("Exceptions", "exception", expired="watch", below_reorder_point="watch"),
    *_words("SKUs", "state", ok="quiet"),
)


def highlight(book: Workbook, sheet: Worksheet, name: str, columns: tuple[PlanColumn, ...], rows: int) -> None:
    """Put the rules of a sheet on the rows below its header."""
    at = {column.name: index for index, column in enumerate(columns)}
    cells = {column: f"${xl_col_to_name(index)}2" for column, index in at.items()}
    for rule in RULES:
        if rule.sheet == name and rows and rule.column in at:
            options: dict[str, Any] = {
                "type": "formula",
                "criteria": "=" + rule.formula.format(**cells),
                "format": book.add_format(LOOKS[rule.look]),
                "stop_if_true": True,
            }
            sheet.conditional_format(1, at[rule.column], rows, at[rule.column], options)
