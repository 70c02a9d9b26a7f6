"""The API: the contract's JSON, one status for each error code, and headers on every answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import CODES
from domain.view import view
from ledger import database
from tests.ledger.cases import rulebook
from tests.web.house import BOATS, DRILL, EVIL, LATE, NOW, PERSONAL, QUIET, boats, services
from web.app import create_app
from web.errors import STATUS
from web.security import HEADERS


def test_each_error_code_has_one_status() -> None:
    assert set(STATUS) == set(CODES)
    assert all(400 <= status < 500 for status in STATUS.values())
    assert STATUS["unknown_clue"] == 404


async def test_a_clue_is_what_a_query_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/clues/{BOATS}")
    assert answer.status_code == 200
    expected = view(boats().state, NOW, rulebook()) | {"own_rules": False}  # nobody kept its runs
    got = answer.json()
    assert {k: v for k, v in got.items() if k != "clue"} == {k: v for k, v in expected.items() if k != "clue"}
    assert not [word for word in PERSONAL if word in answer.text]


async def test_as_of_tells_what_was_known_then(client: httpx.AsyncClient) -> None:
    address = f"/api/v1/clues/{BOATS}"
    then = (await client.get(address, params={"as_of": "2024-04-03T16:40:00+08:00"})).json()
    assert (then["stage"], then["age_days"], len(then["timeline"])) == ("notified", 0, 6)
    assert {d["id"]: d["status"] for d in then["duties"]}["ack"] == "open"
    later = (await client.get(f"{address}?as_of=2024-05-10T00:00:00+08:00")).json()  # the + not encoded
    assert later["level"] == 4
    before = await client.get(address, params={"as_of": "2024-04-01T00:00:00+08:00"})
    assert (before.status_code, before.json()["code"]) == (404, "unknown_clue")


async def test_days_are_added_where_asked_for(client: httpx.AsyncClient) -> None:
    plain = (await client.get(f"/api/v1/clues/{BOATS}")).json()
    explained = (await client.get(f"/api/v1/clues/{BOATS}?days=1")).json()
    assert "days" not in plain["duties"][0]
    assert explained["duties"][0]["days"][0] == {"date": "2024-04-03", "counted": False, "why": "触发日"}


async def test_the_list_is_paged(client: httpx.AsyncClient) -> None:
    first = (await client.get("/api/v1/clues?limit=2")).json()
    second = (await client.get("/api/v1/clues", params={"limit": 2, "after": first["next"]})).json()
    third = (await client.get("/api/v1/clues", params={"limit": 2, "after": second["next"]})).json()
    pages = [[clue["clue_no"] for clue in page["clues"]] for page in (first, second, third)]
    assert pages == [[LATE, DRILL], [EVIL, QUIET], [BOATS]]
    assert third["next"] is None
    assert first["clues"][0]["next_due_at"] == "2024-03-29T13:10:00+08:00"
    assert first["clues"][0]["level"] == 3


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/api/v1/clues/XS-404", 404, "unknown_clue"),
        ("GET", "/api/v1/clues/..", 404, "not_found"),
        ("GET", "/api/v1/clues/a b", 400, "invalid_input"),
        ("GET", f"/api/v1/clues/{BOATS}?as_of=yesterday", 400, "invalid_input"),
        ("GET", f"/api/v1/clues/{BOATS}?as_of=2024-04-08T10:00:00", 400, "invalid_input"),
        ("GET", f"/api/v1/clues/{BOATS}?days=maybe", 400, "invalid_input"),
        ("GET", "/api/v1/clues?agency=999999.nowhere", 422, "unknown_agency"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("POST", "/api/v1/clues", 405, "method_not_allowed"),
        ("DELETE", f"/api/v1/clues/{BOATS}", 405, "method_not_allowed"),
    ],
)
async def test_mistakes_are_answered_with_a_code_and_a_sentence(
    client: httpx.AsyncClient, method: str, address: str, status: int, code: str
) -> None:
    answer = await client.request(method, address)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert any("一" <= letter <= "鿿" for letter in answer.json()["message"])


async def test_every_answer_carries_the_headers(client: httpx.AsyncClient) -> None:
    for address in ("/", f"/clues/{BOATS}", "/clues/XS-404", "/api/v1/clues", "/static/live.js", "/healthz"):
        answer = await client.get(address)
        assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS), address
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert (await client.get("/")).headers["Cache-Control"] == "no-store"


async def test_nothing_is_loaded_from_elsewhere(client: httpx.AsyncClient) -> None:
    for address in ("/docs", "/redoc"):  # FastAPI's own, which load scripts from a CDN
        assert (await client.get(address)).status_code == 404
    for address in ("/", f"/clues/{BOATS}"):
        text = (await client.get(address)).text
        assert "http://" not in text
        assert "https://" not in text
        assert " style=" not in text
    assert (await client.get("/api/v1/openapi.json")).json()["info"]["title"] == "线索通 ClueFlow"


async def test_a_broken_page_says_so_without_telling_more(filled: AsyncEngine) -> None:
    def broken() -> None:
        raise RuntimeError("the secret of the house")

    app = create_app(services(filled, now=broken))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as client:
        answer = await client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "程序出错" in answer.text
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


@pytest.fixture
async def stranded() -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of a house whose database is away."""
    engine = database.create("postgresql://nobody@127.0.0.1:1/none")
    transport = httpx.ASGITransport(create_app(services(engine)))
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as client:
        yield client
    await engine.dispose()


async def test_without_a_database_it_says_so(stranded: httpx.AsyncClient) -> None:
    for address in ("/", f"/clues/{BOATS}", "/api/v1/clues"):
        answer = await stranded.get(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "5"
    health = await stranded.get("/healthz")
    assert (health.status_code, health.json()["ledger"]) == (503, False)


async def test_health(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_documentation_names_the_same_statuses() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pages.md").read_text()
    rows = re.findall(r"^\| (4\d\d) \| (.*) \|$", text, re.MULTILINE)
    told = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert {code: told.get(code) for code in STATUS} == dict(STATUS)
