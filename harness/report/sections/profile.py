"""The section that names the functions and subsystems of which a difference is made."""

from collections.abc import Iterator, Sequence

from harness.analysis.why.flame import FlameGraph
from harness.analysis.why.subsystems import INTERRUPTS_OFF, is_blind_spot
from harness.model import ROLES, ProfileComparison, ProfilePart, Summary
from harness.report.document import Cell, Column, IntervalCell, NumberCell, Row, Section, Table, TextCell
from harness.report.figures.flame_graphs import READING, flame_figure
from harness.report.format import format_us_amount, join_with_and, pluralize

PROFILE_HEADING = "Where the difference is made"
MAX_FUNCTIONS = 10
MAX_NAMED = 3  # subsystems with less time, and with more, that a sentence names
TIMER = "cpu-clock"
METHOD = (
    "The CPU time of a function is its share of the samples times the CPU time of a request without a profiler, "
    "session by session, so all of them add up to that. The profiler does not slow all functions alike, so the ends of "
    "intervals lie farther out by the share by which it slowed the role, and by what it slowed one arm more than the "
    "other. Differences are corrected by Benjamini and Hochberg for functions, by Holm for subsystems. {event}"
)
TIMER_NOTE = (
    "A timer takes the samples, because this machine offers no cycle counter. It cannot see code that runs with "
    "interrupts off: its time is that of the function that switches them on again, marked *."
)
CALLS_NOTE = (
    "Functions with all that they call: what belongs mostly to a function above it in the table is left out, "
    "and so is what mostly consists of one."
)
FILES_NOTE = "`profile/<arm>.folded` has all stacks, for speedscope or flamegraph.pl."


def profile_sections(summary: Summary, flames: Sequence[FlameGraph] = ()) -> list[Section]:
    """Return the tables of functions and subsystems of each pair, without the control's; and the flame graphs."""
    shown = shown_profiles(summary)
    if not shown:
        return []
    draw = (_function_table, _call_table, _subsystem_table)
    tables = [table for profile in shown for table in (make(profile) for make in draw) if table.rows]
    method = METHOD.format(event=TIMER_NOTE if shown[0].event == TIMER else f"Samples are of {shown[0].event}.")
    notes = [*(_sentence(profile) for profile in shown), *_control_sentences(summary), method, CALLS_NOTE, FILES_NOTE]
    sections = [Section(PROFILE_HEADING, tables=tables, notes=notes)]
    if flames:
        sections.append(Section("", sentences=[READING], figures=[flame_figure(graph) for graph in flames]))
    return sections


def shown_profiles(summary: Summary) -> list[ProfileComparison]:
    """Return the profiles of all pairs but the control's."""
    return [profile for profile in summary.profiles if summary.arms[profile.arm].control_of is None]


def decided_functions(profile: ProfileComparison) -> list[ProfilePart]:
    """Return the functions that differ, the largest difference first."""
    return [part for part in profile.functions if part.verdict in ("less", "more")]


def code_sentence(profile: ProfileComparison) -> str:
    """Return `uds against tcp in code: app TCP -13.4 us and nginx TCP -8.3 us; app Unix socket +2.2 us.`, or ""."""
    by_size = sorted(profile.subsystems, key=lambda part: -abs(part.us.value))
    less, more = ([part for part in by_size if part.verdict == verdict] for verdict in ("less", "more"))
    groups = [
        join_with_and([f"{part.role} {part.name} {part.us.value:+.1f} us" for part in parts[:MAX_NAMED]])
        for parts in (less, more)
        if parts
    ]
    return f"{profile.arm} against {profile.against} in code: {'; '.join(groups)}." if groups else ""


def calls_sentence(profile: ProfileComparison) -> str:
    """Return `With all that they call, app: tcp_push (-33.7 us) and ... differ most.`, "" if none differ."""
    named = [f"{part.role}: {part.name} ({part.us.value:+.1f} us)" for part in _separate_calls(profile)[:MAX_NAMED]]
    return f"With all that they call, {join_with_and(named)} differ most." if named else ""


def _function_table(profile: ProfileComparison) -> Table:
    top = decided_functions(profile)[:MAX_FUNCTIONS]
    total = sum(amount.value for amount in profile.cpu_us.values())
    rows = [Row((TextCell(_name(part, profile.event)), *_cells(part))) for part in top]
    rest = total - sum(part.us.value for part in top)
    rows += [Row((TextCell("all other functions"), NumberCell(f"{rest:+.1f}"))), *_total_row(profile, total)]
    columns = [Column("function"), Column("us per request", "95 % interval"), *_levels(profile)]
    return Table(f"{profile.arm} against {profile.against}: the functions that differ most", columns, rows)


def _call_table(profile: ProfileComparison) -> Table:
    """Return the functions that differ most with all that they call; none of them is mostly part of another."""
    own = {(part.role, part.name): f"{part.us.value:+.1f}" for part in profile.functions}
    rows = [
        Row((TextCell(_name(part, profile.event)), *_cells(part), NumberCell(own.get((part.role, part.name), ""))))
        for part in _separate_calls(profile)[:MAX_FUNCTIONS]
    ]
    columns = [Column("function"), Column("us per request", "95 % interval"), *_levels(profile), Column("its own")]
    return Table(f"{profile.arm} against {profile.against}: functions with all that they call", columns, rows)


def _separate_calls(profile: ProfileComparison) -> list[ProfilePart]:
    return [part for part in profile.inclusive if not part.overlaps]


def _total_row(profile: ProfileComparison, total: float) -> Iterator[Row]:
    if profile.cpu_us:
        yield Row((TextCell("CPU time, from the counters"), NumberCell(f"{total:+.1f}")))


def _name(part: ProfilePart, event: str) -> str:
    star = " *" if event == TIMER and is_blind_spot(part.name) else ""
    return f"{part.role}: {part.name}{star}"


def _cells(part: ProfilePart) -> tuple[Cell, ...]:
    return IntervalCell(part.us, "", 1), NumberCell(f"{part.arm_us:.1f}"), NumberCell(f"{part.against_us:.1f}")


def _levels(profile: ProfileComparison) -> Sequence[Column]:
    return Column(profile.arm), Column(profile.against)


def _subsystem_table(profile: ProfileComparison) -> Table:
    """Return the differences of the subsystems by role, and that in CPU time, to which they add up."""
    roles = [role for role in ROLES if any(part.role == role for part in profile.subsystems)]
    amounts = {(part.role, part.name): part.us for part in profile.subsystems}
    rows = [
        Row(
            (
                TextCell(_subsystem_name(name, profile.event)),
                *(IntervalCell(amounts.get((role, name)), "", 1) for role in roles),
            )
        )
        for name in dict.fromkeys(part.name for part in profile.subsystems)
    ]
    totals = [IntervalCell(profile.cpu_us.get(role), "", 1) for role in roles]
    columns = [Column("subsystem"), *(Column(role, "us per request") for role in roles)]
    caption = f"{profile.arm} against {profile.against}, by subsystem"
    return Table(caption, columns, [*rows, Row((TextCell("CPU time, from the counters"), *totals))])


def _subsystem_name(name: str, event: str) -> str:
    return f"{name} *" if name == INTERRUPTS_OFF and event == TIMER else name


def _sentence(profile: ProfileComparison) -> str:
    """Return how many functions differ, and what the difference in CPU time was under the profiler."""
    text = f"{profile.arm} against {profile.against}: {_count(profile)} differ."
    if profile.slowdowns:
        shares = [f"{role} {100 * share:.0f} %" for role, share in profile.slowdowns.items()]
        text += f" CPU time that the profiler added: {join_with_and(shares)}."
    roles = [role for role in profile.cpu_us if role in profile.profiled_cpu_us]
    changes = [
        f"{role} {format_us_amount(profile.profiled_cpu_us[role])} instead of {format_us_amount(profile.cpu_us[role])}"
        for role in roles
    ]
    return f"{text} Under the profiler the CPU time differed by: {join_with_and(changes)}." if changes else text


def _count(profile: ProfileComparison) -> str:
    functions = pluralize(len(profile.functions), "function")
    return f"{len(decided_functions(profile))} of {functions} with at least {profile.least_samples} samples"


def _control_sentences(summary: Summary) -> Iterator[str]:
    for profile in summary.profiles:
        if summary.arms[profile.arm].control_of is not None:
            yield f"Control: {_count(profile)} differ between {profile.arm} and {profile.against}, which are the same."
