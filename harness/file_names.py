"""Names of arms and experiments as names of files: safe on every file system, and distinct."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 120  # a name takes 255, on encrypted file systems 143, of which endings need some
HASH_LETTERS = 8
OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each of `names`. A name that can be a file name keeps it.

    No two are alike, also where a file system takes upper and lower case for the same.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(wanted, key=lambda name: file_name(name) != name):  # those that can be kept come first
        found[name] = _untaken(name, taken)
        taken.add(_as_compared(found[name]))
    return {name: found[name] for name in wanted}


def file_name(name: str) -> str:
    """Return `name` as a file name: letters, digits, "-", "." and "_", at most MOST_BYTES long."""
    safe = "".join(
        letter if letter.isalnum() or letter in "-._" else "_" for letter in unicodedata.normalize("NFC", name)
    )
    safe = re.sub(r"^[-.]", "_", safe)
    safe = re.sub(r"\.+$", lambda dots: "_" * len(dots.group()), safe) or "_"
    if OF_WINDOWS.fullmatch(safe):
        safe = f"_{safe}"
    return safe if len(safe.encode()) <= MOST_BYTES else _with_hash(safe, name)


def _untaken(name: str, taken: set[str]) -> str:
    found, salt = file_name(name), name
    while _as_compared(found) in taken:
        found, salt = _with_hash(file_name(name), salt), f"{salt}/"
    return found


def _with_hash(safe: str, name: str) -> str:
    """The beginning of `safe`, and what tells `name` from others that begin alike."""
    ending = f"-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:HASH_LETTERS]}"
    beginning = safe.encode()[: MOST_BYTES - len(ending)].decode(errors="ignore")
    return f"{beginning}{ending}"


def _as_compared(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
