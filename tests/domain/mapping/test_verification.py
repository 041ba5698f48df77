"""Verification: signatures that vendors publish are recognised, and everything near them is not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.mapping import Request, Verify, check
from tocsin.ground.errors import Refused, Why

GITHUB = Verify(scheme="hmac", header="X-Hub-Signature-256", prefix="sha256=")
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

STANDARD = Verify(
    scheme="hmac", header="webhook-signature", prefix="v1,", encoding="base64", key_encoding="base64",
    separator=" ", signed=("{webhook-id}.{webhook-timestamp}.{body}",), timestamp_header="webhook-timestamp",
)  # fmt: skip
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
STANDARD_AT = 1614265330

SLACK = Verify(
    scheme="hmac", header="X-Slack-Signature", prefix="v0=",
    signed=("v0:{x-slack-request-timestamp}:{body}",), timestamp_header="X-Slack-Request-Timestamp",
)  # fmt: skip
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
    b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _request(body: bytes, **headers: str) -> Request:
    return Request("POST", {name.replace("_", "-"): value for name, value in headers.items()}, {}, body)


def _standard(signature: str, *, body: bytes = b'{"test": 2432232314}', stamp: str = str(STANDARD_AT)) -> Request:
    return _request(
        body, webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", webhook_timestamp=stamp, webhook_signature=signature
    )


def _refused(verify: Verify, request: Request, secret: str, seconds: float = 0) -> str:
    with pytest.raises(Refused) as caught:
        check(verify, request, secret, _at(seconds))
    assert caught.value.why is Why.UNAUTHENTICATED
    assert secret not in caught.value.message
    return caught.value.message


def test_the_signature_of_githubs_documentation() -> None:
    check(GITHUB, _request(b"Hello, World!", x_hub_signature_256=GITHUB_SIGNATURE), GITHUB_SECRET, _at(0))


def test_the_signature_of_standard_webhooks() -> None:
    check(STANDARD, _standard(STANDARD_SIGNATURE), STANDARD_SECRET, _at(STANDARD_AT + 299))


def test_the_signature_of_slacks_documentation() -> None:
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    request = _request(SLACK_BODY, x_slack_signature=signature, x_slack_request_timestamp="1531420618")
    check(SLACK, request, "8f742231b10e8888abcd99yyyzzz85a5", _at(1531420618))


def test_one_of_several_signatures_is_enough() -> None:
    check(STANDARD, _standard(f"v1,AAAA v2,x {STANDARD_SIGNATURE}"), STANDARD_SECRET, _at(STANDARD_AT))


@pytest.mark.parametrize(
    ("request_", "seconds"),
    [
        (_standard(STANDARD_SIGNATURE), STANDARD_AT + 301),
        (_standard(STANDARD_SIGNATURE), STANDARD_AT - 301),
        (_standard(STANDARD_SIGNATURE, stamp=str(STANDARD_AT + 1)), STANDARD_AT),
        (_standard(STANDARD_SIGNATURE, stamp="soon"), STANDARD_AT),
        (_standard(STANDARD_SIGNATURE, body=b'{"test": 2432232315}'), STANDARD_AT),
        (_standard(STANDARD_SIGNATURE.removeprefix("v1,")), STANDARD_AT),
        (_standard(STANDARD_SIGNATURE[:-1]), STANDARD_AT),
        (_standard(""), STANDARD_AT),
        (_standard("v1,ünïcode"), STANDARD_AT),
        (_request(b"{}", webhook_signature=STANDARD_SIGNATURE), STANDARD_AT),
    ],
)
def test_what_is_old_changed_or_cut_is_refused(request_: Request, seconds: int) -> None:
    _refused(STANDARD, request_, STANDARD_SECRET, seconds)


def test_without_its_header_a_request_is_refused() -> None:
    assert "X-Hub-Signature-256 is missing" in _refused(GITHUB, _request(b"Hello, World!"), GITHUB_SECRET)


def test_without_a_secret_nothing_is_asked() -> None:
    check(GITHUB, _request(b"anything"), None, _at(0))


def test_a_secret_that_is_not_base64_is_told() -> None:
    assert "not base64" in _refused(STANDARD, _standard(STANDARD_SIGNATURE), "whsec_*", STANDARD_AT)


@pytest.mark.parametrize("said", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "])
def test_a_bearer_token(said: str) -> None:
    check(Verify(scheme="bearer"), _request(b"", authorization=said), "s3cret", _at(0))


@pytest.mark.parametrize("said", ["Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret", "", "Bearer"])
def test_a_wrong_bearer_token(said: str) -> None:
    _refused(Verify(scheme="bearer"), _request(b"", authorization=said), "s3cret")


def test_a_token_in_a_header_of_its_own() -> None:
    gitlab = Verify(scheme="bearer", header="X-Gitlab-Token", prefix="")
    check(gitlab, _request(b"", x_gitlab_token="s3cret"), "s3cret", _at(0))
    _refused(gitlab, _request(b"", authorization="Bearer s3cret"), "s3cret")


def test_a_name_and_password() -> None:
    basic = Verify(scheme="basic")
    check(basic, _request(b"", authorization="Basic dG9jc2luOnMzY3JldA=="), "tocsin:s3cret", _at(0))
    _refused(basic, _request(b"", authorization="Basic dG9jc2luOndyb25n"), "tocsin:s3cret")


@given(signature=st.text(max_size=80), body=st.binary(max_size=40))
def test_no_other_signature_is_taken(signature: str, body: bytes) -> None:
    with pytest.raises(Refused):
        check(GITHUB, Request("POST", {"x-hub-signature-256": signature}, {}, body), "s3cret", _at(0))
