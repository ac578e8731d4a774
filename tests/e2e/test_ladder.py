"""Network rungs through the command: what is counted of them, and that the host never sees them."""

import os
from pathlib import Path
from statistics import mean

import pytest

from tests.support.command import barehop, first_record, fixed
from tests.support.host_state import host

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
LADDER = """
[factors]
network = ["host", "bridge-nf"]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { network = "host" }
"""


@AS_ROOT
@pytest.mark.needs_root
def test_rungs_are_measured_side_by_side_and_only_their_hop_moves(tmp_path: Path) -> None:
    path, before = tmp_path / "ladder.toml", host()
    path.write_text(LADDER)
    ended = barehop(tmp_path, "run", path, *fixed(2, 2), "--quiet", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert host() == before
    found = first_record(tmp_path)
    assert found.proofs["bridge-nf/tcp"]["rung"]["network"] == "bridge-nf"
    assert "rung" not in found.proofs["host/tcp"]
    links = counted(tmp_path, "net.link_packets")
    assert links["bridge-nf/tcp"] > 10 > 1 > links["bridge-nf/uds-tmpfs"]  # on which neighbours are looked for at times
    opens = counted(tmp_path, "hop.active_opens")
    assert (opens["bridge-nf/tcp"], opens["bridge-nf/uds-tmpfs"]) == (1, 0)
    front = counted(tmp_path, "net.lo_packets")
    assert front["bridge-nf/tcp"] == pytest.approx(front["bridge-nf/uds-tmpfs"], abs=1)


def counted(directory: Path, counter: str) -> dict[str, float]:
    """The mean of a counter, by arm, over the visits that were counted."""
    found: dict[str, list[float]] = {}
    for visit in first_record(directory).visits:
        if counter in visit.counters:
            found.setdefault(visit.arm, []).append(visit.counters[counter])
    return {arm: mean(values) for arm, values in found.items()}
