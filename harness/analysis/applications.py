"""The application files that were measured, from host.json."""

from collections.abc import Mapping
from typing import Any

from harness.model import Application


def applications_of(host: Mapping[str, Any]) -> tuple[Application, ...]:
    """Return each application with the arms that it served; none if host.json is older than these facts."""
    arms_by_file: dict[tuple[str, str, str, str], list[str]] = {}
    for entry in host.get("serving", ()):
        facts = entry.get("application", {})
        key = tuple(str(facts.get(name) or "") for name in ("app", "directory", "file", "sha256"))
        arms_by_file.setdefault(key, []).extend(entry.get("arms", ()))  # type: ignore[arg-type] # four texts
    return tuple(
        Application(app=app, directory=directory, file=file, sha256=sha256, arms=tuple(arms))
        for (app, directory, file, sha256), arms in arms_by_file.items()
    )
