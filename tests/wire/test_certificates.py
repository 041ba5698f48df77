"""Certificates: real TLS clients accept what is made here, refuse what they should, and renewal comes in time."""

import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tocsin.wire.certificates import CertificateFault, Served, check, covers, ensure, fingerprint
from tocsin.wire.trust import trust_text

NOW = datetime.now(UTC)


def handshake(served: Served, authority: Path, name: str) -> str:
    """Return the protocol that a client which trusts only this authority speaks with a server of this name."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(served.certificate, served.key)
    client_context = ssl.create_default_context(cafile=str(authority))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server_context.wrap_socket(ours, server_side=True) as peer:
                peer.recv(1)
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client_context.wrap_socket(theirs, server_hostname=name) as peer:
            peer.send(b"x")
            return peer.version() or ""
    finally:
        theirs.close()
        thread.join(5)


def test_a_client_that_trusts_the_authority_connects_by_every_name(tmp_path: Path) -> None:
    served = ensure(tmp_path, ["tocsin.example.net", "10.1.2.3", "203.0.113.9", "pager"], NOW)
    assert served.renewed
    assert served.authority is not None
    for name in ("localhost", "127.0.0.1", "::1", "tocsin.example.net", "10.1.2.3", "203.0.113.9", "pager"):
        assert handshake(served, served.authority, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(served, served.authority, "other.example.net")


def test_a_client_that_trusts_another_authority_refuses(tmp_path: Path) -> None:
    served = ensure(tmp_path / "a", [], NOW)
    stranger = ensure(tmp_path / "b", [], NOW)
    assert stranger.authority is not None
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(served, stranger.authority, "localhost")


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    served = ensure(tmp_path / "tls", [], NOW)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    for path in (served.key, tmp_path / "tls" / "authority.key", served.certificate):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_second_start_makes_nothing_new(tmp_path: Path) -> None:
    first = ensure(tmp_path, ["pager"], NOW)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = ensure(tmp_path, ["pager"], NOW + timedelta(days=300))
    assert not second.renewed
    assert second.valid_until == first.valid_until
    assert files == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_it_is_renewed_a_month_before_its_end_under_the_same_authority(tmp_path: Path) -> None:
    first = ensure(tmp_path, [], NOW)
    authority = (tmp_path / "authority.crt").read_bytes()
    assert timedelta(days=395) < first.valid_until - NOW < timedelta(days=397)
    later = first.valid_until - timedelta(days=29)
    second = ensure(tmp_path, [], later)
    assert second.renewed
    assert second.warnings == ()
    assert second.valid_until > later + timedelta(days=390)
    assert (tmp_path / "authority.crt").read_bytes() == authority


def test_a_new_name_takes_a_new_certificate_and_a_far_name_a_new_authority(tmp_path: Path) -> None:
    ensure(tmp_path, [], NOW)
    authority = (tmp_path / "authority.crt").read_bytes()
    near = ensure(tmp_path, ["pager.local", "192.168.7.7"], NOW)
    assert near.renewed
    assert (tmp_path / "authority.crt").read_bytes() == authority
    far = ensure(tmp_path, ["tocsin.example.net"], NOW)
    assert (tmp_path / "authority.crt").read_bytes() != authority
    assert any("anew" in warning for warning in far.warnings)
    assert far.authority is not None
    assert handshake(far, far.authority, "tocsin.example.net") == "TLSv1.3"


def test_the_authority_near_its_end_is_replaced_and_said(tmp_path: Path) -> None:
    ensure(tmp_path, [], NOW)
    old = ensure(tmp_path, [], NOW + timedelta(days=3500))
    assert any("anew" in warning for warning in old.warnings)


def test_the_authority_has_no_power_over_other_names(tmp_path: Path) -> None:
    ensure(tmp_path, [], NOW)
    authority = x509.load_pem_x509_certificate((tmp_path / "authority.crt").read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert x509.DNSName("localhost") in (constraints.value.permitted_subtrees or [])
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)


@pytest.mark.parametrize("broken", ["server.crt", "server.key"])
def test_a_damaged_server_file_is_made_anew(tmp_path: Path, broken: str) -> None:
    ensure(tmp_path, [], NOW)
    (tmp_path / broken).write_text("damaged")
    served = ensure(tmp_path, [], NOW)
    assert served.renewed
    assert served.authority is not None
    assert handshake(served, served.authority, "localhost") == "TLSv1.3"


def test_a_damaged_authority_is_said_and_not_replaced_in_silence(tmp_path: Path) -> None:
    ensure(tmp_path, [], NOW)
    (tmp_path / "authority.key").write_text("damaged")
    with pytest.raises(CertificateFault, match=r"authority\.key"):
        ensure(tmp_path, [], NOW)


def test_a_certificate_brought_along_is_checked(tmp_path: Path) -> None:
    own, other = ensure(tmp_path / "own", ["tocsin.lan"], NOW), ensure(tmp_path / "other", [], NOW)
    good = check(own.certificate, own.key, ["tocsin.lan"], NOW)
    assert (good.warnings, good.authority) == ((), None)
    assert "does not cover pager.lan" in check(own.certificate, own.key, ["pager.lan"], NOW).warnings[0]
    soon = check(own.certificate, own.key, [], own.valid_until - timedelta(days=20))
    assert "ends in 20 days" in soon.warnings[0]
    for certificate, key, now in (
        (own.certificate, other.key, NOW),
        (own.certificate, own.key, own.valid_until),
        (own.certificate, own.key, NOW - timedelta(days=2)),
        (own.key, own.key, NOW),
        (own.certificate, own.certificate, NOW),
        (tmp_path / "nowhere", own.key, NOW),
        (own.certificate, tmp_path / "nowhere", NOW),
    ):
        with pytest.raises(CertificateFault):
            check(certificate, key, [], now)


def test_a_wildcard_stands_for_one_label() -> None:
    assert covers(["*.example.net"], "Tocsin.Example.Net.")
    assert not covers(["*.example.net"], "a.b.example.net")
    assert not covers(["*.example.net"], "example.net")
    assert not covers([], "localhost")


def test_the_way_to_trust_it_is_told_for_every_kind_of_client(tmp_path: Path) -> None:
    served = ensure(tmp_path, [], NOW)
    assert served.authority is not None
    text = trust_text(served.authority, fingerprint(served.authority), "https://tocsin.lan:8443/")
    for word in (
        "--cacert", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "update-ca-certificates", "Firefox",
        str(served.authority), "https://tocsin.lan:8443/healthz",
    ):  # fmt: skip
        assert word in text
    assert "PRIVATE KEY" not in text
    assert max(len(line) for line in trust_text(Path("/a"), "x", "u").splitlines()) <= 120


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the Debian package openssl")
def test_openssl_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    served = ensure(tmp_path, ["pager.local"], NOW)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(served.authority), str(served.certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
