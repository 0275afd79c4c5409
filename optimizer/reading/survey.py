"""What the raw XML of a sheet says that a parser of values does not: merges, hidden rows, formulas without a result.

For a large sheet it also counts, per column, which types and styles of cell occur; that decides whether the fast reader
may be trusted with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_MERGE = re.compile(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z]+\d+:[A-Z]+\d+)"')
_ROW = re.compile(rb"<(?:\w+:)?row ([^>]*)>")
_ROW_NUMBER = re.compile(rb'\br="(\d+)"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]+)\d+"([^>]*)>')
_UNCACHED = re.compile(
    rb'<(?:\w+:)?c r="([A-Z]+\d+)"[^>]*>\s*<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*'
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")


@dataclass
class Survey:
    """Facts about one sheet part; ``kinds`` counts (column letter, raw attributes) of the cells below the header."""

    last_row: int = 0
    rows: int = 0
    merged: list[str] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    repeated: int = 0  # the first row number that occurs twice, 0 = none
    uncached: set[str] = field(default_factory=set)
    formulas: int = 0
    kinds: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)


def survey(chunks: Iterable[bytes], header_row: int | None = None) -> Survey:
    """Scan a sheet part. With ``header_row`` the types of the cells below it are counted too."""
    facts = Survey()
    for piece in _whole_rows(chunks):
        _rows(facts, piece)
        facts.merged.extend(ref.decode() for ref in _MERGE.findall(piece))
        if _FORMULA.search(piece):
            facts.formulas += len(_FORMULA.findall(piece))
            facts.uncached.update(ref.decode() for ref in _UNCACHED.findall(piece))
        if header_row is not None:
            facts.kinds.update(_CELL.findall(_below(piece, header_row)))
    return facts


def _whole_rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end where a row ends."""
    rest = b""
    for chunk in chunks:
        piece = rest + chunk
        cut = max(piece.rfind(end) + len(end) if end in piece else 0 for end in (b"</row>", b":row>"))
        rest = piece[cut:]
        if cut:
            yield piece[:cut]
    yield rest


def _rows(facts: Survey, piece: bytes) -> None:
    for attributes in _ROW.findall(piece):
        facts.rows += 1
        number = _ROW_NUMBER.search(attributes)
        row = int(number[1]) if number else facts.last_row + 1
        if row <= facts.last_row and not facts.repeated:
            facts.repeated = row
        facts.last_row = max(row, facts.last_row)
        if b"hidden" in attributes and _HIDDEN.search(attributes):
            facts.hidden.append(row)


def _below(piece: bytes, header_row: int) -> bytes:
    header = re.search(rb'<(?:\w+:)?row [^>]*\br="%d"' % header_row, piece)
    if not header:
        return piece
    end = piece.find(b"</row>", header.start())
    return piece[end:] if end >= 0 else b""
