"""What modules may import and do: purity, plug-ins, stand-alone programs, quick start-up, docstrings."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from statistics import median

import pytest

from harness import plugins
from harness.model import ImportFormat, Knob, LoadTool, NetworkRung, SandboxRung, Transport
from tests.support.source_tree import functions, imports, imports_at_top, is_in, paths, tree_of

FILES = (Transport, LoadTool)  # kinds of which each file is a plug-in
TABLES = (NetworkRung, SandboxRung, Knob)  # kinds that are in one file
FORMATS = plugins.PACKAGES[ImportFormat]
READ_TOOLS = {  # what reads the output of a tool stands once, for the tool that we run and for files made elsewhere
    "harness.load.tools": (FORMATS, "harness.imports.text", "harness.imports.numbers"),
    FORMATS: ("harness.imports.numbers", "harness.imports.consistency"),
}
STAND_ALONE = [module for module in paths() if module.startswith("harness.testbed.standalone.")]
FOR_PLUGINS = ("harness.model", "harness.start")
SLOW = ("pyroute2", "scipy", "polars", "trustme", "rich")
MEDIAN_FUNCTION_LINES = 10


def in_rooms(*rooms: str) -> list[str]:
    return [module for module in paths() if is_in(module, *rooms)]


def reachable(module: str, step: Callable[[str], frozenset[str]] = imports) -> set[str]:
    """Return everything that `module` imports, itself or through other modules of ours."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        for name in step(waiting.pop()) - reached:
            reached.add(name)
            waiting += [ours for ours in (name, name.rpartition(".")[0]) if ours in paths()]
    return reached


def plugin_files(*kinds: type) -> list[tuple[type, str]]:
    return [(kind, name) for kind in kinds for name in plugins.names(kind)]


def test_the_rules_are_about_something() -> None:
    assert {"harness", "harness.cli", "harness.testbed.standalone.supervisor", "app.main"} <= set(paths())
    assert "subprocess" in reachable("harness.testbed.stack.start")
    assert "harness.testbed.blueprint.survey_machine" in reachable("harness.cli.doctor")


@pytest.mark.parametrize("module", in_rooms("harness.analysis", "harness.report"))
def test_analysis_and_report_reach_neither_the_machine_nor_a_process(module: str) -> None:
    forbidden = ("harness.testbed", "harness.load", "harness.session.measure", "subprocess", "socket", "psutil")
    assert not [name for name in reachable(module) if is_in(name, *forbidden)]


@pytest.mark.parametrize("module", in_rooms("harness.experiment"))
def test_the_experiment_room_is_pure(module: str) -> None:
    assert "subprocess" not in reachable(module)


@pytest.mark.parametrize(
    "module",
    [
        *(plugins.PACKAGES[kind] for kind in TABLES),
        *(f"{plugins.PACKAGES[kind]}.{name.replace('-', '_')}" for kind, name in plugin_files(*FILES, ImportFormat)),
    ],
)
def test_plug_ins_import_the_model_and_the_tools_for_their_kind_only(module: str) -> None:
    package = module.rpartition(".")[0]
    used = {name for name in imports(module) if is_in(name, "harness", "app")}
    assert not [name for name in used if not is_in(name, *FOR_PLUGINS, *READ_TOOLS.get(package, ()))]


def test_nobody_imports_the_command() -> None:
    others = [module for module in paths() if not is_in(module, "harness.cli")]
    assert [module for module in others if any(is_in(name, "harness.cli") for name in imports(module))] == [
        "harness.__main__"
    ]


def test_the_application_imports_nothing_of_the_harness() -> None:
    assert not [module for module in in_rooms("app") for name in imports(module) if is_in(name, "harness")]


@pytest.mark.parametrize("program", STAND_ALONE)
def test_a_stand_alone_program_needs_the_standard_library_only(program: str) -> None:
    """It runs with -I -S: nothing else is there."""
    assert {name.partition(".")[0] for name in imports(program)} <= sys.stdlib_module_names


@pytest.mark.parametrize("module", ["harness.__main__", *in_rooms("harness.cli")])
def test_starting_the_command_imports_nothing_that_is_slow(module: str) -> None:
    assert not [name for name in reachable(module, imports_at_top) if is_in(name, *SLOW)]


def test_a_report_as_data_needs_no_renderer() -> None:
    assert not [
        name for name in reachable("harness.report.run_report", imports_at_top) if is_in(name, "jinja2", "rich")
    ]


@pytest.mark.parametrize(("kind", "name"), plugin_files(*FILES))
def test_a_plug_in_brings_its_value_and_its_help(kind: type, name: str) -> None:
    plugins.load(kind, name)
    assert plugins.help_text(kind, name).endswith(".")


@pytest.mark.parametrize(
    ("name", "plugin"), [item for kind in (*TABLES, ImportFormat) for item in plugins.table(kind).items()]
)
def test_a_plug_in_of_a_table_brings_its_help(
    name: str, plugin: Knob | ImportFormat | NetworkRung | SandboxRung
) -> None:
    assert name
    assert plugin.help.endswith(".")


def test_most_functions_are_short() -> None:
    assert median((node.end_lineno or 0) - node.lineno + 1 for _, node in functions()) <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("module", paths())
def test_a_module_says_first_in_one_line_what_it_promises(module: str) -> None:
    first, *rest = (ast.get_docstring(tree_of(module), clean=False) or "").split("\n")
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
