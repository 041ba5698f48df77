"""Certificates: encrypted connections from the first start, by an authority of this installation's own or by yours."""

import contextlib
import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

log = structlog.get_logger("certificates")

AUTHORITY_FOR = timedelta(days=3652)  # ten years: clients trust it once and by hand
SERVER_FOR = timedelta(days=397)  # the longest that browsers accept from a certificate
RENEW_BEFORE = timedelta(days=30)  # a month of daily chances to renew
WARN_BEFORE = timedelta(days=21)  # days before the end of a certificate that somebody has to renew by hand
BACKDATED = timedelta(days=1)  # clients whose clocks are slow must not refuse the first certificate
ALWAYS = ("localhost", "127.0.0.1", "::1")
_HOME_DOMAINS = ("localhost", "local", "internal", "lan", "home.arpa", "test")
_HOME_NETWORKS = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PrivateKey = ec.EllipticCurvePrivateKey


class CertificateFault(Exception):
    """A certificate or its key cannot be used; the text says which file and why."""


class Served(Struct, frozen=True, kw_only=True):
    """The certificate to serve with: its files, who it is for, and what its keeper should know.

    `authority` is the file that clients must trust, or None when the certificate was brought along. `renewed` says
    that the files were just written, so that a running server has to load them.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...]
    valid_until: datetime
    authority: Path | None = None
    renewed: bool = False
    warnings: tuple[str, ...] = ()


def ensure(folder: Path, names: Sequence[str], now: datetime) -> Served:
    """Return this installation's own certificate for localhost and these names, made or renewed when that is due.

    The authority is limited by name constraints to local names, private networks and the names it was made for, so that
    trusting it gives no power over the rest of the internet. A name beyond them takes a new authority,
    and a warning says that clients have to trust it anew. Raises `CertificateFault` when a file is damaged.
    """
    wanted = tuple(dict.fromkeys([*ALWAYS, *(name.strip().lower() for name in names if name.strip())]))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    warnings: list[str] = []
    authority, authority_key = _authority(folder, wanted, now, warnings)
    paths = folder / "server.crt", folder / "server.key"
    kept = _leaf_when_good(paths, wanted, authority, now)
    leaf = kept or _issue(paths, wanted, (authority, authority_key), now)
    return Served(
        certificate=paths[0],
        key=paths[1],
        names=wanted,
        valid_until=leaf.not_valid_after_utc,
        authority=folder / "authority.crt",
        renewed=kept is None,
        warnings=tuple(warnings),
    )


def check(certificate: Path, key: Path, names: Sequence[str], now: datetime) -> Served:
    """Return a certificate that was brought along, checked: it has begun, is not over, and its key fits.

    Warns when it does not cover a name or ends within three weeks. Raises `CertificateFault` when it cannot serve.
    """
    leaf, private = _read_certificate(certificate), _read_key(key)
    if _public_bytes(leaf.public_key()) != _public_bytes(private.public_key()):
        raise CertificateFault(f"The key {key} does not belong to the certificate {certificate}.")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise CertificateFault(
            f"The certificate {certificate} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} "
            f"until {leaf.not_valid_after_utc:%Y-%m-%d} only."
        )
    warnings = [f"The certificate does not cover {name}." for name in names if not covers(_names(leaf), name)]
    left = leaf.not_valid_after_utc - now
    if left < WARN_BEFORE:
        warnings.append(f"The certificate ends in {left.days} days, on {leaf.not_valid_after_utc:%Y-%m-%d}: renew it.")
    return Served(
        certificate=certificate,
        key=key,
        names=_names(leaf),
        valid_until=leaf.not_valid_after_utc,
        warnings=tuple(warnings),
    )


def covers(names: Sequence[str], wanted: str) -> bool:
    """Return whether a certificate for `names` is good for this host; `*.` stands for one label (RFC 6125)."""
    wanted = wanted.lower().rstrip(".")
    parent = wanted.partition(".")[2]
    return any(name.lower() == wanted or (parent and name.lower() == f"*.{parent}") for name in names)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a certificate as people compare it: pairs of hexadecimal digits with colons."""
    return _read_certificate(path).fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(
    folder: Path, wanted: tuple[str, ...], now: datetime, warnings: list[str]
) -> tuple[x509.Certificate, PrivateKey]:
    """Read the authority, or make one: on the first run, near its end, or for names beyond its constraints."""
    path, key_path = folder / "authority.crt", folder / "authority.key"
    if path.exists() and key_path.exists():
        kept, key = _read_certificate(path), _read_key(key_path)
        alive = kept.not_valid_after_utc - now > SERVER_FOR
        if isinstance(key, PrivateKey) and alive and all(_allowed(kept, name) for name in wanted):
            return kept, key
        warnings.append(f"A new authority was made: clients have to trust {path} anew.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tocsin"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Tocsin authority of {now:%Y-%m-%d}"),
    ])  # fmt: skip
    made = (
        _builder(name, name, key, (now - BACKDATED, now + AUTHORITY_FOR))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_constraints(wanted), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _key_bytes(key))
    _write(path, made.public_bytes(serialization.Encoding.PEM), mode=0o644)
    log.info("authority.made", file=str(path), valid_until=made.not_valid_after_utc.isoformat())
    return made, key


def _issue(
    paths: tuple[Path, Path], wanted: tuple[str, ...], by: tuple[x509.Certificate, PrivateKey], now: datetime
) -> x509.Certificate:
    authority, authority_key = by
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin server")])
    stretch = now - BACKDATED, min(now - BACKDATED + SERVER_FOR, authority.not_valid_after_utc)
    leaf = (
        _builder(subject, authority.subject, key, stretch)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write(paths[1], _key_bytes(key))
    _write(paths[0], leaf.public_bytes(pem) + authority.public_bytes(pem))
    log.info("certificate.made", names=list(wanted), valid_until=leaf.not_valid_after_utc.isoformat())
    return leaf


def _leaf_when_good(
    paths: tuple[Path, Path], wanted: tuple[str, ...], authority: x509.Certificate, now: datetime
) -> x509.Certificate | None:
    """Return the kept certificate when it covers every name, is not near its end, and fits its key and authority."""
    try:
        leaf, key = _read_certificate(paths[0]), _read_key(paths[1])
        leaf.verify_directly_issued_by(authority)
    except (CertificateFault, InvalidSignature, TypeError, ValueError):
        return None
    fits = _public_bytes(leaf.public_key()) == _public_bytes(key.public_key())
    lasts = leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEW_BEFORE
    return leaf if fits and lasts and set(_names(leaf)) == set(wanted) else None


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, stretch: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(stretch[0])
        .not_valid_after(stretch[1])
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return what a key is for: signing handshakes (a server) or signing certificates (the authority)."""
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _constraints(wanted: tuple[str, ...]) -> x509.NameConstraints:
    networks = [ipaddress.ip_network(text) for text in _HOME_NETWORKS]
    domains = list(_HOME_DOMAINS)
    for name in wanted:
        address = _address(name)
        if address is None:
            domains.append(name.removeprefix("*."))
        elif not any(address in network for network in networks):
            networks.append(ipaddress.ip_network(address))
    permitted = [x509.DNSName(domain) for domain in dict.fromkeys(domains)]
    return x509.NameConstraints([*permitted, *(x509.IPAddress(network) for network in networks)], None)


def _allowed(authority: x509.Certificate, name: str) -> bool:
    """Return whether the authority's constraints let it speak for this name."""
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    address = _address(name)
    if address is not None:
        return any(isinstance(tree, x509.IPAddress) and address in tree.value for tree in permitted)  # type: ignore[operator]  # constraints hold networks
    bare = name.removeprefix("*.")
    domains = [tree.value.lower() for tree in permitted if isinstance(tree, x509.DNSName)]
    return any(bare == domain or bare.endswith(f".{domain}") for domain in domains)


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    domains = names.get_values_for_type(x509.DNSName)
    return (*domains, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as failure:
        raise CertificateFault(f"The certificate {path} cannot be read: {failure.strerror}.") from failure
    except ValueError as failure:
        raise CertificateFault(f"The file {path} does not begin with a certificate in PEM form.") from failure


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as failure:
        raise CertificateFault(f"The key {path} cannot be read: {failure.strerror}.") from failure
    except TypeError as failure:
        raise CertificateFault(f"The key {path} is locked with a password; store it without one.") from failure
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise CertificateFault(f"The file {path} is not a private key in PEM form.") from failure


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_bytes(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put a file in place whole, so that a crash leaves the old one or the new one."""
    beside = path.with_suffix(f"{path.suffix}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
