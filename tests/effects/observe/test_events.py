"""perf is asked before a run whether it knows the events of the file; what it refuses is a sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.observe import events
from harness.observe.events import event_problems
from harness.testbed.servers.programs import find_program

FAKE_PERF = """#!/bin/sh
[ "$1" = stat ] || { printf 'context-switches skb:consume_skb'; exit 0; }
case "$5" in
    skb:consume_sbk)
        printf "event syntax error: '%s'\\n    \\\\___ unknown tracepoint\\n\\nRun 'perf list'\\n" "$5" >&2
        exit 129;;
    silent) exit 255;;
    cycles) echo '<not supported>;;cycles;0;100.00;;' >&2;;
    task-clock) echo '0.53;msec;task-clock;527396;100.00;0.429;CPUs utilized' >&2;;
    *) echo "0;;$5;549162;100.00;;" >&2;;
esac
echo "$@" >>"$0.log"
"""


@pytest.fixture
def install_perf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setattr(events, "can_count", lambda: True)
    monkeypatch.setattr("harness.observe.perf.TRACEFS_EVENTS", tmp_path)

    def install(script: str) -> Path:
        program = tmp_path / "perf"
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setattr(events, "find_program", lambda name: str(program))
        return program

    return install


def test_every_event_is_asked_for_by_itself_as_one_argument(install_perf: Callable[[str], Path]) -> None:
    perf = install_perf(FAKE_PERF)
    assert list(event_problems({"a": "skb:consume_skb", "b": "$(id)"})) == []
    assert (perf.parent / "perf.log").read_text() == ("stat -x ; -e skb:consume_skb true\nstat -x ; -e $(id) true\n")


def test_all_events_that_perf_cannot_count_are_named_with_what_to_do(install_perf: Callable[[str], Path]) -> None:
    install_perf(FAKE_PERF)
    counters = {"a": "skb:consume_sbk", "b": "context-switches", "c": "cycles", "d": "task-clock", "e": "silent"}
    unknown, unsupported, measured, silent = event_problems(counters)
    assert unknown == (
        "counters.a = \"skb:consume_sbk\": perf says 'unknown tracepoint'. Did you mean 'skb:consume_skb'?"
    )
    assert unsupported.startswith('counters.c = "cycles": this machine does not support it')
    assert measured.startswith('counters.d = "task-clock": it is measured in msec')
    assert silent == "counters.e = \"silent\": perf says ''. See perf list."


def test_a_perf_that_does_not_end_is_not_waited_for(
    install_perf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PROBE_TIMEOUT_S", 0.2)
    install_perf("#!/bin/sh\nsleep 60\n")
    (problem,) = event_problems({"a": "cs"})
    assert problem == 'counters.a = "cs": perf does not answer (within 0.2 s). Leave it out.'


def test_without_perf_or_rights_one_sentence_stands_for_all(
    install_perf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_perf(FAKE_PERF)
    monkeypatch.setattr(events, "can_count", lambda: False)
    (problem,) = event_problems({"a": "cs", "b": "skb:consume_skb"})
    assert problem.startswith("[counters] needs more rights. Run barehop as root")
    monkeypatch.setattr(events, "find_program", lambda name: None)
    (problem,) = event_problems({"a": "cs", "b": "skb:consume_skb"})
    assert problem.startswith("[counters] needs the program 'perf'.")
    assert list(event_problems({})) == []


@pytest.mark.needs_root
@pytest.mark.skipif(find_program("perf") is None or os.geteuid() != 0, reason="needs perf and root")
def test_the_perf_of_this_machine_knows_a_tracepoint_and_suggests_it_for_a_slip() -> None:
    assert list(event_problems({"a": "skb:consume_skb", "b": "context-switches"})) == []
    (problem,) = event_problems({"a": "skb:consume_sbk"})
    assert problem.endswith("Did you mean 'skb:consume_skb'?")
