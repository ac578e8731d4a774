"""What `doctor` and `floor` report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.report.commands.machine import Diagnosis, MachineCheck, doctor_report, floor_report
from harness.report.text.terminal import render_terminal
from tests.support.imported_runs import floor

DATA = Path(__file__).parents[2] / "data" / "report"
OK = MachineCheck("nginx", "ok", "1.22.1 at /usr/sbin/nginx", "Never shown.")
DOUBT = MachineCheck("frequency", "doubt", "the governor of CPUs 0-1 is powersave", "Set it to performance.")
MISSING = MachineCheck("ab", "missing", "there is no program ab", "Install apache2-utils.")


def render(checks: Sequence[MachineCheck], conclusions: Sequence[str], *, width: int) -> str:
    diagnosis = Diagnosis(checks=tuple(checks), conclusions=tuple(conclusions))
    return render_terminal(doctor_report(diagnosis), width=width)


def test_a_checklist_reads_as_expected(golden: Callable[[Path, str], None]) -> None:
    conclusions = ["Transports can be compared.", "Kernel settings cannot be changed: that takes root."]

    golden(DATA / "doctor.txt", render([OK, DOUBT, MISSING], conclusions, width=60))


def test_what_is_ok_asks_for_nothing() -> None:
    text = render([OK], [], width=80)

    assert "Never shown" not in text
    assert "No doubts, nothing missing." in text
    assert "What can be concluded" not in text


def test_the_floor_has_each_transport_against_tcp() -> None:
    text = render_terminal(floor_report(floor()), width=80)

    assert "Connect, request, response, close: tcp 114 us, uds-dir 74 us, uds-tmpfs 74 us." in text
    assert "-40 (-49 to -31)" in text
