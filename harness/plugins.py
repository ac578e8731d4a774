"""Finds the plug-ins of a package: a file is a plug-in, its name is its name, its docstring its help text."""

import pkgutil
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")


def names(package: str) -> list[str]:
    """The plug-ins of `package` ("harness.lab.transports"); `uds_tmpfs.py` is called "uds-tmpfs"."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name.replace("_", "-") for module in found)


def load(package: str, name: str, kind: type[T]) -> T:
    """The value that plug-in `name` describes: its module's `PLUGIN`, which is a `kind`."""
    plugin = import_module(f"{package}.{name.replace('-', '_')}").PLUGIN
    assert isinstance(plugin, kind)
    return plugin


def help_text(package: str, name: str) -> str:
    """The first line of the plug-in's docstring."""
    doc = import_module(f"{package}.{name.replace('-', '_')}").__doc__ or ""
    return doc.strip().split("\n")[0]


def dotted_names(package: str) -> list[str]:
    """The plug-ins of `package` and its folders: `lo/mtu.py` is called "lo.mtu"."""
    root = import_module(package)
    found = pkgutil.walk_packages(root.__path__, f"{package}.")
    return sorted(module.name.removeprefix(f"{package}.") for module in found if not module.ispkg)


def load_dotted(package: str, name: str, kind: type[T]) -> T:
    """The value of plug-in `name`, a `kind`; underscores and dots of its name are those of its file."""
    plugin = import_module(f"{package}.{name}").PLUGIN
    assert isinstance(plugin, kind)
    return plugin
