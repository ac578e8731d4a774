"""Reads files of /proc, /sys and /etc, which may be missing, unreadable or gone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.model.knobs import cpus_of


@dataclass(frozen=True, slots=True)
class Roots:
    """The directory of the machine's files; tests give another `top`."""

    top: Path = Path("/")

    @property
    def proc(self) -> Path:
        """The directory of procfs."""
        return self.top / "proc"

    @property
    def sys(self) -> Path:
        """The directory of sysfs."""
        return self.top / "sys"

    @property
    def etc(self) -> Path:
        """The directory of configuration files."""
        return self.top / "etc"


HERE = Roots()


def read(path: Path) -> str | None:
    """Return the file's text without surrounding white space; None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \t\n\0")
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the number in a file; None when it cannot be read or is no integer."""
    text = read(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def read_named(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the texts of those files of `directory` that can be read, by name."""
    texts = {name: read(directory / name) for name in names}
    return {name: text for name, text in texts.items() if text is not None}


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8), "" is (). Raises ValueError."""
    return cpus_of(re.sub(r"\s", "", text)) if text.strip() else ()


def format_cpus(numbers: Iterable[int]) -> str:
    """Return the kernel's list of CPUs: (0, 1, 2, 8) is "0-2,8"."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ranges)
