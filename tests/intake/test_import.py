"""A table brought in on real services: once, again, cut off, killed, with the ledger behind; one clue a row."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.model import Actor, Answer, Json
from domain.suspects import Asked, Known, Measures, Suspect
from intake.importer import Clues, Import, Result
from intake.mapping import Mapping, load_mapping, load_measures
from intake.tables import RawRow, open_table
from ledger import database, met
from ledger.reader import Records
from ledger.verify import verify
from runtime.client import ClueClient
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.chaos.ground import ROOT, worker_process
from worker import run_worker

ACTOR = Actor("320583.eco", "officer", "甲")
HEAD = "任务编号,经度,纬度,行政区划代码,影像时间,疑似类型,位置描述"


class Cut(Exception):
    """The end of the process, in a test."""


class CutOff:
    """Clues whose sender dies after so many reports; some of the last are accepted with nobody there to hear."""

    def __init__(self, clues: ClueClient, after: int) -> None:
        self._clues, self._left = clues, after

    async def report(self, actor: Actor, data: Json, command_id: str, clue_no: str | None = None) -> Answer:
        if self._left <= 0:
            raise Cut
        self._left -= 1
        answer = await self._clues.report(actor, data, command_id, clue_no)
        if self._left <= 0:
            raise Cut
        return answer

    def __getattr__(self, name: str) -> object:
        return getattr(self._clues, name)


class Behind:
    """A ledger that has heard of nothing yet."""

    async def known(self, command_ids: Sequence[str]) -> dict[str, Known]:
        return {}

    async def resembling(self, asked: Sequence[Asked], measures: Measures) -> list[tuple[Suspect, ...]]:
        return [() for _ in asked]


class Desk:
    """One source on the run's services, under an id of its own so that tests do not meet."""

    def __init__(self, clues: ClueClient, engine: AsyncEngine, folder: Path) -> None:
        self.clues, self.engine, self._folder = clues, engine, folder
        self.mapping: Mapping = replace(load_mapping("satellite"), id=f"t-{uuid4().hex[:10]}")

    def file(self, rows: Sequence[str]) -> Path:
        path = self._folder / f"{uuid4().hex}.csv"
        path.write_text("\n".join([HEAD, *rows]))
        return path

    async def bring(
        self,
        file: Path,
        clues: Clues | None = None,
        *,
        behind: bool = False,
        actor: Actor = ACTOR,
        dry_run: bool = False,
        anyway: bool = False,
    ) -> list[Result]:
        told: list[Result] = []

        def hear(row: RawRow, result: Result) -> None:
            told.append(result)

        going = Import(
            clues or self.clues, Behind() if behind else met.Reports(self.engine), self.mapping, load_measures(),
            actor, datetime.now(UTC), hear, dry_run=dry_run, anyway=anyway,
        )  # fmt: skip
        await going.run(open_table(file))
        return sorted(told, key=lambda r: r.line)

    async def reports(self) -> list[str]:
        """The commands that made this source's clues, once the ledger has `settled`."""
        query = text("SELECT command_id FROM clue_event WHERE seq = 1 AND command_id LIKE :head")
        async with self.engine.connect() as connection:
            found = await connection.execute(query, {"head": f"import:{self.mapping.id}:%"})
            return [row.command_id for row in found]

    async def settled(self, count: int) -> list[str]:
        async with asyncio.timeout(60):
            while True:
                if len(found := await self.reports()) >= count:
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture
async def desk(
    temporal_client: Client, temporal_settings: Settings, database_url: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    engine, queue = database.writer(database_url), str(uuid4())
    rules = load_rules()
    async with run_worker(
        temporal_client, engine, rules, temporal_settings, task_queue=queue, archivist=False
    ):
        clues = ClueClient(temporal_client, rules, task_queue=queue, ledger=Records(engine))
        yield Desk(clues, engine, tmp_path)
    await engine.dispose()


def rows(count: int, **changed: str) -> list[str]:
    """Rows of places far apart; `changed`: another description for the row of that number."""
    return [
        f"WX-{n:05},{118 + n % 400 / 100},{30 + n // 400 / 10},320583,2026-11-02 10:32:00,其他,"
        f"{changed.get(f'n{n}', f'点位 {n}')}"
        for n in range(count)
    ]


def kinds(results: Sequence[Result]) -> list[str]:
    return [r.kind for r in results]


async def test_a_file_brought_in_twice_makes_one_clue_a_row(desk: Desk) -> None:
    file = desk.file(rows(20))
    assert kinds(await desk.bring(file)) == ["new"] * 20
    found = await desk.settled(20)
    assert len(set(found)) == 20
    assert kinds(await desk.bring(file)) == ["there"] * 20
    assert sorted(await desk.reports()) == sorted(found)


async def test_bad_rows_are_told_and_the_others_go_on(desk: Desk) -> None:
    lines = [*rows(3), "WX-9,x,30,320583,2026-11-02 10:32:00,其他,", *rows(5)[3:]]
    results = await desk.bring(desk.file(lines))
    assert kinds(results) == ["new", "new", "new", "bad", "new", "new"]
    assert (results[3].line, results[3].field) == (5, "经度")


async def test_what_the_rules_refuse_is_told_by_its_column(desk: Desk) -> None:
    future = "WX-9,120,30,320583,2099-11-02 10:32:00,其他,"
    (result,) = await desk.bring(desk.file([future]))
    assert (result.kind, result.field) == ("bad", "影像时间")
    assert "晚于现在" in result.reason
    assert kinds(await desk.bring(desk.file([future]), dry_run=True)) == ["bad"]


async def test_a_place_without_an_addressee_is_made_and_said(desk: Desk) -> None:
    file = desk.file(["A,123.6,31.0,,2026-11-02,建筑垃圾,远海", "B,120.9,31.1,999999,2026-11-02,建筑垃圾,"])
    for dry_run in (True, False):
        at_sea, nowhere = await desk.bring(file, dry_run=dry_run)
        assert (at_sea.kind, at_sea.to_agency) == ("new", None)
        assert "没有承办方" in at_sea.note
        assert (nowhere.kind, nowhere.field) == ("bad", "行政区划代码")


async def test_a_dry_run_writes_nothing_and_says_what_would_happen(desk: Desk) -> None:
    lines = [row.replace("320583", "310118") for row in rows(3)]
    results = await desk.bring(desk.file(lines), dry_run=True)
    assert [(r.kind, r.to_agency) for r in results] == [("new", "310118.eco")] * 3
    assert "house" in results[0].packs
    assert await desk.reports() == []
    with pytest.raises(Exception, match="没有线索"):
        await desk.clues.state(results[0].clue_no)


async def test_other_content_under_the_same_key_is_told_and_not_lost(desk: Desk) -> None:
    await desk.bring(desk.file(rows(2)))
    await desk.settled(2)
    file = desk.file(rows(2, n1="改过的点位"))
    results = await desk.bring(file)
    assert kinds(results) == ["there", "changed"]
    assert results[1].field == "place.address"
    assert "amend_clue" in results[1].reason
    clue_no, changes = results[1].clue_no, {"place": {"address": "改过的点位"}}
    await desk.clues.do(clue_no, "amend_clue", ACTOR, {"changes": changes}, "amended-" + clue_no)
    async with asyncio.timeout(60):
        while True:
            if kinds(await desk.bring(file)) == ["there", "there"]:
                break
            await asyncio.sleep(0.1)
    assert len(await desk.reports()) == 2


async def test_a_key_twice_in_one_file(desk: Desk) -> None:
    file = desk.file([*rows(1), *rows(1), *rows(1, n0="另一说")])
    results = await desk.bring(file)
    assert kinds(results) == ["new", "there", "changed"]
    assert "第 2 行" in results[2].reason
    assert len(await desk.settled(1)) == 1


async def test_with_the_ledger_behind_the_clues_themselves_answer(desk: Desk) -> None:
    file = desk.file(rows(10))
    await desk.bring(file, behind=True)
    found = await desk.settled(10)
    assert kinds(await desk.bring(file, behind=True)) == ["there"] * 10
    other = replace(ACTOR, name="乙")
    assert kinds(await desk.bring(file, behind=True, actor=other)) == ["there"] * 10
    changed = await desk.bring(desk.file(rows(10, n3="改过")), behind=True)
    assert kinds(changed) == ["there"] * 3 + ["changed"] + ["there"] * 6
    assert sorted(await desk.reports()) == sorted(found)


@pytest.mark.parametrize("seed", range(5))
async def test_cut_off_after_some_reports_and_run_again(desk: Desk, seed: int) -> None:
    chance, count = random.Random(seed), 40
    file = desk.file(rows(count))
    for _ in range(2):
        with pytest.raises(Cut):
            await desk.bring(file, CutOff(desk.clues, chance.randrange(1, 15)))
    results = await desk.bring(file, behind=chance.random() < 0.5)
    assert set(kinds(results)) <= {"new", "there"}
    found = await desk.settled(count)
    assert len(found) == len(set(found)) == count
    assert await verify(desk.engine) == []


async def test_a_suspected_duplicate_is_held_back_until_anyway(desk: Desk) -> None:
    desk.mapping = replace(load_mapping("hotline"), id=desk.mapping.id)
    path = desk.file([])
    head = "工单编号,诉求标题,受理时间,行政区划代码,涉事车牌"
    path.write_text(
        f"{head}\nA1,倾倒,2026/11/05 08:12:00,310118,苏E·{(n := uuid4().hex[:5].upper())}\n"
        f"A2,又见倾倒,2026/11/06 08:12:00,310118,苏e {n.lower()}\n"
    )
    first, second = await desk.bring(path, dry_run=True)
    assert (first.kind, second.kind) == ("new", "suspected")
    assert second.suspects[0].clue_no == first.clue_no
    await desk.bring(path)
    await desk.settled(1)
    first, second = await desk.bring(path)
    assert (first.kind, second.kind) == ("there", "suspected")
    assert "车牌相同" in second.reason
    assert kinds(await desk.bring(path, anyway=True)) == ["there", "new"]
    await desk.settled(2)
    kept = first.clue_no
    reason = {"clue_no": kept, "reason": "同一辆车"}
    await desk.clues.do(second.clue_no, "merge_into", ACTOR, reason, "merged-" + second.clue_no)
    assert (await desk.clues.state(second.clue_no)).merged_into == kept


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_run_again_as_a_process(
    seed: int, temporal_settings: Settings, temporal_client: Client, database_url: str, tmp_path: Path
) -> None:
    """`starter.py import` ended by SIGKILL once a number of reports by chance is in the ledger, then run again."""
    count, after = 120, random.Random(seed).randrange(5, 90)
    text_ = (ROOT / "rules/intake/satellite.yaml").read_text()
    source = f"k-{uuid4().hex[:10]}"
    mapping = tmp_path / "m.yaml"
    mapping.write_text(text_.replace("id: satellite", f"id: {source}"))
    file = tmp_path / "rows.csv"
    file.write_text("\n".join([HEAD, *rows(count)]))
    queue = f"killed-{uuid4().hex}"
    argv = [
        sys.executable, "starter.py", "import", str(file), "--mapping", str(mapping),
        "--as", "320583.eco:officer:甲", "--json",
    ]  # fmt: skip
    address = temporal_settings.temporal_address
    assert address is not None
    with worker_process(tmp_path, address, database_url, queue) as worker:
        asyncio.run(worker.up())
        environ = {
            "PATH": "/usr/bin:/bin", "DATABASE_URL": database_url, "TEMPORAL_ADDRESS": address,
            "CLUEFLOW_TASK_QUEUE": queue, "CLUEFLOW_DATA_DIR": str(tmp_path),
        }  # fmt: skip
        killed = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while _count(database_url, source) < after and time.monotonic() < deadline and killed.poll() is None:
            time.sleep(0.01)
        assert killed.poll() is None, "it was done before it could be killed"
        killed.kill()
        killed.wait()
        again = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
        assert again.returncode == 0, again.stdout + again.stderr
        while _count(database_url, source) < count and time.monotonic() < deadline + 60:
            time.sleep(0.05)
        assert _count(database_url, source) == _count(database_url, source, distinct=True) == count
        third = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert f'"there":{count}' in third.stdout


def _count(url: str, source: str, *, distinct: bool = False) -> int:
    what = "count(DISTINCT command_id)" if distinct else "count(*)"

    async def counted() -> int:
        engine = database.create(url, ping=False, pool_size=1)
        query = text(f"SELECT {what} FROM clue_event WHERE seq = 1 AND command_id LIKE :head")
        try:
            async with engine.connect() as connection:
                return int((await connection.execute(query, {"head": f"import:{source}:%"})).scalar_one())
        finally:
            await engine.dispose()

    return asyncio.run(counted())
