"""Mail: how the doctor greets the mail servers, without sending anything."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
import msgspec

from tocsin.cli.doctor.finding import Finding
from tocsin.config import Config
from tocsin.wire.smtp import MailServer

_PATIENCE_S = 5.0


async def look_at_mail(config: Config) -> AsyncIterator[Finding]:
    """Return how each mail server of the configuration answers."""
    try:
        servers = msgspec.convert(config.channels.get("email", {}).get("servers", []), list[MailServer])
    except msgspec.ValidationError as failure:
        yield Finding("mail", "fail", f"the settings of channel email are wrong: {failure}", "Correct them.")
        return
    if not servers:
        yield Finding("mail", "warn", "no mail server is set", "To page by e-mail, set channels.email.servers.")
    for server in servers:
        yield await _greet(server)


async def _greet(server: MailServer) -> Finding:
    check = f"mail {server.name}"
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=None if server.security == "plain" else ssl.create_default_context(),
        timeout=_PATIENCE_S,
    )
    try:
        async with asyncio.timeout(_PATIENCE_S * 2):
            await client.connect()
            answer = await client.ehlo()
            if server.security == "starttls":
                await client.starttls(tls_context=ssl.create_default_context())
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as failure:
        text = str(failure) or type(failure).__name__
        return Finding(check, "fail", text, "Pages by this server are lost or late: check its address, port and TLS.")
    return Finding(check, "ok", f"{answer.message.splitlines()[0]}, {server.security}")
