"""Find the plug-ins of a package: a file is a plug-in with its docstring as help, or holds a table of plug-ins."""

import pkgutil
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")


def names(package: str) -> list[str]:
    """Return the names of the plug-ins of `package`; `uds_tmpfs.py` is called "uds-tmpfs"."""
    modules = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name.replace("_", "-") for module in modules)


def load(package: str, name: str, kind: type[T]) -> T:
    """Return `PLUGIN` of the plug-in's module. Raises TypeError unless it is a `kind`."""
    return _require_kind(import_module(f"{package}.{name.replace('-', '_')}").PLUGIN, name, kind)


def help_text(package: str, name: str) -> str:
    """Return the first line of the plug-in's docstring."""
    doc = import_module(f"{package}.{name.replace('-', '_')}").__doc__ or ""
    return doc.strip().split("\n")[0]


def table(package: str, kind: type[T]) -> dict[str, T]:
    """Return the plug-ins by name of a package whose modules hold tables, `PLUGINS`. Raises TypeError as `load`."""
    tables = [import_module(f"{package}.{module}").PLUGINS for module in names(package)]
    plugins = {name: _require_kind(plugin, name, kind) for entries in tables for name, plugin in entries.items()}
    return dict(sorted(plugins.items()))


def _require_kind(plugin: object, name: str, kind: type[T]) -> T:
    if not isinstance(plugin, kind):
        raise TypeError(f"Plug-in {name!r} is a {type(plugin).__name__}, not a {kind.__name__}.")
    return plugin
