"""The report of `barehop pool`: effects over hosts, host by host, by strata, and what differs between hosts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.analysis.between_runs.metadata import MetadataDifference
from harness.analysis.between_runs.pool import HostEffect, Pool, PooledEffect
from harness.analysis.between_runs.reliability import UNRELIABLE
from harness.analysis.contrasts.rates import shown_percent
from harness.model import HEADLINE_METRICS, Comparison, Interval
from harness.report.answer import MAX_DETAILED
from harness.report.cells import text_table
from harness.report.document import (
    Fact,
    Figure,
    Report,
    Section,
)
from harness.report.figures.hosts import hosts_figure
from harness.report.format import (
    ReportedInterval,
    amount_interval,
    field_title,
    format_minute,
    is_too_wide,
    join_with_and,
    percent_range_text,
    percent_with_interval,
    pluralize,
    us_with_interval,
    verdict_clause,
    verdict_counts,
)
from harness.report.sections.hosts import asked_effects, effect_sections, host_sections, strata_sections
from harness.report.sections.other_contrasts import metric_label

MAX_VALUES = 6  # of a fact that are listed with their hosts


def pool_report(pool: Pool) -> Report:
    """Return the report of one experiment on several hosts."""
    asked = asked_effects(pool.effects)
    warnings = list(_warnings(pool))
    figures = [figure for effect in asked if (figure := hosts_figure(effect, pool.design))]
    return Report(
        title=f"{pool.experiment} on {pluralize(len(pool.hosts), 'host')}, pooled",
        warning=" ".join(warnings),
        is_valid=not any(_control_differs(effect) for effect in pool.effects),
        question=pool.question,
        answer=_answer(pool, asked),
        figure=figures[0] if figures else None,
        sections=[
            *effect_sections(pool.effects),
            *host_sections(pool, list(_notes(pool, asked))),
            *([Section("", figures=_further_figures(figures))] if figures[1:] else []),
            *strata_sections(pool),
            *_difference_sections(pool),
            Section("Runs", facts=list(_run_facts(pool))),
        ],
    )


def _further_figures(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures after the first, each with a caption only where it says what the first does not."""
    return [replace(figure, caption="") if figure.caption == figures[0].caption else figure for figure in figures[1:]]


# The answer


def _answer(pool: Pool, asked: Sequence[PooledEffect]) -> list[str]:
    if not asked:
        return ["Nothing was compared: the reference is the only arm."]
    sentences = [_sentence(pool, effect) for effect in asked]
    if len(asked) > MAX_DETAILED:
        counts = verdict_counts([effect.verdict for effect in asked], pool.design)
        sentences = [f"Over {_number_of_hosts(asked)}, of {len(asked)} comparisons {counts}."]
    shortages = dict.fromkeys(effect.prediction_why for effect in asked if effect.percent and effect.prediction_why)
    return [*sentences[:-1], " ".join([sentences[-1], *shortages])]


def _number_of_hosts(effects: Sequence[PooledEffect]) -> str:
    fewest, most = min(effect.hosts for effect in effects), max(effect.hosts for effect in effects)
    return pluralize(most, "host") if fewest == most else f"{fewest} to {most} hosts"


def _sentence(pool: Pool, effect: PooledEffect) -> str:
    comparison = pooled_comparison(effect)
    clause = verdict_clause(comparison, pool.design, comparison.arm, comparison.against)
    decide = f", about {effect.hosts_to_decide} hosts would decide it" if effect.hosts_to_decide else ""
    prediction = amount_interval(shown_percent(effect.prediction_percent, effect.metric))
    expected = f" {_prediction_sentence(prediction)}" if prediction else ""
    return f"Over {pluralize(effect.hosts, 'host')}, {clause}{decide}.{expected}"


def pooled_comparison(effect: PooledEffect) -> Comparison:
    """Return the effect as a comparison of two arms, in percent as reports show it."""
    percent = shown_percent(effect.percent, effect.metric)
    ends = percent or Interval(value=0.0)
    return Comparison(
        arm=effect.arm or effect.label,
        against=effect.against,
        metric=effect.metric,
        verdict=effect.verdict,
        percent=percent and ends.value,
        percent_low=ends.low,
        percent_high=ends.high,
        **effect.model_dump(include={"confidence", "p", "p_adjusted", "margin_percent", "why"}),
    )


def _prediction_sentence(prediction: ReportedInterval) -> str:
    if is_too_wide(prediction):
        return "What to expect on a new host is unknown: the prediction interval says nothing."
    return f"On a new host expect {percent_range_text(prediction)} (95 % prediction interval)."


# What is wrong, and with which host


def _warnings(pool: Pool) -> Iterator[str]:
    yield from (_control_sentence(effect) for effect in pool.effects if _control_differs(effect))
    for host in pool.hosts:
        for run in host.runs:
            if not run.valid:
                yield f"{host.name}: the run {run.directory} is not valid and is not pooled. {run.why}".rstrip()
            if stated := [kind for kind in run.doubts if kind in UNRELIABLE]:
                yield f"{host.name}: the run {run.directory} is not reliable ({join_with_and(stated)}), but pooled."
    for effect in asked_effects(pool.effects):
        yield from (_apart_sentence(effect, host) for host in effect.by_host if host.others)
    if pool.settings:
        fields = join_with_and([difference.field for difference in pool.settings])
        yield f"The settings of the arms differ between the runs: {fields}."


def _control_differs(effect: PooledEffect) -> bool:
    return effect.is_control and effect.metric in HEADLINE_METRICS and effect.verdict in ("faster", "slower")


def _control_sentence(effect: PooledEffect) -> str:
    return (
        f"The A/A control differs over {pluralize(effect.hosts, 'host')}: {effect.against}, measured again as "
        f"{effect.arm}, is {effect.verdict} than itself, so a difference of that size means nothing here."
    )


def _apart_sentence(effect: PooledEffect, host: HostEffect) -> str:
    own, others = (_number_text(effect, interval) for interval in (host.percent or host.us, host.others))
    return (
        f"{host.host} stands apart in {effect.label} ({metric_label(effect.metric)}): {own}, where the other hosts "
        f"have {others}. It is pooled; look at what differs there."
    )


def _number_text(effect: PooledEffect, interval: Interval | None) -> str:
    """Return an effect with its interval, in percent or, without a ratio, in us."""
    shown = shown_percent(interval, effect.metric) if effect.percent else interval
    reported = amount_interval(shown) if shown else None
    if reported is None:
        return "no number"
    return percent_with_interval(reported, named=False) if effect.percent else us_with_interval(reported)


def _notes(pool: Pool, asked: Sequence[PooledEffect]) -> Iterator[str]:
    """Yield the sentences on single hosts that are not in the warning."""
    for effect in pool.effects:
        if effect not in asked:
            yield from (_apart_sentence(effect, host) for host in effect.by_host if host.others)
    yield from _left_out_sentences(pool)
    for host in pool.hosts:
        if host.is_guess:
            yield (
                f"{host.name} has {pluralize(len(host.runs), 'run')} without a machine id (of a container, or of an "
                "earlier version): only CPUs, memory and virtualization say which host it is, so identical machines "
                "count as one. NAME=DIR gives a host its name."
            )


def _left_out_sentences(pool: Pool) -> Iterator[str]:
    left_out: dict[tuple[str, str], list[str]] = {}
    for effect in pool.effects:
        for host in effect.by_host:
            if host.why:
                metric = "" if effect.metric in effect.label else f" ({metric_label(effect.metric)})"
                left_out.setdefault((host.host, host.why), []).append(f"{effect.label}{metric}")
    for (name, why), labels in left_out.items():
        what = "any effect" if len(labels) == len(pool.effects) else join_with_and(labels)
        yield f"{name} is not pooled in {what}: {why}."


# What differs


def _difference_sections(pool: Pool) -> Iterator[Section]:
    hosts = [host.name for host in pool.hosts]
    for title, differences in (
        ("Differences in settings", pool.settings),
        ("Differences in measurement", pool.measuring),
        ("Differences between the hosts", pool.host),
    ):
        if differences:
            rows = [
                (field_title(difference.field), _values_with_hosts(difference, hosts)) for difference in differences
            ]
            yield Section(title, tables=[text_table(["what differs", "values"], rows)])


def _values_with_hosts(difference: MetadataDifference, hosts: Sequence[str]) -> str:
    """Return `6.1 (a and b); 6.12 (c)`, or only the number of values where they are many."""
    by_value: dict[str, list[str]] = {}
    for host, value in zip(hosts, difference.values, strict=True):
        by_value.setdefault("(absent)" if value is None else value or '""', []).append(host)
    if len(by_value) > MAX_VALUES:
        return f"{len(by_value)} values on {len(hosts)} hosts"
    return "; ".join(f"{value} ({join_with_and(names)})" for value, names in by_value.items())


def _run_facts(pool: Pool) -> Iterator[Fact]:
    for host in pool.hosts:
        for run in host.runs:
            facts = [run.directory, f"{format_minute(run.started_utc)} UTC", pluralize(run.sessions, "session")]
            facts += [f"id {run.id}"] if run.id else []
            facts += [] if run.valid else ["not valid"]
            facts += [f"not reliable ({join_with_and(run.doubts)})"] if run.doubts else []
            yield host.name, ", ".join(facts)
