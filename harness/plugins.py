"""Find plug-ins by kind and name: a file is one plug-in, with its docstring as help, or has a table of plug-ins."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from harness.model import ImportFormat, Knob, LoadTool, NetworkRung, SandboxRung, Transport

T = TypeVar("T")
PACKAGES: Mapping[type, str] = {
    Transport: "harness.testbed.transports",
    LoadTool: "harness.load.tools",
    NetworkRung: "harness.testbed.network.rungs",  # a table
    SandboxRung: "harness.testbed.sandbox.rungs",  # a table
    Knob: "harness.testbed.kernel.knobs",  # a table
    ImportFormat: "harness.imports.formats",  # tables
}


def names(kind: type) -> list[str]:
    """Return the names in the table of a kind of plug-in, or those of its files; `uds_tmpfs.py` is "uds-tmpfs"."""
    if entries := _entries(kind):
        return sorted(entries)
    return sorted(name.replace("_", "-") for name in _module_names(PACKAGES[kind]))


def load(kind: type[T], name: str) -> T:
    """Return the plug-in `name`. Raises TypeError unless it is a `kind`."""
    entries = _entries(kind)
    return _require_kind(entries[name] if entries else _module(kind, name).PLUGIN, name, kind)


def help_text(kind: type, name: str) -> str:
    """Return the first line of the docstring of the plug-in's module."""
    return (_module(kind, name).__doc__ or "").strip().split("\n")[0]


def table(kind: type[T]) -> dict[str, T]:
    """Return all plug-ins of a kind by name, from files and from tables, `PLUGINS`. Raises TypeError as `load`."""
    plugins = dict(_entries(kind))
    for name in [] if plugins else names(kind):
        module = _module(kind, name)
        plugins |= getattr(module, "PLUGINS", None) or {name: module.PLUGIN}
    return {name: _require_kind(plugins[name], name, kind) for name in sorted(plugins)}


def _entries(kind: type) -> Mapping[str, Any]:
    """Return the table of a kind that has a single one; {} for others."""
    return getattr(import_module(PACKAGES[kind]), "PLUGINS", {})


@cache
def _module_names(package: str) -> tuple[str, ...]:
    return tuple(module.name for module in pkgutil.iter_modules(import_module(package).__path__))


def _module(kind: type, name: str) -> ModuleType:
    return import_module(f"{PACKAGES[kind]}.{name.replace('-', '_')}")


def _require_kind(plugin: object, name: str, kind: type[T]) -> T:
    if not isinstance(plugin, kind):
        raise TypeError(f"Plug-in {name!r} is a {type(plugin).__name__}, not a {kind.__name__}.")
    return plugin
