"""One cell, one value: exact text, plain numbers, real dates. What would have to be guessed is refused.

``parse(column, value, number_format)`` gives the value and, where something was put right, a :class:`Fault` of severity
warning or repair; it raises :class:`Reject` where the planner has to decide.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from ..errors import nearest
from .report import Fault, Reject
from .sheets import Column

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
LONGEST_CODE = 255
LONGEST_TEXT = 32_767
EXACT_DIGITS = 15

_PLAIN_CODE = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_GROUPED_NUMBER = re.compile(r"[+-]?[\d.,'\s\u00a0\u202f]*\d\Z")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\Z")
_ZONED = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ][\d:.,]+\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\Z", re.IGNORECASE)
_SLASH_DATE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})(?:[T ].*)?\Z")
_INVISIBLE = {0x200B: None, 0x200C: None, 0x200D: None, 0x2060: None, 0xFEFF: None}

Parsed = tuple[Any, Fault | None]


def is_blank(value: Any) -> bool:
    """True for an empty cell and for one that holds only blanks."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def parse(column: Column, value: Any, number_format: str = "General") -> Parsed:
    """The typed value of a filled cell (see the module). Raises Reject."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise Reject("K-012", f"text of at most {LONGEST_TEXT:,} characters", "Shorten it.")
    return _BY_KIND[column.kind](column, value, number_format)


# ---------------------------------------------------------------------------------------------- names and text


def _code(column: Column, value: Any, number_format: str) -> Parsed:
    if isinstance(value, str):
        return clean_code(value)
    return _code_from_other(value, number_format)


def clean_code(text: str) -> Parsed:
    """A name exactly as typed, less blanks and invisible characters around it. Raises Reject (K-012)."""
    if _PLAIN_CODE.match(text) and len(text) <= LONGEST_CODE and "_x00" not in text:
        return text, None
    clean = unicodedata.normalize("NFC", text.translate(_INVISIBLE)).strip()
    bad = [char for char in clean if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")]
    if bad or re.search(r"_x00[01][0-9A-Fa-f]_", clean):
        which = f" (U+{ord(bad[0]):04X})" if bad else ""
        raise Reject("K-012", f"holds an invisible character{which}", "Retype it.")
    if len(clean) > LONGEST_CODE:
        raise Reject("K-012", f"a name of at most {LONGEST_CODE} characters", "Shorten it.")
    if not clean:
        raise Reject("K-011", "holds nothing that can be seen", "Fill it in.")
    if clean == text:
        return clean, None
    return clean, Fault("K-006", "blanks or invisible characters around it were taken off", "", "repair")


def _code_from_other(value: Any, number_format: str) -> Parsed:
    if isinstance(value, bool):
        raise Reject("K-004", f"is the logical value {str(value).upper()}, not text", f"Retype it as text: '{value}.")
    if isinstance(value, (date, time)):
        raise Reject("K-002", f"is a date{_date_shown(value)}, not text", "Retype it as text, with ' before it.")
    if not math.isfinite(value) or value != int(value):
        raise Reject("K-001", "is a number with decimals, not text", "Format the column as Text and retype it.")
    digits = str(int(value))
    if len(digits.lstrip("-")) > EXACT_DIGITS:
        raise Reject("K-005", "has over 15 digits; Excel has already rounded it", "Import the column as text.")
    if "E+" in number_format.upper():
        shown = f"{value:.2E}"
        raise Reject("K-003", f"shows {shown}: was it typed as {_as_typed(int(value))}?", "Retype it as text.")
    if "#,#" in number_format:
        raise Reject("K-003", f"shows {int(value):,}: one number, or several names?", "Retype it as text.")
    if re.fullmatch(r"0{2,}", number_format):
        digits = digits.zfill(len(number_format))
    remedy = "If zeros were lost in front, format the column as Text and retype."
    return digits, Fault("K-001", "is a number, not text; read as its digits", remedy, "warning")


def _as_typed(value: int) -> str:
    digits = str(value)
    zeros = len(digits) - len(digits.rstrip("0"))
    return f"{digits[: len(digits) - zeros]}E{zeros}" if zeros else digits


def _date_shown(value: date | time) -> str:
    if isinstance(value, time):
        return ""
    return (
        f" (probably {value:%b}-{value.day} or {value:%b}-{value:%y})".upper()
        .replace("PROBABLY", "probably")
        .replace("OR", "or")
    )


def _text(column: Column, value: Any, number_format: str) -> Parsed:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.strip()), None
    if isinstance(value, bool):
        return str(value).upper(), None
    if isinstance(value, (date, time)):
        raise Reject("K-002", "is a date, not text", "Retype it as text, with ' before it.")
    return f"{value:.15g}", None


def fold(word: str) -> str:
    """A word without case, blanks, hyphens and underscores: 'Pop-up' and 'popup' are one."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", word).casefold())


def _choice(column: Column, value: Any, number_format: str) -> Parsed:
    by_fold = {fold(choice): choice for choice in column.choices}
    word = by_fold.get(fold(str(value)))
    if word is None:
        close = nearest(str(value), column.choices)
        raise Reject("D-030", f"expected {column.expectation}", f'Did you mean "{close}"?' if close else "Choose one.")
    return word, None


def _list(column: Column, value: Any, number_format: str) -> Parsed:
    text, fault = _code(column, value, number_format)
    parts = [part for part in re.split(r"[,;\s]+", text) if part]
    if not column.choices:
        return ", ".join(parts), fault
    by_fold = {fold(choice): choice for choice in column.choices}
    odd = [part for part in parts if fold(part) not in by_fold]
    if odd:
        raise Reject("D-030", f'"{odd[0]}" is not known here; expected {column.expectation}', "Correct the word.")
    return ", ".join(by_fold[fold(part)] for part in parts), fault


def _flag(column: Column, value: Any, number_format: str) -> Parsed:
    word = str(value).strip().casefold()
    if word in ("yes", "y", "true", "1", "1.0", "x"):
        return True, None
    if word in ("no", "n", "false", "0", "0.0"):
        return False, None
    raise Reject("D-030", "expected yes or no", "Type yes or no.")


# ---------------------------------------------------------------------------------------------- numbers


def _number(column: Column, value: Any, number_format: str) -> Parsed:
    number, fault = _raw_number(value)
    if not math.isfinite(number):
        raise Reject("D-019", "is not a finite number", "Type the number.")
    number = _without_noise(number)
    _in_range(column, number)
    return number, fault


def _raw_number(value: Any) -> tuple[float, Fault | None]:
    if isinstance(value, bool):
        raise Reject("D-020", f"is the logical value {str(value).upper()}, not a number", "Type the number.")
    if isinstance(value, (date, time)):
        raise Reject("D-021", "is formatted as a date", "Change the format to Number.")
    if isinstance(value, str):
        return number_from_text(value)
    return float(value), None


def number_from_text(text: str) -> tuple[float, Fault | None]:
    """A plain number typed as text. Raises Reject: D-013, D-014, D-016, D-019; nothing is guessed from a locale."""
    word = text.strip()
    if _PLAIN_NUMBER.match(word):
        return float(word), Fault("D-015", "is a number stored as text; read as the number", "", "warning")
    if re.fullmatch(r"[+-]?(?:inf|infinity|nan)", word, re.IGNORECASE):
        raise Reject("D-019", "is not a finite number", "Type the number.")
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", word):
        whole, point = word.replace(",", ""), word.replace(",", ".")
        raise Reject("D-013", f"is text: {whole} or {point}?", "Convert the cell to a number.")
    if _GROUPED_NUMBER.match(word):
        hidden = next((f" It holds U+{ord(char):04X}." for char in word if not char.isascii()), "")
        raise Reject("D-014", f"is text with separators.{hidden}".rstrip("."), "Convert the cell to a number.")
    raise Reject("D-016", "holds letters or symbols; expected a plain number", "The unit stands in the header.")


def _without_noise(number: float) -> float:
    """12.000000000002 is 12."""
    near = round(number)
    return float(near) if abs(number - near) <= 1e-9 * max(1.0, abs(number)) and abs(number) < 1e15 else number


def _in_range(column: Column, number: float) -> None:
    low = number > column.low if column.low_open else number >= column.low
    high = number < column.high if column.high_open else number <= column.high
    if low and high:
        _believed(column, number)
        return
    if column.high == 1.0 and column.high_open and number == 1.0:
        raise Reject("D-018", "100 % would need stock without end", "Use 0.999 or less.")
    if column.high == 1.0 and 1.0 < number <= 100.0:
        raise Reject(
            "D-017", "is a percentage without its sign", f"Enter {number / 100:g}, or format it as {number:g} %."
        )
    code = "D-024" if column.low >= 0.0 and number < 0.0 else "D-031"
    raise Reject(code, f"expected {column.expectation}", "Correct the number.")


def _believed(column: Column, number: float) -> None:
    if abs(number) > column.believed:
        unit = f" {column.unit}" if column.unit else ""
        blank = ", or leave it blank: no limit" if column.blank == "no limit" else ""
        raise Reject("D-029", f"is over {column.believed:,.0f}{unit}, which nobody means", f"Correct it{blank}.")


def _whole(column: Column, value: Any, number_format: str) -> Parsed:
    number, fault = _raw_number(value)
    number = _without_noise(number) if math.isfinite(number) else number
    if not math.isfinite(number) or number != int(number) or number < column.low:
        raise Reject("D-025", f"expected {column.expectation}", "Correct the number.")
    _in_range(column, number)
    return number, fault


# ---------------------------------------------------------------------------------------------- dates


def _date(column: Column, value: Any, number_format: str) -> Parsed:
    if isinstance(value, datetime):
        day, cut = value.date(), value.time() != time()
    elif isinstance(value, date):
        day, cut = value, False
    elif isinstance(value, str):
        day, cut = date_from_text(value)
    else:
        raise _no_date(value)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Reject("T-004", f"is outside {FIRST_DAY} .. {LAST_DAY}", "Correct the year.")
    return day, Fault("T-006", "has a time of day; the day is used", "", "repair") if cut else None


def _no_date(value: Any) -> Reject:
    if isinstance(value, (bool, time)):
        return Reject("T-004", "is no date", "Type a date such as 2027-01-31.")
    return Reject("T-001", f"is a number, not a date{_serial_readings(value)}", "Format the column as Date.")


def _serial_readings(value: float) -> str:
    if not 1 <= value < 80_000:
        return ""
    old = date.fromordinal(date(1899, 12, 30).toordinal() + int(value))
    new = date.fromordinal(date(1904, 1, 1).toordinal() + int(value))
    return f"; as a date it is {old} (or {new} in a 1904 workbook)"


@lru_cache(maxsize=65_536)
def date_from_text(text: str) -> tuple[date, bool]:
    """An ISO date, and whether a time of day was cut off. Raises Reject for all other text (T-003, T-004, T-006)."""
    word = text.strip()
    iso = _ISO_DATE.match(word)
    if iso:
        try:
            day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        except ValueError:
            raise Reject("T-004", "is no day of the calendar", "Correct the date.") from None
        return day, any(part and int(part) for part in iso.groups()[3:])
    if _ZONED.match(word):
        raise Reject("T-006", "has a time zone", "Give the local day of the order, 2026-03-05.")
    raise Reject("T-003", f"is text{_slash_readings(word)}", "Use a real date, or text like 2026-03-05.")


def _slash_readings(word: str) -> str:
    match = _SLASH_DATE.match(word)
    if not match or len(match[3]) not in (2, 4):
        return " that is no ISO date"
    first, second = int(match[1]), int(match[2])
    if first <= 12 and second <= 12 and first != second:
        return f", ambiguous: day {first} of month {second}, or day {second} of month {first}"
    return " that is no ISO date"


def _period(column: Column, value: Any, number_format: str) -> Parsed:
    if isinstance(value, date):
        return value.isoformat()[:10], None
    return _code(column, value, number_format)


_BY_KIND: dict[str, Callable[[Column, Any, str], Parsed]] = {
    "code": _code, "text": _text, "choice": _choice, "list": _list, "flag": _flag, "number": _number, "whole": _whole,
    "date": _date, "period": _period,
}  # fmt: skip
