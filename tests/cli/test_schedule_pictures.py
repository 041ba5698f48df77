"""The pictures of the guide are what the program draws from the requests beside them."""

import asyncio
import json
import os
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.town.office import Json
from tests.town.town import Town
from tocsin.cli.frame import Frame
from tocsin.cli.node import Node
from tocsin.cli.schedule import Viewed, look, show
from tocsin.cli.schedule.drawing import drawn, plain

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "schedule-pictures.md"
NOW = datetime(2027, 3, 10, 13, 20, tzinfo=UTC)  # as the page says
WIDTH = 80
REDRAW = "TOCSIN_REDRAW"  # set to write the pictures into the page instead of comparing them

PEOPLE = ("Ada", "Bo", "Grace", "Kenji", "Yuki", "Luz", "Max")
FENCE = re.compile(r"^```(json|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REQUEST = re.compile(r"^POST (\S+)\n(.*?)(?=^POST |\Z)", re.MULTILINE | re.DOTALL)


async def test_every_picture_is_what_the_program_draws(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.set_clock(NOW)
    await _move_in(town)
    monkeypatch.setenv("TOCSIN_URL", town.url)
    monkeypatch.setenv("TOCSIN_TOKEN", town.token)
    page = PAGE.read_text(encoding="utf-8")
    redrawn, position, picture = "", 0, ""
    made: dict[str, str] = {}
    for fence in FENCE.finditer(page):
        language, body = fence.groups()
        if language == "json":
            await _post(town, body, made)
        elif language == "sh":
            picture = await asyncio.to_thread(_drawn, body)
        else:
            redrawn += page[position : fence.start(2)] + picture
            position = fence.end(2)
    redrawn += page[position:]
    if os.environ.get(REDRAW):
        await asyncio.to_thread(PAGE.write_text, redrawn, encoding="utf-8")
    assert redrawn == page, f"run this test with {REDRAW}=1 to draw the pictures anew, and look at them"


async def _move_in(town: Town) -> None:
    rows = ", ".join(
        f"('{f'P{name.upper()}'.ljust(7, '0')}', '{name}', '{name}@town.example', 'user')" for name in PEOPLE
    )
    order = f"INSERT INTO app_user (id, name, email, role) VALUES {rows}"
    await town.house.store.work(lambda turn: turn.connection.execute(order.encode()))


async def _post(town: Town, text: str, made: dict[str, str]) -> None:
    """Send the requests of a fence; `made` remembers the ids that later ones have in their paths."""
    for path, body in REQUEST.findall(text):
        family = "/v3/schedules" if path.startswith("/v3/") else "/schedules"
        where = path.replace("{id}", made.get(family, ""))
        if "{rotation_id}" in where:
            rotation: Json = await town.office.do("POST", f"{family}/{made[family]}/rotations")
            where = where.replace("{rotation_id}", rotation["rotation"]["id"])
        answer = await town.office.do("POST", where, json.loads(body))
        if path == family:
            made[family] = answer["schedule"]["id"]


def _drawn(line: str) -> str:
    """Return what a command of the page draws, as it stands in a fence."""
    words = shlex.split(line)
    assert words[:3] == ["tocsin", "schedule", "show"]
    form = Viewed(**show.make_context("show", words[3:], obj=Frame()).params)
    with Node(Frame()) as node:
        picture = look(node, form, NOW).picture
    return "".join(f"{plain(drawn_line)}\n" for drawn_line in drawn(picture, WIDTH))
