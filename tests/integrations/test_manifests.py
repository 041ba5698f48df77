"""Integrations: every tool's samples become the events that they should, and another tool is a file and its samples."""

import shutil
from pathlib import Path

import pytest

import tocsin.integrations
from tests.integrations.contract import differences, faults_of_integration, keys_of, samples_of
from tocsin.domain.mapping import Mapper, Request, guide_of
from tocsin.domain.services.vendor import EVENTS_API
from tocsin.ground.errors import Refused
from tocsin.integrations import discovered, manifests_in

FOLDER = Path(tocsin.integrations.__file__).parent
MANIFESTS = discovered()
SAMPLES = {tool: samples_of(FOLDER, tool) for tool in MANIFESTS}
CASES = [(tool, case) for tool, samples in SAMPLES.items() for case in samples]


@pytest.mark.parametrize("tool", MANIFESTS)
def test_an_integration_is_whole(tool: str) -> None:
    assert faults_of_integration(MANIFESTS[tool], SAMPLES[tool]) == []


@pytest.mark.parametrize(("tool", "case"), CASES)
def test_a_sample_becomes_what_it_says(tool: str, case: str) -> None:
    assert list(differences(MANIFESTS[tool], SAMPLES[tool][case])) == []


@pytest.mark.parametrize("tool", MANIFESTS)
def test_one_problem_has_one_key_and_another_has_another(tool: str) -> None:
    pairs = keys_of(MANIFESTS[tool], SAMPLES[tool])
    labels, keys = {label for label, _ in pairs}, {key for _, key in pairs}
    assert len(labels) == len(keys) == len(pairs), sorted(pairs)


@pytest.mark.parametrize("tool", MANIFESTS)
@pytest.mark.parametrize("body", [b"", b'{"cut": "in the mid', b"\xff\xfe{", b"[" * 5000, b"null", b"7"])
def test_a_broken_body_is_refused(tool: str, body: bytes) -> None:
    if "text" in MANIFESTS[tool].accept.content:
        pytest.skip("takes any text")
    if body == b"" and "lines" in MANIFESTS[tool].accept.content:
        pytest.skip("no lines are no alerts")
    request = Request(MANIFESTS[tool].accept.methods[0], {"content-type": "application/json"}, {}, body)
    with pytest.raises(Refused):
        Mapper(MANIFESTS[tool]).map(request)


def test_vendor_ids_are_nobody_elses() -> None:
    ids = [vendor.id for vendor in EVENTS_API] + [manifest.vendor_id for manifest in MANIFESTS.values()]
    assert len(set(ids)) == len(ids)


def test_a_guide_shows_the_address_and_leaves_other_braces() -> None:
    for manifest in MANIFESTS.values():
        assert "https://tocsin.example/integrations/v1/abc" in guide_of(
            manifest, "https://tocsin.example/integrations/v1/abc"
        )


NEW_TOOL = """
id = "smoke-detector"
name = "Smoke detector"
category = "monitoring"
website = "https://smoke.example"
description = "Smoke, from a detector that can send JSON."
vendor_id = "PTSMOKE"
origin = "community"
guide = "Paste {{ url }} and keep {{OTHER}}."

[event]
action = "'resolve' if p.air == 'clear' else 'trigger'"
dedup = ["p.room", "p.floor"]
summary = "'Smoke in ' ~ p.room"
severity = "p.air"

[severity]
thick = "critical"
"""

NEW_SAMPLE = """{"id": "smoke-detector/%(case)s", "tool": "smoke-detector", "describes": "%(case)s",
"provenance": "derived", "source": "made for this test",
"request": {"method": "POST", "headers": {}, "body": {"room": "%(room)s", "floor": 2, "air": "%(air)s"}},
"expect": %(expect)s}"""


def _drop_in(folder: Path) -> None:
    (folder / "smoke-detector.toml").write_text(NEW_TOOL)
    samples = folder / "samples" / "smoke-detector"
    samples.mkdir(parents=True)
    event = '{"events": [{"action": "%s", "key": "attic", "severity": "%s"}]}'
    for case, room, air, expect in (
        ("firing", "attic", "thick", event % ("trigger", "critical")),
        ("resolved", "attic", "clear", event % ("resolve", "error")),
    ):
        said = {"case": case, "room": room, "air": air, "expect": expect}
        (samples / f"{case}.json").write_text(NEW_SAMPLE % said)


def test_another_tool_is_a_manifest_and_its_samples(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "alertmanager.toml", tmp_path)
    _drop_in(tmp_path)
    found = manifests_in(tmp_path)
    samples = samples_of(tmp_path, "smoke-detector")

    assert list(found) == ["alertmanager", "smoke-detector"]
    assert [list(differences(found["smoke-detector"], sample)) for sample in samples.values()] == [[], []]
    assert keys_of(found["smoke-detector"], samples) == {("attic", "attic|2")}
    assert guide_of(found["smoke-detector"], "https://a.example") == "Paste https://a.example and keep {{OTHER}}.\n"


def test_a_tool_with_too_few_samples_is_refused(tmp_path: Path) -> None:
    _drop_in(tmp_path)
    manifest = manifests_in(tmp_path)["smoke-detector"]

    assert faults_of_integration(manifest, samples_of(tmp_path, "smoke-detector")) == [
        "fewer than 3 samples",
        "no odd sample: one that is refused, ignored, a greeting, or of several alerts",
    ]


def test_a_sample_without_source_is_refused(tmp_path: Path) -> None:
    _drop_in(tmp_path)
    path = tmp_path / "samples" / "smoke-detector" / "firing.json"
    path.write_text(path.read_text().replace('"source": "made for this test",', ""))

    with pytest.raises(AssertionError, match="source"):
        samples_of(tmp_path, "smoke-detector")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "smoke-detector"', 'id = "fire-alarm"', "give both the same name"),
        ('category = "monitoring"', 'category = "weather"', "category"),
        ("[severity]", "[severities]", "severities"),
        ('summary = "', "summary = ", "cannot be read"),
    ],
)
def test_a_manifest_with_a_slip_of_the_pen_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "smoke-detector.toml").write_text(NEW_TOOL.replace(old, new))
    with pytest.raises(Refused, match=said):
        manifests_in(tmp_path)


def test_two_tools_of_one_vendor_are_refused(tmp_path: Path) -> None:
    (tmp_path / "smoke-detector.toml").write_text(NEW_TOOL)
    (tmp_path / "fire-alarm.toml").write_text(NEW_TOOL.replace('id = "smoke-detector"', 'id = "fire-alarm"'))
    with pytest.raises(Refused, match="PTSMOKE"):
        manifests_in(tmp_path)
