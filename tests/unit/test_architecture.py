"""The rules of the house: who may import whom, how long a function is, what a plug-in brings along."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import pytest

from harness import plugins
from harness.experiment.knobs import all_knobs
from harness.model import Knob, LoadTool, NetworkRung, Reader, SandboxRung, Transport

ROOT = Path(__file__).parents[2]
FILES = sorted(path for room in ("harness", "app") for path in (ROOT / room).rglob("*.py"))
PLUGINS = {
    "harness.lab.transports": Transport,
    "harness.load.tools": LoadTool,
    "harness.lab.rungs.network": NetworkRung,
    "harness.lab.rungs.sandbox": SandboxRung,
    "harness.evidence.foreign.formats": Reader,
}
KNOBS = "harness.lab.knobs"
SLOW = ("pyroute2", "scipy", "polars", "plotly", "trustme")
LONGEST_FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name that is imported, as far as it goes: `from harness.lab import keeper` is harness.lab.keeper."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(module: str) -> set[str]:
    """What `module` imports, also inside its functions."""
    return set(imported(ast.walk(TREES[module])))


def imports_at_top(module: str) -> set[str]:
    """What importing `module` imports, its own functions not yet run."""
    return set(imported(TREES[module].body))


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def in_rooms(*rooms: str) -> list[str]:
    return [module for module in TREES if is_in(module, *rooms)]


def reachable(module: str, step: Callable[[str], set[str]] = imports) -> set[str]:
    """Everything that `module` imports, itself or through other modules of ours."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for name in step(waiting.pop()) - found:
            found.add(name)
            waiting += [ours for ours in (name, name.rpartition(".")[0]) if ours in TREES]
    return found


def functions() -> Iterator[tuple[str, int]]:
    """(where, how many lines) for every function and method."""
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                assert node.end_lineno is not None
                yield f"{module}.{node.name}", node.end_lineno - node.lineno + 1


def plugin_modules() -> list[tuple[str, str]]:
    return [(package, name) for package in PLUGINS for name in plugins.names(package)]


def test_the_rules_are_about_something() -> None:
    assert {"harness", "harness.cli", "harness.analysis.verdict", "harness.lab.keeper", "app.main"} <= set(TREES)
    assert "subprocess" in reachable("harness.lab.stack")
    assert "harness.lab.blueprint.survey" in reachable("harness.cli")


@pytest.mark.parametrize("module", in_rooms("harness.analysis", "harness.report"))
def test_analysis_and_report_reach_neither_the_machine_nor_a_process(module: str) -> None:
    forbidden = ("harness.lab", "harness.load", "harness.run", "subprocess", "socket", "psutil")
    assert not [name for name in reachable(module) if is_in(name, *forbidden)]


@pytest.mark.parametrize("module", in_rooms("harness.experiment"))
def test_the_experiment_room_is_pure(module: str) -> None:
    forbidden = (
        *(f"harness.{room}" for room in ("lab", "load", "evidence", "analysis", "report", "run")),
        "subprocess",
    )
    assert not [name for name in reachable(module) if is_in(name, *forbidden)]


@pytest.mark.parametrize(("package", "name"), [*plugin_modules(), *((KNOBS, name) for name in plugins.names(KNOBS))])
def test_plug_ins_import_nothing_of_ours_but_the_model_and_how_a_module_is_started(package: str, name: str) -> None:
    found = imports(f"{package}.{name.replace('-', '_')}")
    assert not [
        name for name in found if is_in(name, "harness", "app") and not is_in(name, "harness.model", "harness.start")
    ]


def test_nobody_imports_the_command() -> None:
    others = [module for module in TREES if not is_in(module, "harness.cli")]
    assert [module for module in others if any(is_in(name, "harness.cli") for name in imports(module))] == [
        "harness.__main__"
    ]


def test_the_application_imports_nothing_of_the_harness() -> None:
    assert not [module for module in in_rooms("app") for name in imports(module) if is_in(name, "harness")]


@pytest.mark.parametrize("program", ["keeper", "bare", "relay", "doors", "sandbox.enter"])
def test_a_stand_alone_program_needs_the_standard_library_only(program: str) -> None:
    """It runs with -I -S: nothing else is there."""
    assert {name.partition(".")[0] for name in imports(f"harness.lab.{program}")} <= sys.stdlib_module_names


@pytest.mark.parametrize("module", ["harness.cli", "harness.__main__"])
def test_starting_the_command_imports_nothing_that_is_slow(module: str) -> None:
    assert not [name for name in reachable(module, imports_at_top) if is_in(name, *SLOW)]


@pytest.mark.parametrize(("package", "name"), plugin_modules())
def test_a_plug_in_brings_its_value_and_its_help(package: str, name: str) -> None:
    plugins.load(package, name, PLUGINS[package])
    assert plugins.help_text(package, name).endswith(".")


@pytest.mark.parametrize(("name", "knob"), all_knobs().items())
def test_a_knob_brings_its_help(name: str, knob: Knob) -> None:
    assert name
    assert knob.help.endswith(".")


def test_no_function_is_longer_than_a_screen() -> None:
    assert [(where, lines) for where, lines in functions() if lines > LONGEST_FUNCTION_LINES] == []


def test_most_functions_are_short() -> None:
    assert median(lines for _, lines in functions()) <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("module", TREES)
def test_a_module_says_first_in_one_line_what_it_promises(module: str) -> None:
    first, *rest = (ast.get_docstring(TREES[module], clean=False) or "").split("\n")
    assert first
    assert not rest or not rest[0], "the first line stands alone"
    assert len(first) <= 120


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: subprocess.run(["true"], check=False),
        lambda: os.fork(),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.system("true"),
        lambda: socket.socket(),
        lambda: socket.socketpair(),
        lambda: socket.create_connection(("127.0.0.1", 9)),
    ],
    ids=["run", "fork", "posix_spawn", "system", "socket", "socketpair", "connection"],
)
def test_a_unit_test_can_start_no_process_and_open_no_socket(attempt: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="starts no process and opens no socket"):
        attempt()
