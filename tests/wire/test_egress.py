"""Egress: no spelling of an inner address gets through, and a name is judged by every address it has."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from tests.town.webhook_sink import webhook_sink
from tocsin.ground.errors import Refused, Why
from tocsin.wire import Wire
from tocsin.wire.egress import Egress, networks, why_closed
from tocsin.wire.exchange import Answer, Request, Unsent

CLOSED = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.9",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:7f00:1::1", "2001:db8::1",
    "2001:10::1", "2001:20::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1",
    "ff02::1", "ff0e::1", "100::1", "400::1", "::ffff:0:127.0.0.1",
)  # fmt: skip # a table reads better in rows
OPEN = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
    "172.15.255.255", "172.32.0.1", "192.167.255.255", "192.169.0.1", "223.255.255.255", "2606:4700::1111",
    "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
)  # fmt: skip # a table reads better in rows
SPELLINGS = (
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://0/",
    "http://0177.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::]/", "http://localhost/",
    "http://LOCALHOST/", "http://localhost./", "https://169.254.169.254/latest/meta-data/", "http://10.0.0.1:8080/",
    "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/",
)  # fmt: skip # a table reads better in rows


@pytest.mark.parametrize("address", CLOSED)
def test_closed_space(address: str) -> None:
    assert why_closed(ip_address(address)) is not None


@pytest.mark.parametrize("address", OPEN)
def test_open_space(address: str) -> None:
    assert why_closed(ip_address(address)) is None


@pytest.mark.parametrize("url", SPELLINGS)
async def test_no_spelling_of_an_inner_address_is_called(url: str) -> None:
    wire = Wire()
    try:
        ended: object = await wire.http.send(Request(url=url))
    except Refused as refused:
        ended = refused.why
    await wire.close()
    assert ended is Why.FORBIDDEN or isinstance(ended, Unsent)


async def test_one_inner_address_among_several_closes_the_name() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("93.184.216.34", "127.0.0.1")

    with pytest.raises(Refused, match="a loopback address"):
        await Egress(resolve=resolve).addresses("two.test", 80)


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    answers = iter([("127.0.0.2",), ("127.0.0.1",)])
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    async with webhook_sink() as sink:
        wire = Wire(allowed_networks=["127.0.0.2/32"], resolve=resolve)
        ended = await wire.http.send(Request(url=f"http://rebind.test:{sink.port}/"))
        assert isinstance(ended, Unsent)  # it went to the checked address, where nobody listens
        assert sink.lines == 0
        assert asked == ["rebind.test"]
        await wire.close()


async def test_an_allowed_network_is_called_and_its_neighbour_is_not() -> None:
    egress = Egress(networks(["10.1.0.0/16", "fd00::/8", "192.168.1.7"]))
    for host in ("10.1.2.3", "fd00::5", "192.168.1.7", "::ffff:10.1.2.3"):
        assert await egress.addresses(host, 80)
    for host in ("10.2.0.1", "fc00::5", "192.168.1.8", "127.0.0.1"):
        with pytest.raises(Refused):
            await egress.addresses(host, 80)


async def test_a_name_is_remembered_for_a_moment() -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        await asyncio.sleep(0)
        return ("93.184.216.34",)

    egress = Egress(resolve=resolve)
    for _ in range(5):
        assert await egress.addresses("a.test", 443) == ("93.184.216.34",)
    assert asked == ["a.test"]


async def test_the_host_header_names_the_name_and_the_line_goes_to_its_address() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("127.0.0.1",)

    async with webhook_sink() as sink:
        wire = Wire(allowed_networks=["127.0.0.0/8"], resolve=resolve)
        ended = await wire.http.send(Request(url=f"http://hooks.example:{sink.port}/a?b=c#d"))
        await wire.close()
    assert isinstance(ended, Answer)
    assert sink.caught[0].headers["host"] == f"hooks.example:{sink.port}"
    assert sink.caught[0].path == "/a?b=c"


def test_a_network_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        networks(["not a network"])
