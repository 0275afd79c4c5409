"""Charts on the sheet Series of a forecast workbook: the SKUs that sell most."""

from __future__ import annotations

import pandas as pd
from xlsxwriter import Workbook

SHEET = "Series"
MOST = 12  # SKUs drawn
ACROSS = 2  # charts in a row
LEFT = 7  # first column beside the table
SIZE = {"width": 620, "height": 280}
ROWS, COLUMNS = 15, 10  # that a chart takes, with its margin
LINES = (
    ("sold", {"color": "#1F3A4D", "width": 1.5}),
    ("forecast", {"color": "#C8553D", "width": 2.25}),
    ("low", {"color": "#C8553D", "width": 1, "dash_type": "dash"}),
    ("high", {"color": "#C8553D", "width": 1, "dash_type": "dash"}),
)


def draw(book: Workbook, series: pd.DataFrame) -> None:
    """Draw the first MOST SKUs of the table, which stands from the second row of the sheet on."""
    sheet = book.get_worksheet_by_name(SHEET)
    names = list(dict.fromkeys(series["sku"]))[:MOST]
    for number, name in enumerate(names):
        rows = (series["sku"] == name).to_numpy().nonzero()[0] + 1
        chart = book.add_chart({"type": "line"})
        for column, look in LINES:
            at = series.columns.get_loc(column)
            chart.add_series(
                {
                    "name": column,
                    "categories": [SHEET, int(rows[0]), 1, int(rows[-1]), 1],
                    "values": [SHEET, int(rows[0]), at, int(rows[-1]), at],
                    "line": look,
                }
            )
        chart.set_title({"name": str(name), "name_font": {"size": 11}, "overlay": False})
        chart.set_x_axis({"date_axis": True, "num_format": "mmm yy", "major_unit": 3, "major_unit_type": "months"})
        chart.set_y_axis(
            {
                "min": 0,
                "name": "units a week",
                "major_gridlines": {"visible": True, "line": {"width": 0.5, "color": "#D9D9D9"}},
            }
        )
        chart.set_legend({"position": "bottom"})
        chart.set_size(SIZE)
        chart.show_blanks_as("gap")
        sheet.insert_chart(1 + ROWS * (number // ACROSS), LEFT + COLUMNS * (number % ACROSS), chart)
