"""Doubts about memory that was swapped out or in."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import read
from harness.model import Doubt

# Mostly of 4 KiB. A few pages of another program's idle memory do no harm; a server that is swapped in needs thousands.
SWAPPED_PAGES = 100

_SWAP_COUNTERS = ("pswpin", "pswpout")


def read_swap(context: Scene) -> int:
    """Return the number of pages swapped in and out since the machine started."""
    rows = (line.split() for line in (read(context.roots.proc / "vmstat") or "").splitlines())
    return sum(int(row[1]) for row in rows if row[0] in _SWAP_COUNTERS)


def swap_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt where more than a few pages were swapped."""
    if after - before > SWAPPED_PAGES:
        yield Doubt(
            kind="swap",
            seen=f"{after - before} pages of memory were swapped in or out.",
            advice="Memory is short: stop the processes that fill it, or use fewer workers, and measure again.",
        )
