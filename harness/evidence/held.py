"""A directory that is found again after it was renamed, and known to be gone after it was removed."""

import os
from pathlib import Path


class HeldDirectory:
    """Keeps `path` open until the process ends, because an open directory can be followed."""

    def __init__(self, path: Path) -> None:
        self.first_path = path
        self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def path(self) -> Path | None:
        """Return where the directory is now; None after it was removed, or was moved out of reach."""
        try:
            path = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))  # noqa: PTH115 - `path` is no link
        except OSError:  # without /proc there is nothing to follow
            path = self.first_path
        try:
            is_the_same = os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except OSError:
            return None
        return path if is_the_same else None
