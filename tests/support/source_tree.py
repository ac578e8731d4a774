"""The source of the harness as syntax trees, and what imports what in it."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def paths() -> dict[str, Path]:
    """Return the file of each module of the harness and of the application, by its dotted name."""
    files = (path for room in ("harness", "app") for path in (ROOT / room).rglob("*.py"))
    return {module_name(path): path for path in sorted(files)}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(paths()[module].read_text(encoding="utf-8"))


def names_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield every imported name, as far as it goes: `from harness.load import visits` is harness.load.visits."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports(module: str) -> frozenset[str]:
    """Return what `module` imports, also inside its functions."""
    return frozenset(names_in(ast.walk(tree_of(module))))


@cache
def imports_at_top(module: str) -> frozenset[str]:
    """Return what importing `module` imports, before any of its functions runs."""
    return frozenset(names_in(tree_of(module).body))


def module_of(name: str) -> str | None:
    """Return the module of ours that an imported name is in."""
    while name and name not in paths():
        name = name.rpartition(".")[0]
    return name or None


@cache
def modules_used(module: str) -> frozenset[str]:
    """Return the modules of ours that `module` imports."""
    used = {module_of(name) for name in imports(module)} - {None, module, "harness"}
    return frozenset(name for name in used if name)


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def functions() -> Iterator[tuple[str, Function]]:
    """Yield every function and method with its place."""
    for module in paths():
        for node in ast.walk(tree_of(module)):
            if isinstance(node, Function):
                yield f"{module}.{node.name}", node


def cycles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Return the groups of nodes that reach each other (Tarjan's strongly connected components, of two or more)."""
    reach = {node: _reachable(node, edges) for node in edges}
    groups = {frozenset({node, *(other for other in reach[node] if node in reach.get(other, ()))}) for node in edges}
    return [set(group) for group in groups if len(group) > 1]


def _reachable(node: str, edges: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [node]
    while waiting:
        for other in edges.get(waiting.pop(), set()) - reached:
            reached.add(other)
            waiting.append(other)
    return reached
