"""The small parts of a workbook archive: which sheet lies in which part, the calendar, the number formats."""

from __future__ import annotations

import posixpath
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from .refusals import damaged, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclass(frozen=True)
class SheetPart:
    """One sheet of the archive: its name, the part that holds it, its state, its unpacked size."""

    name: str
    part: str
    hidden: bool
    bytes: int


def sheet_parts(path: Path, archive: zipfile.ZipFile) -> tuple[SheetPart, ...]:
    """Every worksheet with its part. Raises InputInvalid (F-005, F-006)."""
    targets = {
        item.get("Id"): _target(item.get("Target", ""))
        for item in _tree(path, archive, "xl/_rels/workbook.xml.rels")
        if item.get("Type", "").endswith("/worksheet")
    }
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    found = []
    for item in _every(_tree(path, archive, "xl/workbook.xml"), "sheet"):
        part = targets.get(item.get(_RELATION) or item.get(_STRICT_RELATION))
        if part is None:
            continue  # a chart sheet
        if part not in sizes:
            raise damaged(path, part, item.get("name", ""))
        found.append(SheetPart(item.get("name", ""), part, item.get("state", "visible") != "visible", sizes[part]))
    if not found:
        raise invalid("F-005", path, "holds no worksheet", "Save it again in Excel.")
    return tuple(found)


def _target(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))


def date_and_calculation(path: Path, archive: zipfile.ZipFile) -> tuple[bool, bool]:
    """Whether days count from 1904, and whether formulas are calculated by hand only."""
    tree = _tree(path, archive, "xl/workbook.xml")
    epoch = any(item.get("date1904", "0") in ("1", "true") for item in _every(tree, "workbookPr"))
    manual = any(item.get("calcMode", "auto") == "manual" for item in _every(tree, "calcPr"))
    return epoch, manual


def number_formats(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    """The number format of each cell style, by its number."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    if "xl/styles.xml" not in archive.namelist():
        return ()
    tree = _tree(path, archive, "xl/styles.xml")
    own = {int(item.get("numFmtId", "0")): item.get("formatCode", "") for item in _every(tree, "numFmt")}
    styles = next(_every(tree, "cellXfs"), ())
    known = {**BUILTIN_FORMATS, **own}
    return tuple(known.get(int(item.get("numFmtId", "0")), "General") for item in styles)


def _tree(path: Path, archive: zipfile.ZipFile, part: str) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(archive.read(part))
    except (KeyError, ParseError, DefusedXmlException, ValueError):
        raise damaged(path, part) from None


def _every(tree: Element, tag: str) -> Iterator[Element]:
    return (item for item in tree.iter() if isinstance(item.tag, str) and item.tag.rpartition("}")[2] == tag)
