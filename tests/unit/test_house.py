"""The house: the order of its rooms, no cycles at any depth, the sizes of files and folders, names."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.support.source_tree import ROOT, cycles, functions, is_in, modules_used, paths, tree_of

ROOMS = (
    "experiment",
    "testbed",
    "load",
    "observe",
    "session",
    "store",
    "analysis",
    "report",
    "imports",
    "floor",
    "model",
    "remote",
    "fleet",
)
ANYWHERE = {"harness.errors", "harness.files", "harness.plugins", "harness.start", "harness.model"}
MAY_IMPORT = {  # beside ANYWHERE; nobody imports the command line
    "model": {"errors"},
    "experiment": set(),
    "testbed": {"experiment"},
    "load": {"experiment", "testbed", "imports"},  # what reads the output of a tool is in imports
    "observe": {"experiment", "testbed", "load"},
    "store": {"experiment", "observe"},
    "imports": {"experiment"},
    "remote": {"experiment", "testbed", "load", "observe"},
    "fleet": {"experiment", "testbed", "observe", "store"},
    "analysis": {"experiment"},
    "report": {"experiment", "analysis"},
    "floor": {"experiment", "testbed", "load", "observe", "store"},
    "session": {*ROOMS, "console"},
}
PLUGIN_FOLDERS = (
    "harness/cli",  # a file for each command
    "harness/imports/formats",
    "harness/load/tools",
    "harness/testbed/transports",
)
MOST_FILES, MOST_LINES, LEAST_MEDIAN_LINES = 350, 46_880, 80
MOST_ENTRIES, LEAST_LINES, MOST_FUNCTION_LINES = 14, 15, 40
PARTICIPLES = {
    "asked", "arranged", "averaged", "begun", "booted", "bound", "broken", "built", "called", "checked",
    "chosen", "compared", "counted", "decoded", "done", "drawn", "edited", "ended", "explained", "fitted",
    "folded", "found", "given", "grouped", "held", "judged", "kept", "known", "labelled", "left", "listed",
    "looked", "made", "measured", "merged", "named", "opened", "ordered", "paired", "parsed", "piloted",
    "pinned", "planned", "printed", "proved", "put", "quoted", "ranked", "reached", "recorded", "reduced",
    "rendered", "rounded", "ruled", "saved", "seen", "sent", "served", "set_up", "shown", "sorted", "spoken",
    "started", "stopped", "summed", "taken", "tested", "timed", "told", "tried", "turned", "typed", "used",
    "weighed", "written",
}  # fmt: skip
VAGUE = {"one", "found", "seen", "each", "said", "told"}


def folders() -> dict[Path, set[str]]:
    """Return the entries of each folder of the harness, without its `__init__`."""
    entries: dict[Path, set[str]] = {}
    for path in paths().values():
        if is_in(".".join(path.relative_to(ROOT).parts), "harness"):
            for place in (path, *path.parents):
                if place == ROOT:
                    break
                if place.name != "__init__.py":
                    entries.setdefault(place.parent.relative_to(ROOT), set()).add(place.name)
    return entries


def harness_files() -> dict[str, Path]:
    return {module: path for module, path in paths().items() if is_in(module, "harness")}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_data_goes_one_way_through_the_rooms(room: str) -> None:
    allowed = {f"harness.{name}" for name in (room, *MAY_IMPORT[room])} | (
        ANYWHERE if room != "model" else {"harness.errors"}
    )
    wrong = [
        f"{module} imports {used}"
        for module in paths()
        if is_in(module, f"harness.{room}")
        for used in modules_used(module)
        if not is_in(used, *allowed)
    ]
    assert wrong == []


def test_no_file_imports_itself_through_others() -> None:
    assert cycles({module: set(modules_used(module)) for module in paths()}) == []


@pytest.mark.parametrize("folder", sorted({module.rpartition(".")[0] for module in harness_files()} - {""}))
def test_no_entry_of_a_folder_imports_itself_through_its_neighbours(folder: str) -> None:
    depth = folder.count(".") + 2
    edges: dict[str, set[str]] = {}
    for module in paths():
        if is_in(module, folder) and module != folder:
            entry = ".".join(module.split(".")[:depth])
            used = {
                ".".join(name.split(".")[:depth])
                for name in modules_used(module)
                if is_in(name, folder) and name != folder
            }
            edges.setdefault(entry, set()).update(used - {entry})
    assert cycles(edges) == []


def test_the_house_is_small_enough_to_be_known() -> None:
    lines = [lines_of(path) for path in harness_files().values()]
    assert len(lines) <= MOST_FILES
    assert sum(lines) <= MOST_LINES
    assert median(lines) >= LEAST_MEDIAN_LINES


def test_no_folder_is_a_heap() -> None:
    plain = {folder: names for folder, names in folders().items() if str(folder) not in (*PLUGIN_FOLDERS, "harness")}
    assert {str(folder): len(names) for folder, names in plain.items() if len(names) > MOST_ENTRIES} == {}


def test_the_top_of_the_harness_holds_the_rooms_and_what_all_of_them_need() -> None:
    files = {"__main__.py", "console.py", "errors.py", "files.py", "plugins.py", "start.py"}
    assert folders()[Path("harness")] == {*ROOMS, "cli", *files}


def test_no_file_is_a_sliver() -> None:
    slivers = [
        str(path.relative_to(ROOT))
        for path in harness_files().values()
        if lines_of(path) < LEAST_LINES
        and path.name != "__init__.py"
        and str(path.relative_to(ROOT).parent) not in PLUGIN_FOLDERS
    ]
    assert slivers == []


def test_no_two_types_have_one_name() -> None:
    types = Counter(
        node.name
        for module in harness_files()
        if not is_in(module, "harness.imports.formats", "harness.load.tools", "harness.load.scripts")
        for node in tree_of(module).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in types.items() if times > 1] == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [place for place, node in functions() if (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES]
    assert long == []


def test_no_function_is_named_by_a_past_participle() -> None:
    assert [place for place, node in functions() if node.name.lstrip("_") in PARTICIPLES] == []


def test_variables_say_what_they_hold() -> None:
    assert sorted({f"{place}: {name}" for place, name in vague_variables()}) == []


def vague_variables() -> Iterator[tuple[str, str]]:
    for place, function in functions():
        for node in ast.walk(function):
            if isinstance(node, ast.arg) and node.arg in VAGUE:
                yield place, node.arg
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE:
                yield place, node.id
