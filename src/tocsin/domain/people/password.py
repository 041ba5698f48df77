"""Passwords: which ones are good enough, and how they are kept so that nobody can read them back.

Argon2id with 64 MiB, 3 passes and 4 lanes: the second recommendation of RFC 9106, 0.2 s on one core here. The
result is a PHC string, which carries its own parameters, so that they can be raised later without a migration.
"""

import base64
import re
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tocsin.ground.errors import Refused, Why

SHORTEST_PASSWORD = 12  # characters; length beats composition rules (NIST SP 800-63B)
LONGEST_PASSWORD = 1024  # characters; hashing time must not grow with what a stranger sends
SALT_BYTES = 16  # RFC 9106
MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
HASH_BYTES = 32
_FEW = 4  # different characters; fewer than five make no password
_PARAMETERS = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"

_COMMON = frozenset({
    "abc", "abcd", "abcdef", "admin", "administrator", "adminadmin", "asdf", "asdfgh", "asdfghjkl", "baseball",
    "changeit", "changeme", "changemenow", "correcthorsebatterystaple", "default", "dragon", "football", "guest",
    "hello", "helloworld", "iloveyou", "letmein", "letmeinplease", "login", "master", "monkey", "oncall", "pager",
    "pagerduty", "pass", "passpass", "passphrase", "passw", "password", "passwordpassword", "princess", "qazwsx",
    "qazwsxedc", "qwer", "qwerty", "qwertyqwerty", "qwertyuiop", "qwertz", "root", "rootroot", "secret",
    "secretsecret", "shadow", "starwars", "sunshine", "superman", "superuser", "supersecret", "temp", "test",
    "testing", "testtest", "tocsin", "toor", "trustno", "user", "welcome", "whatever", "zaqxsw", "zxcvbn", "zxcvbnm",
})  # fmt: skip
_LEET = str.maketrans("013457@$!", "oieastasi")
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "01234567890123456789",
    "98765432109876543210",
)


def check(password: str, *, email: str, name: str = "") -> None:
    """Return silently when the password is good enough for this person; raise `Refused` (invalid) when not."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refused(
            Why.INVALID, f"The password needs at least {SHORTEST_PASSWORD} characters; a sentence is a good one."
        )
    if len(password) > LONGEST_PASSWORD:
        raise Refused(Why.INVALID, f"The password may have at most {LONGEST_PASSWORD} characters.")
    if _guessable(password, (email, email.partition("@")[0], name)):
        raise Refused(Why.INVALID, "The password is among the first that anybody would guess; take another one.")


def hashed(password: str, salt: bytes) -> str:
    """Return the PHC string to keep; takes 0.2 s and 64 MiB, so call it in a thread. `salt` is 16 bytes of chance."""
    return _argon(salt).derive_phc_encoded(_bytes(password))


def matches(password: str, phc: str) -> bool:
    """Return whether this is the password behind the PHC string; takes as long as `hashed`."""
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        Argon2id.verify_phc_encoded(_bytes(password), phc)
    except InvalidKey:
        return False
    return True


def unmatchable(salt: bytes, chance: bytes) -> str:
    """Return a PHC string that no password is known to match, to spend the same time on people who do not exist."""
    return f"{_PARAMETERS}{_base64(salt)}${_base64(chance)}"


def outdated(phc: str) -> bool:
    """Return whether the PHC string was made with other parameters than today's: hash anew at the next login."""
    return not phc.startswith(_PARAMETERS)


def _argon(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode("ascii")


def _bytes(password: str) -> bytes:
    """Return the same bytes however a keyboard composed the characters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


def _guessable(password: str, personal: tuple[str, ...]) -> bool:
    lowered = unicodedata.normalize("NFKC", password).casefold()
    bare = re.sub(r"[\W\d_]+", "", lowered)
    plain = re.sub(r"[\W_]+", "", lowered.strip("0123456789!?.,-_# ").translate(_LEET))
    if len(set(lowered)) <= _FEW or bare in _COMMON or plain in _COMMON or _all_sequence(lowered):
        return True
    known = {re.sub(r"[\W_]+", "", text.casefold()) for text in personal} - {""}
    return re.sub(r"[\W_]+", "", lowered) in known or (bool(bare) and bare in known)


def _all_sequence(lowered: str) -> bool:
    """Return whether the text is only a run over the keyboard or the alphabet."""
    return any(lowered in sequence * 2 for sequence in _SEQUENCES)
