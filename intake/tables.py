"""Reading tables row by row: CSV, XLSX and GeoJSON, each row with the number by which people find it."""

from __future__ import annotations

import codecs
import csv
import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from shapely.errors import ShapelyError
from shapely.geometry import shape

from domain.traces import metres

ENCODINGS: Final = ("utf-8", "gb18030")
CHUNK: Final = 1 << 20
GEOJSON_MOST: Final = 200 << 20  # bytes; a GeoJSON is read whole
UNREADABLE_ROW: Final = "这一行读不出来：引号没有成对，或一格超过 13 万字"
LON, LAT, RADIUS = "geometry.lon", "geometry.lat", "geometry.radius_m"


class UnreadableTable(Exception):
    """The file itself can't be read; the sentence says why and what to do."""


@dataclass(frozen=True)
class RawRow:
    """One row: `line` as an editor shows it (CSV), the sheet's row (XLSX) or the feature's number (GeoJSON).

    `problem` is set where the row is no row of this table; `cells` then hold what could be read.
    """

    line: int
    cells: dict[str, Any]
    problem: str = ""


@dataclass
class Table:
    """An open table: its columns, how many rows it has (None where nobody knows), and the rows, once."""

    columns: tuple[str, ...]
    count: int | None
    rows: Iterator[RawRow]
    notes: list[str] = field(default_factory=list)


def open_table(path: Path, *, sheet: str | None = None, header: int = 1) -> Table:
    """The table of a file, told by its suffix. `header`: the row in which the columns are named.

    Raises UnreadableTable.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".txt", ".tsv"):
            return _csv(path, header)
        if suffix in (".xlsx", ".xlsm"):
            return _xlsx(path, sheet, header)
        if suffix in (".geojson", ".json"):
            return _geojson(path)
    except FileNotFoundError:
        raise UnreadableTable(f"{path}：文件不存在，请核对路径") from None
    except OSError as err:
        raise UnreadableTable(f"{path}：读不出来（{err.strerror}）") from None
    raise UnreadableTable(f"{path}：不认识后缀“{suffix}”，可用 .csv、.xlsx、.geojson")


def _columns(path: Path, names: list[str], line: int) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in names)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not any(columns):
        raise UnreadableTable(f"{path}:{line} 表头是空的；表头不在这一行时，请在映射里写 header")
    twice = next((c for c in columns if c and columns.count(c) > 1), None)
    if twice:
        raise UnreadableTable(f"{path}:{line} 表头里“{twice}”出现了两次，请改名")
    return columns


def _row(line: int, columns: tuple[str, ...], values: list[Any]) -> RawRow | None:
    """None for an empty row."""
    if all(v is None or (isinstance(v, str) and not v.strip()) for v in values):
        return None
    cells = {c: v for c, v in zip_longest(columns, values[: len(columns)]) if c}
    extra = [v for v in values[len(columns) :] if v not in (None, "")]
    problem = f"有 {len(values)} 列，表头只有 {len(columns)} 列，请检查逗号与引号" if extra else ""
    return RawRow(line, cells, problem)


# --- CSV -------------------------------------------------------------------------------------------


def _csv(path: Path, header: int) -> Table:
    encoding, lines = _encoding(path)
    file = path.open(encoding=encoding, newline="")
    try:
        head = [file.readline() for _ in range(header)][-1]
        delimiter = max(",;\t", key=head.count)
        file.seek(0)
        source = _Lines(file)
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        names = next((r for n, r in enumerate(reader, 1) if n == header), [])
        columns = _columns(path, names, header)
    except csv.Error as err:
        raise UnreadableTable(f"{path}:{header} 表头读不出来（{err}）") from None
    except UnreadableTable:
        file.close()
        raise

    def rows() -> Iterator[RawRow]:
        reading = reader
        with file:
            while True:
                line = source.mark()
                try:
                    values = next(reading)
                except StopIteration:
                    return
                except csv.Error:
                    source.back()
                    reading = csv.reader(source, delimiter=delimiter, strict=True)
                    yield RawRow(line, {}, UNREADABLE_ROW)
                    continue
                row = _row(line, columns, values)
                if row is not None:
                    yield row

    return Table(columns, max(0, lines - header), rows())


class _Lines:
    """The lines of a file, of which those of the row being read can be had again.

    A quote that nobody closes would else swallow every row after it.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._row.append(line)
        return line

    def mark(self) -> int:
        """A new row begins; gives its line."""
        self._line += len(self._row)
        self._row.clear()
        return self._line

    def back(self) -> None:
        """Goes on after the first line of the row that can't be read."""
        self._again.extendleft(reversed(self._row[1:]))
        del self._row[1:]


def _encoding(path: Path) -> tuple[str, int]:
    """The encoding that fits the whole file, and its lines; read by and by."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", _decoded(path, "utf-16")
    if start.startswith(b"PK\x03\x04"):
        raise UnreadableTable(f"{path}：内容是 Excel 工作簿，请把后缀改为 .xlsx")
    for encoding in ENCODINGS:
        try:
            lines = _decoded(path, encoding)
        except UnicodeDecodeError:
            continue
        return ("utf-8-sig" if encoding == "utf-8" else encoding), lines
    raise UnreadableTable(f"{path}：既不是 UTF-8 也不是 GB18030，请另存为 UTF-8 的 CSV")


def _decoded(path: Path, encoding: str) -> int:
    decoder, lines, last = codecs.getincrementaldecoder(encoding)(), 0, "\n"
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = decoder.decode(chunk)
            lines += text.count("\n")
            last = text[-1:] or last
        decoder.decode(b"", final=True)
    return lines + (last != "\n")


# --- XLSX ------------------------------------------------------------------------------------------


def _xlsx(path: Path, sheet: str | None, header: int) -> Table:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as err:
        raise UnreadableTable(
            f"{path}：不是 Excel 工作簿（.xlsx），旧的 .xls 请另存为 .xlsx（{type(err).__name__}）"
        ) from None
    if sheet is not None and sheet not in book.sheetnames:
        raise UnreadableTable(f"{path}：没有工作表“{sheet}”，现有：{'、'.join(book.sheetnames)}")
    page = book[sheet] if sheet is not None else book.worksheets[0]
    values = page.iter_rows(values_only=True)
    names = next((row for n, row in enumerate(values, 1) if n == header), ())
    columns = _columns(path, ["" if v is None else str(v) for v in names], header)

    def rows() -> Iterator[RawRow]:
        try:
            for line, cells in enumerate(values, header + 1):
                row = _row(line, columns, list(cells))
                if row is not None:
                    yield row
        finally:
            book.close()

    return Table(columns, None if not page.max_row else max(0, page.max_row - header), rows())


# --- GeoJSON ---------------------------------------------------------------------------------------


def _geojson(path: Path) -> Table:
    if path.stat().st_size > GEOJSON_MOST:
        raise UnreadableTable(f"{path}：超过 {GEOJSON_MOST >> 20} MB，请拆成几个文件")
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableTable(f"{path}：GeoJSON 应为 UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as err:
        line = getattr(err, "lineno", 1)
        raise UnreadableTable(f"{path}:{line} 不是合法的 JSON，请检查引号、逗号和括号") from None
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list):
        raise UnreadableTable(f"{path}：不是 GeoJSON 的 FeatureCollection（缺少 features）")
    columns: dict[str, None] = {}
    for feature in features:
        properties = feature.get("properties") if isinstance(feature, dict) else None
        columns.update(dict.fromkeys(properties if isinstance(properties, dict) else ()))
    names = (*columns, LON, LAT, RADIUS)
    return Table(names, len(features), (_feature(n, f) for n, f in enumerate(features, 1)))


def _feature(n: int, feature: Any) -> RawRow:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    cells = dict(properties) if isinstance(properties, dict) else {}
    try:
        return RawRow(n, {**cells, **_spot(feature["geometry"])})
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError):
        return RawRow(n, cells, "几何（geometry）读不出来，应为 Point 或 Polygon，坐标为 [经度, 纬度]")


def _spot(geometry: Any) -> dict[str, Any]:
    """A point as it is; of an area a point inside it, and the radius of the circle that holds it all."""
    if geometry["type"] == "Point":
        lon, lat = (float(x) for x in geometry["coordinates"][:2])
        return {LON: lon, LAT: lat}
    area = shape(geometry)
    if area.is_empty:
        raise ValueError("empty")
    inside = area.representative_point()
    corners = area.convex_hull.boundary.coords if area.area else area.envelope.boundary.coords
    radius = max((metres(inside.x, inside.y, x, y) for x, y, *_ in corners), default=0.0)
    return {LON: round(inside.x, 7), LAT: round(inside.y, 7), RADIUS: math.ceil(radius)}
