"""Prints what an interpreter would serve: its version, its packages, and the files of an application.

A stand-alone program for any Python from 3.8: `python -c PROGRAM APP APP_DIR FINDER NAME...`. FINDER is the file
application_path.py where gunicorn has it as its --config, or "". The last line of output is JSON; the application's
packages may print before it. File names are relative to a directory of sys.path.
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

MAX_FILES = 5000


def main(app: str, app_dir: str, finder: str, distributions: list[str]) -> None:
    """Print the facts about `app` and the installed ones of `distributions` as JSON."""
    sys.path[0] = app_dir  # as gunicorn does with chdir
    if finder:
        sys.meta_path.insert(0, runpy.run_path(finder)["ApplicationFirst"])
    module = app.partition(":")[0]
    origin = find_origin(module)
    files = application_sources(module, origin, Path(app_dir).resolve()) if origin else []
    imported = sorted({name for path in files for name in imported_modules(path)})
    facts = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packages": {**versions_of(distributions), **versions_of(distributions_of(imported))},
        "module": module,
        "file": path_from_sys_path(origin) if origin else None,
        "sha256": hashlib.sha256(origin.read_bytes()).hexdigest() if origin else None,
        "files": len(files),
        "files_sha256": digest(files) if files else None,
    }
    print("\n" + json.dumps(facts))


def find_origin(module: str) -> Path | None:
    """Return the file that `import module` would run; None where there is none."""
    try:
        spec = util.find_spec(module)
    except Exception:  # noqa: BLE001 - whatever the packages around it raise when they are imported
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path.resolve() if path and path.is_file() else None


def application_sources(module: str, origin: Path, app_dir: Path) -> list[Path]:
    """Return the application's own .py files: those of its package, and those that they import from `app_dir`."""
    files: set[Path] = set()
    top = find_origin(module.partition(".")[0]) or origin
    waiting = [*package_files(top), origin]
    while waiting and len(files) < MAX_FILES:
        path = waiting.pop()
        if path not in files:
            files.add(path)
            own = (find_origin(name) for name in imported_modules(path))
            waiting += [file for local in own if local and is_own(local, app_dir) for file in package_files(local)]
    return sorted(files)


def is_own(path: Path, app_dir: Path) -> bool:
    """Return whether `path` is in `app_dir` and no installed package."""
    return app_dir in path.parents and "site-packages" not in path.parts


def package_files(origin: Path) -> list[Path]:
    """Return all .py files of a package, or the file itself."""
    return list(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def imported_modules(path: Path) -> set[str]:
    """Return the top-level names of all modules that a file imports."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return set()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def distributions_of(modules: list[str]) -> list[str]:
    """Return the distributions that `modules` belong to; empty before Python 3.10."""
    known = metadata.packages_distributions() if hasattr(metadata, "packages_distributions") else {}
    return [name for module in modules for name in known.get(module, ())]


def versions_of(names: list[str]) -> dict[str, str]:
    """Return the versions of the installed ones of the distributions `names`."""
    versions = {}
    for name in names:
        try:
            versions[name.lower().replace("_", "-")] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def path_from_sys_path(path: Path) -> str:
    """Return `path` relative to the first directory of sys.path that contains it."""
    parents = [parent for parent in (Path(name).resolve() for name in sys.path) if parent in path.parents]
    return str(path.relative_to(parents[0])) if parents else path.name


def digest(paths: list[Path]) -> str:
    """Return the SHA-256 of the names and contents of files."""
    sha256 = hashlib.sha256()
    for path in paths:
        sha256.update(path_from_sys_path(path).encode(errors="surrogateescape") + b"\0" + path.read_bytes())
    return sha256.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
