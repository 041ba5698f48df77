"""The contract: whether an answer has the shape that the official specification promises to clients."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match

from tests.contract.allowed import ALLOWED, COMPARED_AS

Schema = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "patch")
_HERE = Path(__file__).resolve().parents[2]
_NULL = {"type": "null"}


def folder() -> Path:
    """Return where the specifications are, if they are anywhere."""
    return Path(os.environ.get("TOCSIN_CONTRACT") or _HERE.parent / "shared" / "contract")


def is_present() -> bool:
    """Return whether there is a specification to compare with."""
    return (folder() / "REST.openapi.json").is_file()


def check_answer(method: str, path: str, status: int, body: bytes) -> None:
    """Fail when an answer is not what the specification says; do nothing where it says nothing.

    Two relaxations make the specification usable: a property that is not required may be null, and `oneOf` is
    read as `anyOf`. A third follows from `include[]`: where a reference may stand, the resource itself
    may. Error answers are held to PagerDuty's envelope, whatever the operation.
    """
    if status >= 400:
        _check_error(method, path, status, body)
        return
    if not is_present():
        return
    found = _template(method.lower(), path.split("?", maxsplit=1)[0])
    if found is None:
        return
    schema = _schema(found, method.lower(), status)
    if schema is None:
        return
    for own, near in COMPARED_AS.items():
        body = body.replace(own, near)
    faults = _validator(found, method.lower(), status).iter_errors(json.loads(body))
    fault = best_match(fault for fault in faults if (method.upper(), found, _place(fault)) not in ALLOWED)
    if fault is not None:
        where = _place(fault) or "the top"
        raise AssertionError(f"{method} {path} ({status}) differs from the contract at {where}: {fault.message}")


async def checking(response: httpx2.Response) -> None:
    """Check an answer as an HTTP client's response hook."""
    await response.aread()
    request = response.request
    check_answer(request.method, request.url.path, response.status_code, response.content)


def _place(fault: ValidationError) -> str:
    return ".".join("*" if isinstance(part, int) else part for part in fault.absolute_path)


def _check_error(method: str, path: str, status: int, body: bytes) -> None:
    if method.upper() == "HEAD":
        return
    error = json.loads(body)["error"]
    assert isinstance(error["message"], str), f"{method} {path} ({status}): error.message is no text"
    assert isinstance(error["code"], int), f"{method} {path} ({status}): error.code is no number"
    assert all(isinstance(text, str) for text in error["errors"]), f"{method} {path} ({status}): error.errors"


@cache
def _document() -> Schema:
    loaded: Schema = json.loads((folder() / "REST.openapi.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The paths as patterns, those with the fewest holes first, as a router would try them."""
    paths = sorted(_document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths]


@cache
def _template(method: str, path: str) -> str | None:
    for pattern, template in _patterns():
        if pattern.fullmatch(path) and method in _document()["paths"][template]:
            return template
    return None


@cache
def _schema(template: str, method: str, status: int) -> str | None:
    """Return a JSON pointer to the schema of this answer, or None when the specification has none."""
    responses = _document()["paths"][template][method]["responses"]
    documented = responses.get(str(status))
    if documented is None:
        # Some operations document 201 and real clients take any 2xx: compare with the one success there is.
        key = next((code for code in responses if code.startswith("2")), None)
        documented = responses.get(key) if key else None
    if documented is None:
        return None
    media = _resolved(documented).get("content", {})
    body = media.get("application/json") or next(iter(media.values()), None)
    return json.dumps(body["schema"]) if body and "schema" in body else None


@cache
def _validator(template: str, method: str, status: int) -> Draft4Validator:
    text = _schema(template, method, status)
    schema: Schema = json.loads(text or "{}")
    return Draft4Validator(_Relaxing().relax(schema), format_checker=None)


def _resolved(node: Schema) -> Schema:
    while "$ref" in node:
        target: Any = _document()
        for step in node["$ref"].removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target[int(name)] if isinstance(target, list) else target[name]
        node = target
    return node


class _Relaxing:
    """Rewrites a schema of the specification, references followed, into the one that answers are held to."""

    def __init__(self) -> None:
        self._under_way: list[int] = []

    def relax(self, node: Schema) -> Schema:
        node = _resolved(node)
        if id(node) in self._under_way:
            return {}  # a schema inside itself: its first turn is enough
        self._under_way.append(id(node))
        try:
            relaxed = self._parts(node)
        finally:
            self._under_way.pop()
        return {"anyOf": [relaxed, _NULL]} if node.get("nullable") else relaxed

    def _parts(self, node: Schema) -> Schema:
        out: Schema = {}
        for word, value in node.items():
            if word in ("allOf", "anyOf"):
                out[word] = [self.relax(part) for part in value]
            elif word == "oneOf":
                out["anyOf"] = [self.relax(part) for part in value]
            elif word in ("items", "additionalProperties", "not") and isinstance(value, dict):
                out[word] = self.relax(value)
            elif word == "enum":
                out[word] = [*value, *(str(one).removesuffix("_reference") for one in value)]
            elif word in ("type", "required", "minimum", "maximum", "pattern", "minItems", "maxItems"):
                out[word] = value
        self._properties(node, out)
        return out

    def _properties(self, node: Schema, out: Schema) -> None:
        required = out.get("required")
        if not isinstance(required, list) or not required:
            out.pop("required", None)
            required = []
        properties = node.get("properties")
        if isinstance(properties, dict):
            out["properties"] = {
                name: self.relax(part) if name in required else {"anyOf": [self.relax(part), _NULL]}
                for name, part in properties.items()
                if isinstance(part, dict)
            }
