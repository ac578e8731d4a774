"""What `doctor` prints."""

from collections.abc import Callable
from pathlib import Path

from harness.report.commands.machine import MachineCheck, render_doctor

DATA = Path(__file__).parents[2] / "data" / "report"
OK = MachineCheck("nginx", "ok", "1.22.1 at /usr/sbin/nginx", "Never shown.")
DOUBT = MachineCheck("frequency", "doubt", "the governor of CPUs 0-1 is powersave", "Set it to performance.")
MISSING = MachineCheck("ab", "missing", "there is no program ab", "Install apache2-utils.")


def test_a_checklist_reads_as_expected(golden: Callable[[Path, str], None]) -> None:
    conclusions = ["Transports can be compared.", "Kernel settings cannot be changed: that takes root."]

    golden(DATA / "doctor.txt", render_doctor([OK, DOUBT, MISSING], conclusions, width=60))


def test_what_is_ok_asks_for_nothing() -> None:
    text = render_doctor([OK], [], width=80)

    assert "Never shown" not in text
    assert "No doubts, nothing missing." in text
    assert "What can be concluded" not in text
