"""Find the plug-ins of a package: the file name is the plug-in's name, its docstring the help text."""

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
    return load_dotted(package, name.replace("-", "_"), kind)


def help_text(package: str, name: str) -> str:
    """Return the first line of the plug-in's docstring."""
    doc = import_module(f"{package}.{name.replace('-', '_')}").__doc__ or ""
    return doc.strip().split("\n")[0]


def dotted_names(package: str) -> list[str]:
    """Return the names of the plug-ins of `package` and its folders: `lo/mtu.py` is called "lo.mtu"."""
    modules = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
    return sorted(module.name.removeprefix(f"{package}.") for module in modules if not module.ispkg)


def load_dotted(package: str, name: str, kind: type[T]) -> T:
    """Return `PLUGIN` of the module `package`.`name`. Raises TypeError unless it is a `kind`."""
    plugin = import_module(f"{package}.{name}").PLUGIN
    if not isinstance(plugin, kind):
        raise TypeError(f"{package}.{name}: PLUGIN is a {type(plugin).__name__}, not a {kind.__name__}.")
    return plugin
