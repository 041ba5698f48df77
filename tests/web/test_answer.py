"""Answering from a link: looking changes nothing, the button answers, and the page says what happened."""

from datetime import timedelta

import pytest
import structlog

from tests.web.browser import Desk


async def test_opening_a_link_shows_the_incident_and_changes_nothing(desk: Desk) -> None:
    path = await desk.link()
    async with desk.browser() as browser:
        for method in ("GET", "HEAD"):
            assert (await browser.request(method, path)).status_code == 200
        answer = await browser.get(path)
        for word in ("#1042", "Disk full", "Payments", "Bo Larsen", "03:07 CET, 24 November 2026", "Triggered"):
            assert word in answer.text
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            refused = await browser.request(method, path)
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    assert desk.clipboard.given == []


async def test_head_has_the_headers_of_get_and_no_body(desk: Desk) -> None:
    path = await desk.link()
    async with desk.browser() as browser:
        got, headed = await browser.get(path), await browser.head(path)
    assert headed.content == b""
    assert headed.headers["content-length"] == got.headers["content-length"]


async def test_the_button_acknowledges_and_says_so(desk: Desk) -> None:
    path = await desk.link()
    async with desk.browser() as browser:
        shown = await browser.get(path)
        assert '<form method="post">' in shown.text
        assert shown.text.count("<button") == 1
        answer = await browser.post(path)
        assert "Acknowledged by you" in answer.text
        assert "Escalation has stopped" in answer.text
        again = await browser.post(path)
        assert "Already acknowledged by you at 03:12 CET, 24 November 2026" in again.text
    assert desk.clipboard.given == [("Q1", "U1", "acknowledge")] * 2


async def test_the_button_resolves_and_says_so(desk: Desk) -> None:
    path = await desk.link("resolve")
    async with desk.browser() as browser:
        answer = await browser.post(path)
        assert "Resolved by you" in answer.text
        assert "<button" not in (await browser.get(path)).text


async def test_who_was_first_is_named_on_opening_and_on_answering(desk: Desk) -> None:
    desk.clipboard.status, desk.clipboard.by = "acknowledged", "Ada Obi"
    path = await desk.link()
    async with desk.browser() as browser:
        for answer in (await browser.get(path), await browser.post(path)):
            assert "Already acknowledged by Ada Obi at 03:12 CET, 24 November 2026" in answer.text
            assert "<button" not in answer.text
        assert "<button" in (await browser.get(await desk.link("resolve"))).text
        desk.clipboard.status = "resolved"
        assert "Already resolved by Ada Obi" in (await browser.post(path)).text


async def test_an_expired_link_says_what_to_do(desk: Desk) -> None:
    path = await desk.link(valid_for=timedelta(seconds=-1))
    async with desk.browser() as browser:
        for answer in (await browser.get(path), await browser.post(path)):
            assert answer.status_code == 410
            assert "expired" in answer.text
            assert "tocsin incident ack" in answer.text
    assert desk.clipboard.given == []


async def test_a_link_is_judged_by_the_databases_clock(desk: Desk) -> None:
    path = await desk.link()
    desk.store.clock_shift = timedelta(hours=2)
    async with desk.browser() as browser:
        assert (await browser.post(path)).status_code == 410


async def test_links_that_we_did_not_sign_do_nothing(desk: Desk) -> None:
    path = await desk.link()
    wrong = [path[:-1], path + "x", path.replace(".a.", ".r."), path.replace("Q1", "Q2"), "/answer/", "/answer/a/b/c"]
    wrong += ["/answer/%00", "/answer/%ff%fe", "/answer/" + "x" * 5000]
    async with desk.browser() as browser:
        for broken in wrong:
            assert (await browser.get(broken)).status_code == 404
            assert (await browser.post(broken)).status_code in (404, 405)
    assert desk.clipboard.given == []


async def test_an_incident_that_is_gone_is_said_kindly(desk: Desk) -> None:
    desk.clipboard.here = False
    path = await desk.link()
    async with desk.browser() as browser:
        assert (await browser.get(path)).status_code == 404
        assert (await browser.post(path)).status_code == 404


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", '"><img src=x onerror=1>', "{{ 7 * 7 }}", "</title>"])
async def test_what_a_tool_wrote_stays_text(desk: Desk, title: str) -> None:
    desk.clipboard.title = title
    async with desk.browser() as browser:
        text = (await browser.get(await desk.link())).text
    assert text.count("</title>") == 1
    assert "<script" not in text
    assert "<img" not in text
    assert "49" not in text.split("<h1>")[1].split("</h1>")[0]


async def test_no_link_reaches_the_log_even_when_something_breaks(desk: Desk) -> None:
    path = await desk.link()
    desk.clipboard.title = None  # type: ignore[assignment]  # something breaks while the page is made
    with structlog.testing.capture_logs() as lines:
        async with desk.browser() as browser:
            await browser.get(path)
            await browser.post("/login", data={"email": "a@x.net", "password": "canary-password"})
    assert path.removeprefix("/answer/") not in str(lines)
    assert "canary" not in str(lines)


async def test_a_store_that_is_away_is_said_with_when_to_try_again(desk: Desk) -> None:
    path = await desk.link()
    await desk.store.close()
    async with desk.browser() as browser:
        answer = await browser.get(path)
    assert answer.status_code in (500, 503)


async def test_every_page_keeps_the_browser_on_a_short_leash(desk: Desk) -> None:
    paths = [await desk.link(), "/login", "/setup", "/app/", "/nowhere", "/answer/x"]
    async with desk.browser() as browser:
        for path in paths:
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "script-src" not in policy
            assert "unsafe" not in policy
            for piece in ("frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
                assert piece in policy
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
