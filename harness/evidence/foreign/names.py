"""Derives the architecture of a file and the transport of an architecture from their names."""

import re
from pathlib import Path
from typing import NamedTuple

REPETITION = re.compile(r"(?:[-_. ](?:run|rep|repetition)?[-_.]?\d+)$", re.IGNORECASE)
LOCUST_SUFFIX = re.compile(r"_stats$")
SURE_WORDS = {"tcp": {"tcp"}, "uds": {"uds", "unix", "af_unix"}}
LIKELY_WORDS = {
    "tcp": {"port", "loopback", "localhost", "inet"},
    "uds": {"socket", "sock", "sharedvolume", "shared", "volume", "combined", "tmpfs"},
}


class Named(NamedTuple):
    """A file, with the place and the architecture given on the command line; "" where none was."""

    where: str
    architecture: str
    file: Path


def named(spec: str) -> Named:
    """Parse `[[WHERE/]ARCHITECTURE=]FILE`. Where a file with the whole name exists, it is the file."""
    name, equals, file = spec.partition("=")
    if not equals or Path(spec).exists():
        return Named("", "", Path(spec))
    where, _, architecture = name.rpartition("/")
    return Named(where, architecture, Path(file))


def architecture_of(file: Path) -> str:
    """Return the file's name without a number: "tcp" for tcp-1.txt, tcp_2.csv and tcp_stats.csv."""
    return LOCUST_SUFFIX.sub("", REPETITION.sub("", file.stem)) or file.stem


def transport_of(architecture: str) -> str:
    """Return "tcp" or "uds" by the words of an architecture's name, "" where they match neither or both."""
    words = set(re.findall(r"[a-z0-9]+", architecture.lower().replace("af_unix", "unix")))
    for vocabulary in (SURE_WORDS, LIKELY_WORDS):
        matching = [transport for transport, known in vocabulary.items() if known & words]
        if matching:
            return matching[0] if len(matching) == 1 else ""
    return ""
