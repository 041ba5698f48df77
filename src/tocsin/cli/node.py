"""Node: asking a running Tocsin over its API, and what its refusals mean for a person at a shell."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import msgspec

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame

if TYPE_CHECKING:
    import httpx2

_PATIENCE_S = 20.0
_UNAUTHENTICATED = 401
_NOT_FOUND = 404
_FIRST_REFUSAL = 400
_FIRST_FAULT = 500
_MOST_ROWS = 100  # of one page of a list

Json = dict[str, Any]


class Node:
    """One running node, asked with the token of whoever sits at the shell."""

    def __init__(self, frame: Frame, *, on_behalf_of: str | None = None) -> None:
        """Find the node and the token: TOCSIN_URL and TOCSIN_TOKEN, else the node that this machine's settings name."""
        import os

        import httpx2

        token = os.environ.get("TOCSIN_TOKEN", "")
        if not token:
            raise Ended(
                Exit.USAGE,
                "TOCSIN_TOKEN is not set. The first token is shown once when the installation is set up; "
                "`tocsin token create --local` makes another one on the machine of the database.",
            )
        config = frame.config()
        self.url = (os.environ.get("TOCSIN_URL") or f"http://{config.http}").rstrip("/")
        headers = {"Authorization": f"Token token={token}", "Accept": "application/json"}
        if on_behalf_of:
            headers["From"] = on_behalf_of
        self._client = httpx2.Client(
            base_url=self.url, headers=headers, timeout=_PATIENCE_S, verify=trust(config.tls_dir / "authority.crt")
        )

    def __enter__(self) -> Self:
        """Begin to ask."""
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """Return what is at a path."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: object) -> Json:
        """Create something and return it."""
        return self._ask("POST", path, body=body)

    def put(self, path: str, body: object) -> Json:
        """Change something and return it."""
        return self._ask("PUT", path, body=body)

    def delete(self, path: str) -> None:
        """Delete something."""
        self._ask("DELETE", path)

    def rows(self, path: str, name: str, query: Mapping[str, object], *, most: int) -> Iterator[Json]:
        """Return the first rows of a list, page by page."""
        given = 0
        while given < most:
            limit = min(_MOST_ROWS, most - given)
            page = self.get(path, {**query, "limit": limit, "offset": given})
            rows: list[Json] = page.get(name, [])
            yield from rows
            given += len(rows)
            if not rows or not page.get("more"):
                return

    def user_id(self, name: str) -> str:
        """Return the id of the user with this id or e-mail address; raise `Ended` (not found)."""
        if "@" not in name:
            return name
        for row in self.rows("/users", "users", {"query": name}, most=_MOST_ROWS):
            if row["email"].lower() == name.lower():
                return str(row["id"])
        raise Ended(Exit.NOT_FOUND, f"There is no user with the address {name}.")

    def _ask(self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None) -> Json:
        import httpx2

        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = self._client.request(
                method,
                path,
                params=cast("Any", query),
                content=content,
                headers={"Content-Type": "application/json"} if content is not None else None,
            )
        except httpx2.HTTPError as failure:
            raise unreached(self.url, failure) from failure
        if answer.status_code >= _FIRST_REFUSAL:
            raise _refusal(answer)
        return decoded(answer.content) if answer.content else {}


def trust(authority: Path) -> ssl.SSLContext:
    """Return what to trust over TLS: the machine's authorities and, when it can be read, the installation's own."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=authority)
    except OSError:  # no such file, or not for us: the machine may trust it anyway
        return context
    return context


def decoded(content: bytes) -> Json:
    """Return a JSON object; raise `Ended` when the other side is something else than a node."""
    try:
        return msgspec.json.decode(content, type=Json)
    except msgspec.MsgspecError as failure:
        raise Ended(Exit.FAILED, "The answer is not JSON: is this the address of a Tocsin node?") from failure


def unreached(url: str, failure: "httpx2.HTTPError") -> Ended:
    """Return how a command ends that got no answer from an address."""
    text = str(failure) or type(failure).__name__
    advice = "Is it running, and is TOCSIN_URL right?"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        advice = "Its certificate is not trusted here: `tocsin trust` on that machine says how."
    return Ended(Exit.NOT_REACHED, f"There is no answer from {url}: {text}. {advice}")


def _refusal(answer: "httpx2.Response") -> Ended:
    try:
        said = msgspec.json.decode(answer.content, type=Json).get("error", {})
    except msgspec.MsgspecError:
        said = {}
    errors = said.get("errors") or [said.get("message", f"HTTP {answer.status_code}")]
    lines = [str(line) for line in errors] if isinstance(errors, list) else [str(errors)]
    if answer.status_code == _UNAUTHENTICATED:
        lines = ["The node does not know this token: check TOCSIN_TOKEN. It may have been revoked."]
    code = Exit.FAILED
    if answer.status_code == _NOT_FOUND:
        code = Exit.NOT_FOUND
    elif answer.status_code >= _FIRST_FAULT:
        code = Exit.NOT_REACHED
    return Ended(code, "\n".join(dict.fromkeys(lines)))
