"""Placing: how many places a second, how long the polygons take to load, and how much memory they keep."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import date

from bench.report import Row
from geo.atlas import load
from geo.placing import place
from runtime.rules import Rules

_SECONDS = 2.0
_INLAND = (101.0, 26.0, 116.0, 39.0)  # west, south, east, north of a box without a coast
_DAY = date(2026, 9, 1)
_LOAD = """
import os, time, psutil
from geo.atlas import load
import geo.placing
before, start = psutil.Process().memory_info().rss, time.perf_counter()
load()
print(time.perf_counter() - start, (psutil.Process().memory_info().rss - before) / 2**20)
"""


def run(rules: Rules) -> list[Row]:
    """The atlas is loaded in a process of its own for time and memory, then here for the rates."""
    said = subprocess.run([sys.executable, "-c", _LOAD], check=True, capture_output=True, text=True).stdout
    seconds, megabytes = map(float, said.split())
    return [
        Row("属地：读入界线图", seconds, "秒", "每个进程一次，第一次用到时"),
        Row("属地：界线图占内存", megabytes, "MB", "2,891 个区县"),
        Row("属地：判定一处，按点", _rate(rules, 0.0), "处/秒", "内陆随机点，含建议与依据"),
        Row("属地：判定一处，误差 20 公里", _rate(rules, 20_000.0), "处/秒", "同上"),
    ]


def _rate(rules: Rules, radius: float) -> float:
    atlas, chance = load(), random.Random(4)
    west, south, east, north = _INLAND

    def once() -> None:
        lon, lat = chance.uniform(west, east), chance.uniform(south, north)
        place(atlas, rules, lon, lat, on=_DAY, radius_m=radius, matter="solid_waste")

    for _ in range(200):
        once()
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < _SECONDS:
        once()
        done += 1
    return done / spent
