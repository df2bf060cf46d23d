"""The hashes that htpasswd writes: told apart, checked, and made.

What the kinds are is in apr-util's apr_password_validate and htpasswd(1): bcrypt (``$2y$``), Apache's MD5
(``$apr1$``), ``{SHA}``, and what crypt(3) knows of old (DES, ``$1$``, ``$5$``, ``$6$``). Anything else is
plain text to us, and refused. The libraries are imported at the first sign-in, to keep an idle server small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A check at cost 14 takes about a second; one at htpasswd's highest, 17, would hold a thread for ten.
HIGHEST_BCRYPT_COST = 14

#: The cost of new hashes: about a quarter of a second, which a person doesn't mind and a guesser does.
NEW_BCRYPT_COST = 12

#: libpass computes these in Python, holding the interpreter: a million rounds take more than half a second.
MOST_SHA_ROUNDS = 1_000_000

#: bcrypt knows no more; htpasswd and Apache cut there without a word (crypt_blowfish.c), so we do too.
BCRYPT_BYTES = 72

#: htpasswd takes no more than 255 characters (MAX_STRING_LEN in support/passwd_common.h).
LONGEST_PASSWORD = 255

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_SHA_CRYPT = re.compile(
    r"\$(?P<id>[56])\$(?:rounds=(?P<rounds>[0-9]{1,9})\$)?[^$:]{0,16}\$"
    r"(?:(?<=\$)[./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})"
)
_OTHERS = (
    ("apr_md5_crypt", re.compile(r"\$apr1\$[^$:]{0,8}\$[./A-Za-z0-9]{22}")),
    ("md5_crypt", re.compile(r"\$1\$[^$:]{0,8}\$[./A-Za-z0-9]{22}")),
    ("ldap_sha1", re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}=")),
    ("des_crypt", re.compile(r"[./A-Za-z0-9]{13}")),
)


class HashRefused(ValueError):
    """A hash that is not checked; the text says why, without the hash."""


@dataclass(frozen=True, slots=True)
class HashKind:
    """The way a hash is computed: passlib's name of it (or ``bcrypt``), and how much work it is."""

    name: str
    work: int = 0


def kind_of(hashed: str) -> HashKind:
    """The kind of a hash as it stands in an htpasswd file; raises :class:`HashRefused`."""
    if match := _BCRYPT.fullmatch(hashed):
        cost = int(match[1])
        if not 4 <= cost <= HIGHEST_BCRYPT_COST:
            raise HashRefused(
                f"has bcrypt's cost {cost}, and {HIGHEST_BCRYPT_COST} is the highest that is checked"
            )
        return HashKind("bcrypt", cost)
    if match := _SHA_CRYPT.fullmatch(hashed):
        rounds = int(match["rounds"] or 5000)
        if rounds > MOST_SHA_ROUNDS:
            raise HashRefused(f"has {rounds} rounds, and {MOST_SHA_ROUNDS} are the most that are checked")
        return HashKind("sha256_crypt" if match["id"] == "5" else "sha512_crypt", rounds)
    for name, pattern in _OTHERS:
        if pattern.fullmatch(hashed):
            return HashKind(name)
    raise HashRefused("is plain text, or hashed in a way that NexeFax does not know")


def matches(password: str, hashed: str, kind: HashKind) -> bool:
    """Whether ``password`` has this hash; takes the time of the hash. Never raises."""
    secret = password.encode("utf-8", "surrogatepass")
    if kind.name == "bcrypt":
        import bcrypt  # late: the idle server has no need of it

        try:
            return bcrypt.checkpw(secret[:BCRYPT_BYTES], hashed.encode())
        except ValueError:
            return False  # a salt whose last character has bits that no salt has
    import passlib.hash  # late: most installations never need it

    if b"\0" in secret or len(secret) > LONGEST_PASSWORD:
        # C programs that wrote the hash could not take it; it is nobody's password, but the time is spent.
        secret = b"\xff"
    try:
        return bool(getattr(passlib.hash, kind.name).verify(secret, hashed))
    except ValueError:
        # The pattern let pass what passlib does not: rounds below crypt(3)'s least, a last character of DES.
        return False


def new_hash(password: str) -> str:
    """A bcrypt hash of ``password`` that Apache reads (``$2y$``)."""
    import bcrypt

    hashed = bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], bcrypt.gensalt(NEW_BCRYPT_COST)).decode()
    # The same computation under another name; Apache's bcrypt (crypt_blowfish) knows 2y only since 2011.
    return "$2y$" + hashed.removeprefix("$2b$")


#: What an unknown user is checked against when there is no file to take a hash from: nobody's password.
NOBODYS_HASH = f"$2y${NEW_BCRYPT_COST}$" + "." * 53
