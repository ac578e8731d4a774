"""Facts on the machine from host.json, as text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.report.wording import listed

HostJson = Mapping[str, Any]

SERVING_PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
)  # fmt: skip


def machine_facts(host: HostJson) -> list[tuple[str, str]]:
    """Return (name, text) of each known fact on the machine."""
    facts = {
        "System": _joined_facts(_value_at(host, "system"), _kernel(host)),
        "CPUs": _joined_facts(
            _cpu_models(host), _prefixed("allowed: ", _value_at(host, "cpus", "allowed")), *_governor_facts(host)
        ),
        "Virtual": _joined_facts(
            _value_at(host, "virtual", "machine"), _prefixed("container: ", _value_at(host, "virtual", "container"))
        ),
        "Mitigations": "; ".join(_mitigation_facts(_value_at(host, "cpus", "mitigations") or {})),
        "Memory": _joined_facts(_memory_size(host), _prefixed("huge pages: ", _hugepages(host))),
        "Limits": _joined_facts(*_cgroup_limits(host)),
        "Clock": _joined_facts(_value_at(host, "clock", "current_clocksource")),
        "TCP": _joined_facts(*_tcp_facts(_value_at(host, "sysctls") or {})),
        "Sockets": "; ".join(_socket_mounts(_value_at(host, "mounts") or {})),
        "In the kernel": _joined_facts(*(_value_at(host, "network", "loaded") or ())),
    }
    return [(what, value) for what, value in facts.items() if value]


def versions(host: HostJson) -> list[tuple[str, str]]:
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
    return {name: listed(list(versions)) for name, versions in by_name.items()}


def _value_at(facts: Any, *keys: str) -> Any:
    """Return the value under `keys`, or None."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts


def _joined_facts(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _prefixed(prefix: str, value: object) -> str:
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
