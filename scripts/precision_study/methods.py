"""The compared methods by name, in the order of the table."""

from scripts.precision_study.by_ab import interleaved, one_after_the_other
from scripts.precision_study.by_barehop import barehop
from scripts.precision_study.by_hyperfine import hyperfine
from scripts.precision_study.by_pyperf import with_runner
from scripts.precision_study.method import Method
from scripts.precision_study.table import BAREHOP

METHODS = {
    "ab-blocks": Method(
        about="`ab -n 1000 -c 1 -l`, all runs of one arm, then all of the next; Welch's t on the runs' means.",
        measure=one_after_the_other,
    ),
    "ab-interleaved": Method(
        about="the same runs of `ab` in rounds, every arm once in each, in random order; paired t over the rounds.",
        measure=interleaved,
    ),
    "pyperf": Method(
        about="pyperf's Runner with barehop's client, one benchmark for each arm, one after the other; "
        "Welch's t on the means of its worker processes; `compare_to` is its own test.",
        measure=with_runner,
    ),
    "hyperfine": Method(
        about="one command for each arm, `ab -n 1000 -c 1 -l`, start-up included in the time; Welch's t on the runs.",
        measure=hyperfine,
    ),
    BAREHOP: Method(
        about="`barehop run`; Student's t on the sessions; each restarts the whole stack.",
        measure=barehop,
    ),
}
