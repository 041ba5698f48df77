"""Stage: a whole Tocsin in this process for the time of a story, with data of its own that is gone afterwards."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from tocsin.app.run import Started, run
from tocsin.cli.demo.mailbox import Mailbox, mailbox
from tocsin.config import Config

SENDER = "Tocsin <tocsin@demo.example>"


class Stage(Struct, frozen=True):
    """What a story plays on."""

    config: Config
    started: Started
    box: Mailbox

    @property
    def url(self) -> str:
        """The address that everybody in the story uses: over TLS, as outside."""
        return self.started.https_url or self.started.http_url

    @property
    def authority(self) -> Path:
        """The file of the authority that clients trust."""
        return self.config.tls_dir / "authority.crt"


@asynccontextmanager
async def stage(tell: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Start everything on free ports of this machine; stop it in order and remove the data at the end."""
    data_dir = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    try:
        async with mailbox() as box, asyncio.TaskGroup() as group:
            config = _config(data_dir, box.port)
            stop = asyncio.Event()
            ready: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
            running = group.create_task(run(config, stop, tell=tell, started=ready.set_result))
            both: set[asyncio.Future[object]] = {running, ready}  # type: ignore[arg-type]  # futures of different results
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            try:
                yield Stage(ready.result().house.config, ready.result(), box)
            finally:
                stop.set()
                await asyncio.wait({running})
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _config(data_dir: Path, mail_port: int) -> Config:
    server = {"host": "127.0.0.1", "port": mail_port, "security": "plain"}
    return Config(
        data_dir=data_dir,
        node_name="localhost",
        http="127.0.0.1:0",
        https="127.0.0.1:0",
        channels={"email": {"servers": [server], "sender": SENDER}},
    )
