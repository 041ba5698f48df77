"""Fetching: documents over TLS and redirects, and the addresses that are never asked."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.town import tls
from tests.town.webhook_sink import answer, webhook_sink
from tocsin.ground.errors import Refused, Why
from tocsin.wire.fetch import Document, Documents, NotModified, plain_url


async def _here(host: str, port: int) -> tuple[str, ...]:
    del host, port
    return ("127.0.0.1",)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("webcal://cal.example/a.ics", "https://cal.example/a.ics"),
        (" WEBCALS://cal.example/a?b=c ", "https://cal.example/a?b=c"),
        ("http://cal.example/a", "http://cal.example/a"),
    ],
)
def test_a_subscription_address_is_https(told: str, asked: str) -> None:
    assert plain_url(told) == asked


@pytest.mark.parametrize(
    "url", ["", "cal.example", "file:///etc/passwd", "webcal://", "https://a b/", "https://u:p@h/"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        plain_url(url)
    assert refused.value.why is Why.INVALID


async def test_a_document_comes_over_tls_and_never_leaves_it(tmp_path: Path) -> None:
    pair = tls.pair(tmp_path)
    async with webhook_sink(context=pair.server) as sink, webhook_sink() as plain:
        documents = Documents(allowed_networks=["127.0.0.0/8"], trust=lambda: pair.client, resolve=_here)
        url = f"https://localhost:{sink.port}/cal"
        sink.will(answer(200, 'ETag: "a"', body=b"one"), answer(304, body=b""), answer(302, f"Location: {plain.url}"))
        assert await documents.get(url) == Document(b"one", '"a"', None)
        assert await documents.get(url, etag='"a"') == NotModified()
        with pytest.raises(Refused, match="from https to http") as refused:
            await documents.get(url)
        assert refused.value.why is Why.FORBIDDEN
        assert plain.caught == []
        with pytest.raises(Refused, match="certificate is not trusted"):
            await documents.get(f"https://other.example:{sink.port}/")


@pytest.mark.parametrize("host", ["no-such-name.invalid", f"{'a' * 64}.invalid", "127.0.0.1:9"])
async def test_who_cannot_be_reached_is_said(host: str) -> None:
    documents = Documents(allowed_networks=["127.0.0.0/8"], patience=timedelta(seconds=5))
    with pytest.raises(Refused) as refused:
        await documents.get(f"http://{host}/a.ics")
    assert refused.value.why in {Why.UNAVAILABLE, Why.INVALID}


@pytest.mark.parametrize("allowed", [(), ("127.0.0.0/8",)])
async def test_who_reads_why_a_fetch_failed_learns_no_address_of_the_network_inside(allowed: tuple[str, ...]) -> None:
    """Neither where nothing may be called, nor where nobody answers: the log alone tells what is behind a name."""

    async def inside(host: str, port: int) -> tuple[str, ...]:
        del host, port
        return ("127.9.8.7",)

    with capture_logs() as logs, pytest.raises(Refused) as refused:
        await Documents(allowed_networks=allowed, resolve=inside).get("http://wiki.corp.example:9/a.ics")
    assert "wiki.corp.example" in refused.value.message
    assert "127.9.8.7" not in refused.value.message
    assert allowed or logs[0]["address"] == "127.9.8.7"


@pytest.mark.parametrize("tag", ["x" * 501, ""])
async def test_a_tag_that_cannot_be_sent_back_is_not_kept(tag: str) -> None:
    async with webhook_sink() as sink:
        sink.will(answer(200, f"ETag: {tag}", body=b"one"))
        found = await Documents(allowed_networks=["127.0.0.0/8"]).get(sink.url)
        assert found == Document(b"one", None, None)
