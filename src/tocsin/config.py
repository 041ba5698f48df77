"""Configuration: what the operator sets, in a TOML file or in TOCSIN_ variables, with an answer for the rest."""

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tocsin.ground.errors import Refused, Why

Duty = Literal["api", "accept", "engine", "notify", "keeper"]
ALL_DUTIES: tuple[Duty, ...] = ("api", "accept", "engine", "notify", "keeper")

_PREFIX = "TOCSIN_"
_LIST_SEPARATOR = ","


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """Return where data is kept when nothing is set: the system's place for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin")
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "tocsin"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Durations are in seconds and sizes in the unit that the name ends in.

    `channels` holds the settings of each channel by its kind, as the channel's own file declares them.
    """

    data_dir: Path
    database_url: str | None = None
    database_prepare: bool = True
    database_connections: int = 12
    duties: tuple[Duty, ...] = ALL_DUTIES
    node_name: str = field(default_factory=socket.gethostname)
    http: str = "127.0.0.1:8080"
    https: str = "0.0.0.0:8443"
    tls: Literal["auto", "off"] = "auto"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_names: tuple[str, ...] = ()
    public_address: str | None = None
    key_file: Path | None = None
    events_per_minute: int = 10_000
    rest_calls_per_minute: int = 0
    events_kept_for_days: int = 90
    private_networks: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    heartbeat_url: str | None = None
    heartbeat_every_s: int = 60
    probe_every_s: int = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def public_url(self) -> str:
        """Return the address under which people and clients reach this installation, without a closing slash."""
        if self.public_address:
            return self.public_address.rstrip("/")
        port = self.https.rpartition(":")[2]
        return f"https://{self.node_name}:{port}" if self.tls == "auto" else f"http://{self.http}"

    @property
    def master_key_file(self) -> Path:
        """Return the file of the key that seals the keys in the database; it is never inside the database."""
        return self.key_file or self.data_dir / "master.key"

    @property
    def tls_dir(self) -> Path:
        """Return where the generated authority and certificate are kept."""
        return self.data_dir / "tls"


def load(environment: Mapping[str, str], file: Path | None = None) -> Config:
    """Read the file (or the one that TOCSIN_CONFIG names), then the variables, which win.

    `TOCSIN_HTTPS=…` sets `https`; lists are separated by commas; `TOCSIN_CHANNELS` is JSON. Raises `Refused`
    (invalid) with the name of the setting that is wrong.
    """
    chosen = file or (Path(environment["TOCSIN_CONFIG"]) if environment.get("TOCSIN_CONFIG") else None)
    settings: dict[str, Any] = {"data_dir": str(default_data_dir(environment))}
    if chosen is not None:
        settings |= _from_file(chosen)
    settings |= _from_variables(environment)
    try:
        return msgspec.convert(settings, Config, strict=False, dec_hook=_path)
    except msgspec.ValidationError as failure:
        raise Refused(Why.INVALID, f"The configuration is wrong: {failure}") from failure


def _path(kind: type, value: object) -> object:
    """Return a text as the path that a setting wants to be."""
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failure:
        raise Refused(Why.INVALID, f"The configuration {file} cannot be read: {failure.strerror}") from failure
    except tomllib.TOMLDecodeError as failure:
        raise Refused(Why.INVALID, f"The configuration {file} is not TOML: {failure}") from failure


def _from_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    lists = {"duties", "tls_names", "private_networks", "trusted_proxies"}
    for setting in Config.__struct_fields__:
        text = environment.get(_PREFIX + setting.upper())
        if text is None:
            continue
        if setting in lists:
            found[setting] = [part.strip() for part in text.split(_LIST_SEPARATOR) if part.strip()]
        elif setting == "channels":
            found[setting] = _channels(text)
        else:
            found[setting] = text
    return found


def _channels(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as failure:
        raise Refused(Why.INVALID, f"TOCSIN_CHANNELS is not JSON: {failure}") from failure
