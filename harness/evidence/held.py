"""Follows a directory when it is renamed, and detects that it was removed."""

import os
from pathlib import Path


class HeldDirectory:
    """A directory that is kept open until the process ends, so that it can be followed."""

    def __init__(self, path: Path) -> None:
        self.first_path = path
        self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def path(self) -> Path | None:
        """Return the current path of the directory; None after it was removed, or moved out of reach."""
        try:
            path = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))  # noqa: PTH115 - `path` is no link
        except OSError:  # without /proc there is nothing to follow
            path = self.first_path
        try:
            is_same = os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except OSError:
            return None
        return path if is_same else None
