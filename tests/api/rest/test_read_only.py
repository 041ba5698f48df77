"""Read-only tokens: they see what their owner sees and change nothing, whichever operation they try."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from msgspec import structs

from tests.api.desk import Desk
from tests.api.rest.cover_crew import PATH, a_crew
from tocsin.api.kit import discovered
from tocsin.api.kit.operation import Operation

_OPERATIONS = discovered("tocsin.api.rest")
_CHANGING = [each for each in _OPERATIONS if not each.reads]
_ASKING = [each for each in _OPERATIONS if each.reads and each.method != "GET"]


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _path(operation: Operation) -> str:
    return re.sub(r"\{\w+\}", "PNOBODY", operation.path)


async def _asked(api: httpx2.AsyncClient, operation: Operation) -> httpx2.Response:
    return await api.request(operation.method, _path(operation), json={})


async def test_a_read_only_token_changes_nothing_by_any_operation(desk: Desk) -> None:
    """Operations with rules of their own and those that ask the permission table are refused alike, and first."""
    ada = await desk.person("Ada")
    reader = await desk.account(read_only=True)
    reader.headers["from"] = ada.email
    assert len(_CHANGING) > 70
    for operation in _CHANGING:
        answer = await _asked(reader, operation)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, 2010), _name(operation)
        assert "read-only token" in str(answer.json()["error"]["errors"])


@pytest.mark.parametrize("operation", _ASKING, ids=_name)
async def test_a_read_only_token_may_ask_what_would_happen(desk: Desk, operation: Operation) -> None:
    reader = await desk.account(read_only=True)
    assert (await _asked(reader, operation)).status_code == 400


async def test_a_read_only_token_answers_no_cover_request(database: str, tmp_path: Path) -> None:
    """The reader is the very person who was asked, or who asks: the token decides, not the person."""
    async with a_crew(database, tmp_path) as crew:
        actors = crew.at.house.actors
        for name in ("ada", "bo"):
            actors[f"{name} reads"] = structs.replace(actors[name], read_only=True)
        request = await crew.asked(asked=[crew.ada])
        for deed, by in (("accept", "ada"), ("decline", "ada"), ("withdraw", "bo"), ("keep", "bo")):
            refusal = await crew.at.refused("POST", f"{PATH}/{request['id']}/{deed}", by=f"{by} reads")
            assert refusal == (403, 2010), deed
        seen = await crew.at.done("GET", f"{PATH}/{request['id']}", by="ada reads")
        assert (seen["state"], seen["taker"]) == ("open", None)
