"""The contract of an integration: its manifest has no fault, and each sample becomes what the sample says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from tocsin.domain.mapping import Manifest, Mapped, Mapper, Request, check, faults_of
from tocsin.ground.errors import Refused, Why

FEWEST_SAMPLES = 3


class Sent(Struct, forbid_unknown_fields=True):
    method: str
    headers: dict[str, str]
    query: dict[str, str] = {}
    body: object = None
    body_text: str | None = None


class ExpectedEvent(Struct, forbid_unknown_fields=True):
    action: Literal["trigger", "acknowledge", "resolve"]
    key: str
    severity: str | None = None
    summary: str | None = None
    note: str | None = None


class Expected(Struct, forbid_unknown_fields=True):
    events: list[ExpectedEvent] = []
    changes: int = 0
    ignored: int = 0
    status: Literal[400, 401] | None = None
    note: str | None = None


class Vector(Struct, forbid_unknown_fields=True):
    secret: str
    now: int | None = None


class Sample(Struct, forbid_unknown_fields=True):
    id: str
    tool: str
    describes: str
    provenance: Literal["captured", "fixture", "doc", "derived"]
    source: str
    request: Sent
    expect: Expected
    signature_vector: Vector | None = field(default=None)

    def as_request(self) -> Request:
        sent = self.request
        text = sent.body_text.encode() if sent.body_text is not None else msgspec.json.encode(sent.body)
        return Request(sent.method, {name.lower(): value for name, value in sent.headers.items()}, sent.query, text)


def samples_of(folder: Path, tool: str) -> dict[str, Sample]:
    found = {}
    for path in sorted((folder / "samples" / tool).glob("*.json")):
        try:
            found[path.stem] = msgspec.json.decode(path.read_bytes(), type=Sample)
        except msgspec.ValidationError as failure:
            raise AssertionError(f"{path.name}: {failure}") from None
    return found


def faults_of_integration(manifest: Manifest, samples: dict[str, Sample]) -> list[str]:
    """Return what the integration lacks as a whole."""
    actions = {event.action for sample in samples.values() for event in sample.expect.events}
    odd = [sample for sample in samples.values() if len(sample.expect.events) != 1]
    rules = (
        (len(samples) >= FEWEST_SAMPLES, f"fewer than {FEWEST_SAMPLES} samples"),
        ("trigger" in actions or manifest.event is None, "no sample triggers"),
        ("resolve" in actions or not manifest.resolves or manifest.event is None, "no sample resolves"),
        (bool(odd), "no odd sample: one that is refused, ignored, a greeting, or of several alerts"),
        (all(sample.tool == manifest.id for sample in samples.values()), "a sample of another tool"),
        (all(sample.id == f"{manifest.id}/{case}" for case, sample in samples.items()), "a sample with another's id"),
        (all(sample.source.strip() for sample in samples.values()), "a sample that does not say where it is from"),
    )
    return [*faults_of(manifest), *(sentence for holds, sentence in rules if not holds)]


def outcome_of(manifest: Manifest, sample: Sample) -> Mapped | Why:
    """Return what the sample becomes, or why it is refused, as the door would find out: proof first, then meaning."""
    request, vector = sample.as_request(), sample.signature_vector
    now = datetime.fromtimestamp(vector.now if vector and vector.now else 0, UTC)
    try:
        check(manifest.verify, request, vector.secret if vector else None, now)
        return Mapper(manifest).map(request)
    except Refused as refused:
        return refused.why


def differences(manifest: Manifest, sample: Sample) -> Iterator[str]:
    """Say where the sample becomes something else than it expects."""
    mapped, expect = outcome_of(manifest, sample), sample.expect
    if isinstance(mapped, Why):
        status = 401 if mapped is Why.UNAUTHENTICATED else 400
        if status != expect.status:
            yield f"refused: {mapped.value}"
        return
    if expect.status is not None:
        yield f"accepted, though {expect.status} is expected: {mapped}"
        return
    counts = (len(mapped.events), len(mapped.changes), mapped.ignored)
    if counts != (len(expect.events), expect.changes, expect.ignored):
        yield f"events, changes, ignored are {counts}: {mapped}"
    yield from mapped.faults
    for event, expected in zip(mapped.events, expect.events, strict=False):
        for name, got in (("action", event.action), ("severity", event.severity), ("summary", event.summary)):
            wanted = getattr(expected, name)
            if wanted is not None and got != wanted:
                yield f"{name} is {got!r}, not {wanted!r}"


def keys_of(manifest: Manifest, samples: dict[str, Sample]) -> set[tuple[str, str]]:
    """Return each label of a problem with the dedup key that it got."""
    found = set()
    for sample in samples.values():
        mapped = outcome_of(manifest, sample)
        if isinstance(mapped, Mapped):
            pairs = zip(sample.expect.events, mapped.events, strict=False)
            found |= {(expected.key, event.dedup_key) for expected, event in pairs}
    return found
