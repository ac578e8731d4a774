"""Tables of a fleet: effects over hosts, host by host, and over the hosts of each stratum."""

from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.between_runs.pool import HostEffect, Pool, PooledEffect, PooledHost
from harness.analysis.contrasts.rates import shown_percent
from harness.model import DESIGN_METRICS, HEADLINE_METRICS, METRICS, Interval
from harness.report.cells import ABSENT, PERCENT, STAR_NOTE, select_columns, star_notes
from harness.report.document import Cell, Column, IntervalCell, NumberCell, Row, Section, Table, TextCell, VerdictCell
from harness.report.format import capitalize_first, format_significant, join_with_and
from harness.report.sections.other_contrasts import metric_label

FACTS_BESIDE = {  # the facts that stand beside the effects where they differ, and their titles
    "kernel.release": "kernel",
    "cpus.models.0.model name": "CPU",
    "virtual.machine": "virtual",
    "virtual.container": "container",
    "python.version": "Python",
}
MITIGATIONS = "cpus.mitigations."
OVER_HOSTS = (
    "The host is the unit: intervals are for the mean of all hosts like these (Hartung, Knapp, Sidik, Jonkman). tau is "
    "the standard deviation between hosts (Paule and Mandel), I2 the share of the scatter of effects that is not "
    "explained by their own errors."
)
PREDICTION_LIMIT = (
    "The prediction is for one more host. It covers 94 to 98 % in simulations, but 85 to 95 % where tau is as small as "
    "the error of a host."
)
PREDICTION_COLUMN = 3


def asked_effects(effects: Sequence[PooledEffect]) -> list[PooledEffect]:
    """Return the effects that the experiment asks for: of a screen its main effects, else pairs without controls."""
    headline = [effect for effect in effects if effect.metric in HEADLINE_METRICS and not effect.is_control]
    for kind in ("main effect", "pair"):
        if asked := [effect for effect in headline if effect.kind == kind]:
            return asked
    return []


EFFECT_COLUMNS = (
    Column("contrast"),
    Column("over hosts", "95 % interval"),
    Column("verdict"),
    Column("new host", "95 % prediction"),
    Column("tau", "I2"),
    Column("hosts"),
)


def effect_sections(effects: Sequence[PooledEffect]) -> Iterator[Section]:
    """Yield the effects over hosts: a table for each metric of pairs, and for each other kind of contrast."""
    pairs = [effect for effect in effects if effect.kind in ("pair", "main effect")]
    others = [effect for effect in effects if effect not in pairs]
    tables = [
        _effect_table(METRICS[metric].title, [effect for effect in pairs if effect.metric == metric])
        for metric in dict.fromkeys(effect.metric for effect in pairs)
    ]
    prediction = [PREDICTION_LIMIT] if any(map(_has_prediction, effects)) else []
    notes = [OVER_HOSTS, *prediction, *star_notes(tables, STAR_NOTE)]
    yield Section("Over hosts", tables=tables, notes=notes)
    kinds = dict.fromkeys(effect.kind for effect in others)
    if others:
        yield Section(
            "Other contrasts over hosts",
            tables=[
                _effect_table(capitalize_first(kind), [effect for effect in others if effect.kind == kind], "metric")
                for kind in kinds
            ],
        )


def _effect_table(caption: str, effects: Sequence[PooledEffect], detail: str = "") -> Table:
    rows = [Row(_effect_cells(effect, detail)) for effect in effects]
    return _table_of_effects(Table(caption, EFFECT_COLUMNS, rows), effects)


def _table_of_effects(table: Table, effects: Iterable[PooledEffect]) -> Table:
    """Return the table, without its column of predictions if no effect has one."""
    if any(map(_has_prediction, effects)):
        return table
    return select_columns(table, [place for place in range(1, len(table.columns)) if place != PREDICTION_COLUMN])


def _has_prediction(effect: PooledEffect) -> bool:
    return not effect.prediction_why and (effect.prediction_percent or effect.prediction_us) is not None


def _effect_cells(effect: PooledEffect, detail: str = "") -> tuple[Cell, ...]:
    has_ratio = effect.percent is not None
    tau = effect.tau_percent if has_ratio else effect.tau_us
    mean, prediction = (effect.percent, effect.prediction_percent) if has_ratio else (effect.us, effect.prediction_us)
    is_open = effect.verdict == "undecided" and (effect.p_adjusted or 0) >= 1 - effect.confidence
    is_starred = bool(is_open and mean and mean.excludes_zero)
    return (
        TextCell(effect.label, metric_label(effect.metric) if detail and effect.metric not in effect.label else ""),
        _interval_cell(effect, mean, has_ratio=has_ratio),
        VerdictCell(effect.verdict, is_starred, effect.metric),
        _interval_cell(effect, prediction, has_ratio=has_ratio),
        _tau_cell(tau, "%" if has_ratio else "us", effect.i2_percent),
        NumberCell(str(effect.hosts)),
    )


def _tau_cell(tau: float | None, unit: str, i2_percent: float | None) -> NumberCell:
    if tau is None or i2_percent is None:
        return NumberCell(ABSENT)
    return NumberCell(f"{format_significant(tau, 2)} {unit}", f"{i2_percent:.0f} %")


def _interval_cell(effect: PooledEffect, interval: Interval | None, *, has_ratio: bool) -> IntervalCell:
    if has_ratio:
        return IntervalCell(shown_percent(interval, effect.metric), PERCENT, 1, effect.margin_percent)
    return IntervalCell(interval)


def host_sections(pool: Pool, notes: Sequence[str]) -> Iterator[Section]:
    """Yield the effects on each host, beside the facts that may explain why they differ; `notes` on single hosts."""
    asked = asked_effects(pool.effects)
    shown = [
        effect
        for effect in pool.effects
        if effect.metric in DESIGN_METRICS and effect.kind in ("pair", "main effect") and not effect.is_control
    ]
    headline = [_host_table(pool, effects) for effects in _by_metric(asked)]
    rest = [_host_table(pool, effects) for effects in _by_metric([item for item in shown if item not in asked])]
    yield Section("Host by host", tables=headline, notes=notes)
    if rest:
        yield Section("Host by host, other metrics", tables=rest, is_detail=True)


def _by_metric(effects: Sequence[PooledEffect]) -> Iterator[list[PooledEffect]]:
    for metric in dict.fromkeys(effect.metric for effect in effects):
        yield [effect for effect in effects if effect.metric == metric]


def _host_table(pool: Pool, effects: Sequence[PooledEffect]) -> Table:
    """Return a row for each host: its effects, and the facts that may explain why they differ."""
    facts = [(title, values) for title, values in _facts_beside(pool)]
    columns = [
        Column("host"),
        *(Column(effect.label, "95 % interval") for effect in effects),
        Column("sessions"),
        *(Column(title) for title, _ in facts),
    ]
    rows = []
    for place, host in enumerate(pool.hosts):
        own = [effect.by_host[place] for effect in effects]
        cells = [_host_cell(effect, item) for effect, item in zip(effects, own, strict=True)]
        sessions = sum(run.sessions for run in host.runs)
        beside = [TextCell(values[place] or ABSENT) for _, values in facts]
        rows.append(Row((TextCell(host.name, _doubts(host)), *cells, NumberCell(str(sessions)), *beside)))
    return Table(METRICS[effects[0].metric].title, columns, rows)


def _doubts(host: PooledHost) -> str:
    """Return why runs of the host are not reliable: `doubt: machine-state`."""
    kinds = dict.fromkeys(kind for run in host.runs for kind in run.doubts)
    return f"doubt: {join_with_and(list(kinds))}" if kinds else ""


def _host_cell(effect: PooledEffect, item: HostEffect) -> Cell:
    has_ratio = item.percent is not None
    if item.why:
        return NumberCell("not pooled")
    return _interval_cell(effect, item.percent or item.us, has_ratio=has_ratio)


def _facts_beside(pool: Pool) -> Iterator[tuple[str, Sequence[str | None]]]:
    """Yield the title and the values by host of those facts that differ."""
    by_field = {difference.field: difference.values for difference in pool.host}
    for field, title in FACTS_BESIDE.items():
        if field in by_field:
            yield title, by_field[field]
    if mitigations := [values for field, values in by_field.items() if field.startswith(MITIGATIONS)]:
        combinations = list(zip(*mitigations, strict=True))
        numbers = {combination: number for number, combination in enumerate(dict.fromkeys(combinations), start=1)}
        yield "mitigations", [f"set {numbers[combination]}" for combination in combinations]


def strata_sections(pool: Pool) -> Iterator[Section]:
    """Yield what is asked for, over the hosts with each value of the fact that divides them."""
    if not pool.by:
        return
    tables = [_strata_table(pool, question) for question in asked_effects(pool.effects)]
    names = [(stratum.value, join_with_and(stratum.hosts)) for stratum in pool.strata]
    yield Section(f"By {pool.by}", tables=tables, facts=names)


def _strata_table(pool: Pool, question: PooledEffect) -> Table:
    effects = {
        stratum.value: effect for stratum in pool.strata for effect in stratum.effects if _key(effect) == _key(question)
    }
    rows = [Row((TextCell(value), *_effect_cells(effect)[1:])) for value, effect in effects.items()]
    caption = f"{question.label}, {metric_label(question.metric)}"
    return _table_of_effects(Table(caption, [Column(pool.by), *EFFECT_COLUMNS[1:]], rows), effects.values())


def _key(effect: PooledEffect) -> tuple[str, str, str]:
    return effect.kind, effect.label, effect.metric
