"""A sysctl.d file from advice, to review: one value for each setting that helps, the evidence as comments."""

from collections.abc import Iterator

from harness.analysis.contrasts.knob_advice import UNSET, Advice, KnobAdvice
from harness.model import METRICS
from harness.report.format import percent_text

HEAD = """\
# Kernel settings to review, from measurements by barehop. Nothing here was applied.
# Read the evidence. Copy what you want to a file in /etc/sysctl.d/, and load it with: sysctl --system"""
REMARKS = {
    "helps": "Helps:",
    "trade-off": "Helps here and harms there, so it is left to you:",
    "harms": "Harms, so it is not set:",
    "equivalent": "Makes no difference that matters, so it is not set:",
    "undecided": "Undecided, so it is not set:",
}


def render_sysctl(advice: Advice) -> str:
    """Return the text of the file. Only what helps, and harms nowhere, is set; in a run that is not valid, nothing."""
    lines = [
        HEAD,
        _comment(f"Experiment {advice.experiment}, {advice.sessions} sessions, id {advice.id or 'unknown'}."),
        _comment(f"Measured over loopback with {advice.load}, on kernel {advice.kernel}. It holds for nothing else."),
    ]
    if not advice.valid:
        lines.append("# The run is NOT VALID: nothing is set.")
    best = best_changes(advice)
    with_sysctls = [change for change in advice.changes if change.sysctls]
    for standing, remark in REMARKS.items():
        for change in with_sysctls:
            if change.standing == standing:
                lines += ["", *_evidence(change, remark), *_values(change, is_set=advice.valid and change in best)]
    if len(with_sysctls) < len(advice.changes):
        lines += ["", "# Not here, because they are no sysctls:"]
        lines += [_comment(f"- {_text(change)}") for change in advice.changes if not change.sysctls]
    return "\n".join(lines) + "\n"


def best_changes(advice: Advice) -> list[KnobAdvice]:
    """Return the changes that help; of several for the same knobs, the one with the largest gain that is certain."""
    best: dict[tuple[str, ...], KnobAdvice] = {}
    for change in advice.changes:
        if change.standing == "helps":
            rival = best.setdefault(tuple(change.at), change)
            best[tuple(change.at)] = max(rival, change, key=_certain_gain)
    return list(best.values())


def _certain_gain(change: KnobAdvice) -> float:
    """Return the gain in percent that the intervals guarantee, where it is largest."""
    ends = [
        effect.percent_low if METRICS[effect.metric].is_rate else -(effect.percent_high or 0.0)
        for effect in change.effects
        if effect.verdict == "faster" and effect.percent_low is not None
    ]
    return max((end or 0.0 for end in ends), default=0.0)


def _evidence(change: KnobAdvice, remark: str) -> Iterator[str]:
    yield _comment(f"{remark} {_text(change)}")
    for effect in change.effects:
        where = "".join(f", {key.rpartition('.')[2]} {level}" for key, level in effect.where.items())
        verdict = effect.verdict or "no verdict"
        label = METRICS[effect.metric].label
        yield _comment(f"- over {effect.transport}{where}: {label} {percent_text(effect, named=True)}, {verdict}")


def _values(change: KnobAdvice, *, is_set: bool) -> Iterator[str]:
    is_whole = change.sysctls.keys() == change.at.keys() and UNSET not in change.at.values()
    for knob, name in change.sysctls.items():
        line = _one_line(f"{name} = {change.at[knob]}")
        yield line if is_set and is_whole else f"# {line}"


def _text(change: KnobAdvice) -> str:
    return ", ".join(f"{knob}={value} instead of {change.base[knob]}" for knob, value in change.at.items())


def _comment(text: str) -> str:
    return f"# {_one_line(text)}"


def _one_line(text: str) -> str:
    """Return the text on one line: a value from somebody else's results cannot add a setting."""
    return " ".join(text.split())
