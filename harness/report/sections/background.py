"""The background of a result, which only pages show: sessions, drift, single requests, the method, the machine."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.plot_data import PlotData
from harness.analysis.why.flame import FlameGraph
from harness.model import ArmSummary, Design, Pilot, Plan, Schedule, Settings, Summary
from harness.model.experiment import ORDERING_TEXTS
from harness.model.metrics import ESTIMATORS
from harness.report.document import Column, Figure, NumberCell, Row, Section, Table, TextCell
from harness.report.figures.distributions import distribution_figures
from harness.report.figures.intervals import sessions_figure
from harness.report.figures.over_time import (
    burst_lengths_figure,
    carry_over_figure,
    drift_figures,
    variability_sentence,
)
from harness.report.figures.style import arm_styles
from harness.report.format import capitalize_first, join_with_and, pluralize
from harness.report.sections.why import counter_sections
from harness.report.select import MIN_GAIN, OUR_CLIENT, depends_on_state, headline_metric

HostJson = Mapping[str, Any]
SESSIONS_NOTE = (
    "Each dot is one session, the first on top; the whole stack is restarted for each. The line is the interval over "
    "sessions, the band is the margin of equivalence."
)
REQUESTS_NOTE = "All timed requests of all sessions. These curves include the drift between sessions, which {cancels}."
CANCELS = "cancels out of the differences above"
DOES_NOT_CANCEL = "does not cancel out of the differences above: they depend on the machine's state (see the doubts)"

SERVING_PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
)  # fmt: skip
CpusByArm = Mapping[str, Mapping[str, Sequence[int]]]  # CPUs by arm and role


@dataclass(frozen=True, slots=True)
class PageData:
    """What only the page of a run shows, beside its summary; `host` is the content of host.json, {} if unknown."""

    plan: Plan
    host: HostJson
    plots: PlotData
    flames: Sequence[FlameGraph] = ()


def background_sections(summary: Summary, data: PageData) -> list[Section]:
    """Return the sections that have content."""
    design, plots, pilot = data.plan.experiment.design, data.plots, data.plan.pilot
    metrics = dict.fromkeys((headline_metric(summary), "cpu"))
    sessions = [sessions_figure(summary, design, metric, plots.effects) for metric in metrics]
    visits = [draw(pilot, data.plan.schedule) for draw in (carry_over_figure, burst_lengths_figure)] if pilot else []
    steadiness = variability_sentence(plots.effects)
    requests_note = REQUESTS_NOTE.format(cancels=DOES_NOT_CANCEL if depends_on_state(summary) else CANCELS)
    return [
        *_figure_section("Session by session", [SESSIONS_NOTE], sessions),
        *_figure_section(
            "Drift, and why visits are compared in pairs",
            [steadiness] if steadiness else [],
            drift_figures(summary, plots.drift),
        ),
        *_figure_section("Single requests", [requests_note], distribution_figures(summary, plots.distributions)),
        *_figure_section("Pilot", [], visits),
        *_method_sections(summary, data),
        *_machine_sections(data.host),
    ]


def _figure_section(heading: str, sentences: Sequence[str], figures: Iterable[Figure | None]) -> list[Section]:
    drawn = [figure for figure in figures if figure]
    return [Section(heading, sentences, figures=drawn)] if drawn else []


def _method_sections(summary: Summary, data: PageData) -> Iterator[Section]:
    columns = [Column("arm"), Column("settings"), Column("requests"), Column("failed")]
    rows = [
        Row(
            [TextCell(name), TextCell(_settings_text(arm)), NumberCell(str(arm.requests)), NumberCell(str(arm.failed))],
            color=arm_styles(summary)[name].color,
        )
        for name, arm in summary.arms.items()
    ]
    facts = method_facts(summary, data.plan, data.plots.cpus)
    yield Section("How it was measured", tables=[Table("The arms", columns, rows)], facts=facts)
    experiment = data.plan.experiment.model_dump_json(indent=1)
    yield Section("The experiment in full", listing=experiment, is_detail=True)
    yield from counter_sections(summary)


def _settings_text(arm: ArmSummary) -> str:
    if arm.control_of:
        return f"A/A control of {arm.control_of}"
    return ", ".join(f"`{key} = {json.dumps(value, ensure_ascii=False)}`" for key, value in arm.settings.items())


def _machine_sections(host: HostJson) -> Iterator[Section]:
    machine, versions = machine_facts(host), version_facts(host)
    if not machine and not versions:
        yield Section("The machine", ["Unknown: host.json is missing."])
        return
    programs = ", ".join(f"{name} {version}" for name, version in versions)
    yield Section("The machine", facts=[*machine, ("Versions", programs)])
    if server := _value_at(host, "server"):
        yield Section("The machine with the servers", facts=machine_facts(server))
    yield Section("host.json in full", listing=json.dumps(host, indent=1, ensure_ascii=False), is_detail=True)


def machine_facts(host: HostJson) -> list[tuple[str, str]]:
    """Return (name, text) of each known fact on the machine."""
    facts = {
        "System": _joined_facts(_value_at(host, "system"), _kernel(host)),
        "CPUs": _joined_facts(
            _cpu_models(host), _with_prefix("allowed: ", _value_at(host, "cpus", "allowed")), *_governor_facts(host)
        ),
        "Virtual": _joined_facts(
            _value_at(host, "virtual", "machine"), _with_prefix("container: ", _value_at(host, "virtual", "container"))
        ),
        "Mitigations": "; ".join(_mitigation_facts(_value_at(host, "cpus", "mitigations") or {})),
        "Memory": _joined_facts(_memory_size(host), _with_prefix("huge pages: ", _hugepages(host))),
        "Limits": _joined_facts(*_cgroup_limits(host)),
        "Clock": _joined_facts(_value_at(host, "clock", "current_clocksource")),
        "TCP": _joined_facts(*_tcp_facts(_value_at(host, "sysctls") or {})),
        "Sockets": "; ".join(_socket_mounts(_value_at(host, "mounts") or {})),
        "In the kernel": _joined_facts(*(_value_at(host, "network", "loaded") or ())),
    }
    return [(what, value) for what, value in facts.items() if value]


def version_facts(host: HostJson) -> list[tuple[str, str]]:
    """Return (program, version) of everything that took part."""
    python = _value_at(host, "python") or {}
    distributions = python.get("distributions", {})
    programs = {name: _first_line(output) for name, output in (_value_at(host, "programs") or {}).items()}
    serving = _serving_packages(host)
    packages = serving if "serving" in host else distributions
    ours = {name: packages[name] for name in SERVING_PACKAGES if name in packages}
    own = {"barehop": python.get("barehop"), "Python": python.get("version")}
    return [(name, version) for name, version in {**own, **programs, **ours}.items() if version]


def _serving_packages(host: HostJson) -> dict[str, str]:
    """Return the packages of the serving interpreters, each version once."""
    by_name: dict[str, dict[str, None]] = {}
    for entry in _value_at(host, "serving") or ():
        for name, version in (_value_at(entry, "python", "packages") or {}).items():
            by_name.setdefault(name, {})[version] = None
    return {name: join_with_and(list(versions)) for name, versions in by_name.items()}


def _value_at(facts: Any, *keys: str) -> Any:
    """Return the value under `keys`, or None."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts


def _joined_facts(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _with_prefix(prefix: str, value: object) -> str:
    return f"{prefix}{value}" if value else ""


def _kernel(host: HostJson) -> str:
    release, machine = _value_at(host, "kernel", "release"), _value_at(host, "kernel", "machine")
    return f"kernel {release} ({machine})" if release else ""


def _cpu_models(host: HostJson) -> str:
    models = _value_at(host, "cpus", "models") or []
    names = [str(model.get("model name") or " ".join(map(str, model.values()))) for model in models]
    number = len(_value_at(host, "cpus", "topology") or [])
    return f"{number} \N{MULTIPLICATION SIGN} {' and '.join(names)}" if number else " and ".join(names)


def _governor_facts(host: HostJson) -> list[str]:
    policies = _value_at(host, "cpus", "frequency") or []
    return sorted({f"governor: {policy['scaling_governor']}" for policy in policies if policy.get("scaling_governor")})


def _mitigation_facts(states: Mapping[str, str]) -> Iterator[str]:
    vulnerable = sorted(name for name, state in states.items() if state.startswith("Vulnerable"))
    mitigated = sorted(name for name, state in states.items() if state.startswith("Mitigation"))
    if vulnerable:
        yield f"vulnerable: {', '.join(vulnerable)}"
    if mitigated:
        yield f"mitigated: {', '.join(mitigated)}"
    if states and not vulnerable and not mitigated:
        yield "not affected by any vulnerability the kernel knows"


def _memory_size(host: HostJson) -> str:
    total_bytes = _value_at(host, "memory", "total_bytes")
    return f"{total_bytes / 2**30:.1f} GiB" if total_bytes else ""


def _hugepages(host: HostJson) -> str:
    """Return the active choice, which the kernel shows in brackets: `always [madvise] never`."""
    chosen = re.search(r"\[(.+)\]", _value_at(host, "memory", "transparent_hugepages", "enabled") or "")
    return chosen.group(1) if chosen else ""


def _cgroup_limits(host: HostJson) -> Iterator[str]:
    cpus, memory_bytes = _value_at(host, "cgroup", "cpu_limit"), _value_at(host, "cgroup", "memory_limit_bytes")
    if cpus:
        yield f"{cpus:g} CPUs"
    if memory_bytes:
        yield f"{memory_bytes / 2**30:.1f} GiB"


def _tcp_facts(sysctls: Mapping[str, str]) -> Iterator[str]:
    for name, label in {
        "net.ipv4.tcp_congestion_control": "congestion control",
        "net.ipv4.ip_local_port_range": "ports",
        "net.ipv4.tcp_tw_reuse": "tw_reuse",
        "net.core.somaxconn": "somaxconn",
    }.items():
        if name in sysctls:
            yield f"{label} {'-'.join(sysctls[name].split())}"


def _socket_mounts(mounts: Mapping[str, HostJson]) -> Iterator[str]:
    for place, mount in mounts.items():
        yield f"{place}: {mount['kind']} ({', '.join(mount['options'][:2])})"


def _first_line(output: str) -> str:
    """Return the first line; of `nginx version: nginx/1.26.0` only the version."""
    return re.sub(r"^nginx version: nginx/", "", output.partition("\n")[0])


def method_facts(summary: Summary, plan: Plan, cpus: CpusByArm) -> list[tuple[str, str]]:
    """Return (term, explanation) in the order of the run."""
    schedule, design = plan.schedule, plan.experiment.design
    order = ORDERING_TEXTS[schedule.ordering]
    facts = {
        "Session": f"A restart of the whole stack: the unit of the statistics. {schedule.sessions} were planned.",
        "Round": f"Every arm is visited once, {order} (seed {design.seed}). A session has {schedule.rounds}.",
        "Visit": f"{_visit_text(plan)}.",
        "Lengths": f"{capitalize_first(schedule.reason)}.",
        "Pilot": _pilot_text(plan.pilot) if plan.pilot else "",
        "Stopping": _stopping_text(summary, plan),
        "CPUs": "; ".join(_placements(cpus)),
        "Memory layout": layout_text(summary, design),
        "Difference": ESTIMATORS[schedule.estimator].text,
        "Verdict": f"Equivalent if the 90 % interval lies within {design.equivalence_percent:g} %; faster or slower "
        f"if the interval excludes zero, after {_correction_name(summary)}; otherwise undecided.",
    }
    return [(word, text) for word, text in facts.items() if text]


def _visit_text(plan: Plan) -> str:
    visits = dict.fromkeys(_visit_of_arm(arm.settings, plan.schedule) for arm in plan.experiment.arms)
    return f"{pluralize(plan.schedule.settle, 'warm-up request')}, then {' or '.join(visits)}"


def _visit_of_arm(settings: Settings, schedule: Schedule) -> str:
    timed = pluralize(schedule.burst, "timed request")
    if settings.tool != OUR_CLIENT:
        return f"one run of {settings.tool}"
    if settings.p99_limit_ms:
        return "requests at one rate of the search"
    if settings.rate:
        return f"{timed} at the rate of the arm"
    if settings.connections > 1:
        return f"{timed} over {settings.connections} connections"
    return f"{timed}, one after the other"


def _pilot_text(pilot: Pilot) -> str:
    expected = (
        f"{pluralize(pilot.requests, 'request')} before the run; the pilot expected ±{pilot.half_width_percent:.2g} %"
    )
    if pilot.gain < MIN_GAIN:
        return f"{expected}, the same as when running one arm after the other."
    return f"{expected}, {pilot.gain:.2g} times narrower than when running one arm after the other in the same time."


def _stopping_text(summary: Summary, plan: Plan) -> str:
    """Return when the run may stop: all looks together keep the 95 % coverage."""
    if len(plan.schedule.looks) < 2:
        return ""
    looks = join_with_and([str(look) for look in plan.schedule.looks])
    confidence = max((comparison.confidence for comparison in summary.comparisons), default=0.95)
    intervals = "the interval of every effect" if summary.main_effects else "every interval"
    return (
        f"After {looks} sessions, as soon as {intervals} is within ±{plan.experiment.design.precision_percent:g} %. "
        f"To allow for several looks, the intervals are computed at {100 * confidence:.3g} %."
    )


def _correction_name(summary: Summary) -> str:
    holm = "Holm's correction"
    return f"{holm} (effects of a screen: Benjamini and Hochberg's)" if summary.main_effects else holm


def layout_text(summary: Summary, design: Design) -> str:
    """Return what the servers of a session have in common besides settings; empty if none is ours."""
    if all(arm.settings.get("url") for arm in summary.arms.values()):
        return ""
    if design.layout == "random":
        return "Random. Each start of a server has addresses and a hash seed of its own."
    if any(doubt.kind == "layout" for doubt in summary.doubts):
        return "Matched in part. Servers of a session have the same hash seed, but random addresses (see the doubts)."
    return (
        "Matched. All servers of a session have the same addresses and the same hash seed. The next session has "
        "another hash seed and other addresses."
    )


def _placements(cpus: CpusByArm) -> Iterator[str]:
    """Yield the CPUs of each role, once for arms with the same placement."""
    texts = {
        arm: ", ".join(f"{role} on {_cpu_numbers(on)}" for role, on in roles.items()) for arm, roles in cpus.items()
    }
    for text in dict.fromkeys(filter(None, texts.values())):
        arms = [arm for arm, placed in texts.items() if placed == text]
        yield text if len(arms) == len(texts) else f"{join_with_and(arms)}: {text}"


def _cpu_numbers(cpus: Sequence[int]) -> str:
    return f"CPU {cpus[0]}" if len(cpus) == 1 else f"CPUs {join_with_and([str(cpu) for cpu in cpus])}"
