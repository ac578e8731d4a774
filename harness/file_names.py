"""Turn names of arms and experiments into distinct file names that are safe on every file system."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 120  # a name takes 255, on encrypted file systems 143, of which endings need some
HASH_LETTERS = 8
OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each of `names`: the name itself where possible.

    All are distinct, also on a file system that ignores case.
    """
    wanted = list(dict.fromkeys(names))
    by_name: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(wanted, key=lambda name: file_name(name) != name):  # those that can be kept come first
        by_name[name] = _untaken(name, taken)
        taken.add(_as_compared(by_name[name]))
    return {name: by_name[name] for name in wanted}


def file_name(name: str) -> str:
    """Return `name` as a file name of letters, digits, "-", "." and "_"."""
    safe = "".join(
        letter if letter.isalnum() or letter in "-._" else "_" for letter in unicodedata.normalize("NFC", name)
    )
    safe = re.sub(r"^[-.]", "_", safe)
    safe = re.sub(r"\.+$", lambda dots: "_" * len(dots.group()), safe) or "_"
    if OF_WINDOWS.fullmatch(safe):
        safe = f"_{safe}"
    return safe if len(safe.encode()) <= MOST_BYTES else _with_hash(safe, name)


def _untaken(name: str, taken: set[str]) -> str:
    candidate, salt = file_name(name), name
    while _as_compared(candidate) in taken:
        candidate, salt = _with_hash(file_name(name), salt), f"{salt}/"
    return candidate


def _with_hash(safe: str, name: str) -> str:
    """Return the beginning of `safe` with a hash of `name`."""
    ending = f"-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:HASH_LETTERS]}"
    beginning = safe.encode()[: MOST_BYTES - len(ending)].decode(errors="ignore")
    return f"{beginning}{ending}"


def _as_compared(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
