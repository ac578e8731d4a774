"""Servers of a session get one hash seed and as many bytes on top of the stack; the next session gets others."""

from pathlib import Path

import pytest

from harness.model import Design
from harness.observe.doubts.system import layout_doubts
from harness.testbed.dry_run import sandbox_commands
from harness.testbed.processes.layout import (
    ALIGNMENT_BYTES,
    PADDING,
    PAGE_BYTES,
    POINTER_BYTES,
    RANDOM_LAYOUT,
    Layout,
    layout_of,
)
from harness.testbed.sandbox.spec import Enclosure, Sandbox
from harness.testbed.standalone import enter

MATCHED = Design(layout="matched", seed=7)
LAYOUT = Layout(hash_seed=5, stack_shift_bytes=48)


def bytes_on_the_stack(argv: tuple[str, ...], extra: dict[str, str]) -> int:
    padding = len(LAYOUT.variables(argv, extra)[PADDING])
    words = [*argv, *(f"{name}={value}" for name, value in extra.items())]
    return padding + sum(len(word.encode()) + 1 + POINTER_BYTES for word in words)


def test_a_random_layout_changes_nothing_of_a_start() -> None:
    assert layout_of(Design(layout="random"), 3) == RANDOM_LAYOUT
    assert RANDOM_LAYOUT.variables(["nginx"], {}) == {}
    assert (RANDOM_LAYOUT.steps, RANDOM_LAYOUT.command_prefix(["nginx"], {})) == ((), "")


def test_seed_and_session_determine_a_matched_layout() -> None:
    layouts = [layout_of(MATCHED, session) for session in range(-2, 40)]
    assert layouts == [layout_of(MATCHED, session) for session in range(-2, 40)]
    assert len({layout.hash_seed for layout in layouts}) == len(layouts)
    assert len({layout.steps for layout in layouts}) == len(layouts)
    shifts = {layout.stack_shift_bytes for layout in layouts}
    assert len(shifts) > 20
    assert all(0 <= shift < PAGE_BYTES and shift % ALIGNMENT_BYTES == 0 for shift in shifts)
    assert layout_of(MATCHED.model_copy(update={"seed": 8}), 1) != layout_of(MATCHED, 1)


def test_servers_with_other_arguments_have_as_much_on_the_stack() -> None:
    servers: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("python", "--bind=127.0.0.1:80"), {}),
        (("python", "--bind=unix:/dev/shm/hop é.sock", "--bind=fd://3"), {}),
        (("python",), {"NGINX": "3;4;"}),
    ]
    assert len({bytes_on_the_stack(argv, extra) for argv, extra in servers}) == 1


def test_in_a_sandbox_a_shell_fixes_addresses_before_the_filter() -> None:
    enclosure = Enclosure(Sandbox(frozenset({"seccomp filter"})), shared=(Path("/results/stack"),))
    last = sandbox_commands(enclosure, ["nginx"], LAYOUT.command_prefix(["nginx"], {}))[-1]
    assert last.index("setarch") < last.index("seccomp")
    assert LAYOUT.steps[0] in enter.STEPS


@pytest.mark.parametrize(
    ("setting", "kind", "is_doubted"),
    [
        ("matched", "random", True),
        ("matched", "fixed", False),
        ("matched", "unknown", False),
        ("random", "random", False),
    ],
)
def test_refused_addresses_are_a_doubt_only_where_they_were_asked_for(
    setting: str, kind: str, *, is_doubted: bool
) -> None:
    doubts = list(layout_doubts({"a": {"layout": {"setting": setting, "addresses": {"app": kind}}}, "old": {}}))
    assert [doubt.kind for doubt in doubts] == ["layout"] * is_doubted
