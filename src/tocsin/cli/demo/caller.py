"""Caller: the requests of the story, sent over TLS to the node as any client sends them."""

from typing import Any

import httpx2

from tocsin.cli.demo.stage import Stage
from tocsin.cli.ending import Ended, Exit
from tocsin.cli.node import trust

Json = dict[str, Any]

_FIRST_REFUSAL = 400
_PATIENCE_S = 20.0


class Caller:
    """Sends requests and holds their answers to what the story promises."""

    def __init__(self, stage: Stage) -> None:
        """Call the node of this stage, whose authority is trusted."""
        self._client = httpx2.AsyncClient(
            base_url=stage.url, verify=trust(stage.authority), timeout=_PATIENCE_S, trust_env=False
        )
        self.token = ""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(self, method: str, path: str, body: object = None) -> Json:
        """Ask the API with the token; raise `Ended` when it refuses."""
        headers = {"Authorization": f"Token token={self.token}"} if self.token else {}
        answer = await self._client.request(method, path, json=body, headers=headers)
        if answer.status_code >= _FIRST_REFUSAL:
            raise Ended(Exit.FAILED, f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        document: Json = answer.json() if answer.content else {}
        return document

    async def made(self, path: str, kind: str, fields: Json) -> Json:
        """Create something and return it as the API shows it."""
        made: Json = (await self.ask("POST", path, {kind: {"type": kind, **fields}}))[kind]
        return made

    async def event(self, body: Json) -> str:
        """Send an event and return its dedup key; raise `Ended` unless it was accepted."""
        answer = await self.ask("POST", "/v2/enqueue", body)
        return str(answer["dedup_key"])

    async def page(self, method: str, url: str) -> str:
        """Open an address as a browser does and return the page's text; raise `Ended` unless it is a good one."""
        answer = await self._client.request(method, url)
        if answer.status_code >= _FIRST_REFUSAL:
            raise Ended(Exit.FAILED, f"{method} of the link was answered {answer.status_code}")
        return answer.text
