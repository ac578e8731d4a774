"""Which architecture a file is about, and which transport an architecture has: told by names."""

import re
from pathlib import Path
from typing import NamedTuple

NUMBER = re.compile(r"(?:[-_. ](?:run|rep|repetition)?[-_.]?\d+)$", re.IGNORECASE)
LOCUST = re.compile(r"_stats$")
SURE = {"tcp": {"tcp"}, "uds": {"uds", "unix", "af_unix"}}
LIKELY = {
    "tcp": {"port", "loopback", "localhost", "inet"},
    "uds": {"socket", "sock", "sharedvolume", "shared", "volume", "combined", "tmpfs"},
}


class Named(NamedTuple):
    """A file, and the names that were given with it; "" where none was."""

    where: str
    architecture: str
    file: Path


def named(spec: str) -> Named:
    """What `[[WHERE/]ARCHITECTURE=]FILE` names. A file that is there by the whole of `spec` has no name given."""
    name, equals, file = spec.partition("=")
    if not equals or Path(spec).exists():
        return Named("", "", Path(spec))
    where, _, architecture = name.rpartition("/")
    return Named(where, architecture, Path(file))


def architecture_of(file: Path) -> str:
    """By the file's name, without what only numbers it: "tcp" for tcp-1.txt, tcp_2.csv and tcp_stats.csv."""
    return LOCUST.sub("", NUMBER.sub("", file.stem)) or file.stem


def transport_of(architecture: str) -> str:
    """ "tcp" or "uds" by the words of an architecture's name, "" where they say neither or both."""
    words = set(re.findall(r"[a-z0-9]+", architecture.lower().replace("af_unix", "unix")))
    for vocabulary in (SURE, LIKELY):
        found = [transport for transport, known in vocabulary.items() if known & words]
        if found:
            return found[0] if len(found) == 1 else ""
    return ""
