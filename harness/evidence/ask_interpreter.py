"""Says what an interpreter would serve: its version, its packages, and the files of an application.

A stand-alone program for any Python from 3.8: `python -c PROGRAM APP APP_DIR FINDER NAME...`. FINDER is the file
application_path.py where gunicorn has it as its --config, or "". It prints one line of JSON last:
what the application's packages print when they are imported comes before it. No name of a file in it has a directory
above the one that Python finds the file in.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import runpy
import sys
from importlib import metadata, util
from pathlib import Path

MOST_FILES = 5000


def main(app: str, app_dir: str, finder: str, named: list[str]) -> None:
    sys.path[0] = app_dir  # as gunicorn does with chdir
    if finder:
        sys.meta_path.insert(0, runpy.run_path(finder)["ApplicationFirst"])
    module = app.partition(":")[0]
    origin = origin_of(module)
    files = sources_of(module, origin, Path(app_dir).resolve()) if origin else []
    imported = sorted({name for path in files for name in imports_of(path)})
    facts = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packages": {**versions_of(named), **versions_of(distributions_of(imported))},
        "module": module,
        "file": name_of(origin) if origin else None,
        "sha256": hashlib.sha256(origin.read_bytes()).hexdigest() if origin else None,
        "files": len(files),
        "files_sha256": digest(files) if files else None,
    }
    print("\n" + json.dumps(facts))


def origin_of(module: str) -> Path | None:
    """The file that `import module` would run; None where there is none."""
    try:
        spec = util.find_spec(module)
    except Exception:  # noqa: BLE001 - whatever the packages around it raise when they are imported
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path.resolve() if path and path.is_file() else None


def sources_of(module: str, origin: Path, app_dir: Path) -> list[Path]:
    """The application's own .py files: those of its package, and those that they import from `app_dir`."""
    found: set[Path] = set()
    top = origin_of(module.partition(".")[0]) or origin
    waiting = [*package_files(top), origin]
    while waiting and len(found) < MOST_FILES:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            own = (origin_of(name) for name in imports_of(path))
            waiting += [file for local in own if local and is_own(local, app_dir) for file in package_files(local)]
    return sorted(found)


def is_own(path: Path, app_dir: Path) -> bool:
    return app_dir in path.parents and "site-packages" not in path.parts


def package_files(origin: Path) -> list[Path]:
    """All .py files of a package, or the file itself."""
    return list(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def imports_of(path: Path) -> set[str]:
    """The top-level names that a file imports anywhere in it."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return set()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def distributions_of(modules: list[str]) -> list[str]:
    """The distributions that `modules` come from, which Python tells since 3.10."""
    known = metadata.packages_distributions() if hasattr(metadata, "packages_distributions") else {}
    return [name for module in modules for name in known.get(module, ())]


def versions_of(names: list[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name.lower().replace("_", "-")] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def name_of(path: Path) -> str:
    """`path` below the first directory of sys.path that it is in."""
    places = [place for place in (Path(name).resolve() for name in sys.path) if place in path.parents]
    return str(path.relative_to(places[0])) if places else path.name


def digest(paths: list[Path]) -> str:
    """SHA-256 over the names and contents of files."""
    found = hashlib.sha256()
    for path in paths:
        found.update(name_of(path).encode(errors="surrogateescape") + b"\0" + path.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
