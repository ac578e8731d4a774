"""Picks from host.json what a reader of the numbers asks first, in words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]

TAKING_PART = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
)  # fmt: skip


def machine_facts(host: Facts) -> list[tuple[str, str]]:
    """(what, how it is) of the machine, without what `host` does not tell."""
    facts = {
        "System": _joined(_at(host, "system"), _kernel(host)),
        "CPUs": _joined(_cpus(host), _prefixed("allowed: ", _at(host, "cpus", "allowed")), *_governors(host)),
        "Virtual": _joined(
            _at(host, "virtual", "machine"), _prefixed("container: ", _at(host, "virtual", "container"))
        ),
        "Mitigations": "; ".join(_mitigations(_at(host, "cpus", "mitigations") or {})),
        "Memory": _joined(_gibibytes(host), _prefixed("huge pages: ", _hugepages(host))),
        "Limits": _joined(*_limits(host)),
        "Clock": _joined(_at(host, "clock", "current_clocksource")),
        "TCP": _joined(*_tcp(_at(host, "sysctls") or {})),
        "Sockets": "; ".join(_places(_at(host, "mounts") or {})),
        "In the kernel": _joined(*(_at(host, "network", "loaded") or ())),
    }
    return [(what, value) for what, value in facts.items() if value]


def versions(host: Facts) -> list[tuple[str, str]]:
    """(program, version) of all that took part."""
    python = _at(host, "python") or {}
    distributions = python.get("distributions", {})
    programs = {name: _first_line(said) for name, said in (_at(host, "programs") or {}).items()}
    serving = _serving_packages(host)
    packages = serving if "serving" in host else distributions
    ours = {name: packages[name] for name in TAKING_PART if name in packages}
    own = {"barehop": python.get("barehop"), "Python": python.get("version")}
    return [(name, version) for name, version in {**own, **programs, **ours}.items() if version]


def _serving_packages(host: Facts) -> dict[str, str]:
    """Of the interpreters that serve, each version once."""
    found: dict[str, dict[str, None]] = {}
    for entry in _at(host, "serving") or ():
        for name, version in (_at(entry, "python", "packages") or {}).items():
            found.setdefault(name, {})[version] = None
    return {name: " and ".join(versions) for name, versions in found.items()}


def _at(facts: Any, *keys: str) -> Any:
    """What lies under `keys`; None where the way ends."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts


def _joined(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _prefixed(prefix: str, value: object) -> str:
    return f"{prefix}{value}" if value else ""


def _kernel(host: Facts) -> str:
    release, machine = _at(host, "kernel", "release"), _at(host, "kernel", "machine")
    return f"kernel {release} ({machine})" if release else ""


def _cpus(host: Facts) -> str:
    models = _at(host, "cpus", "models") or []
    names = [str(model.get("model name") or " ".join(map(str, model.values()))) for model in models]
    number = len(_at(host, "cpus", "topology") or [])
    return f"{number} \N{MULTIPLICATION SIGN} {' and '.join(names)}" if number else " and ".join(names)


def _governors(host: Facts) -> list[str]:
    policies = _at(host, "cpus", "frequency") or []
    return sorted({f"governor: {policy['scaling_governor']}" for policy in policies if policy.get("scaling_governor")})


def _mitigations(found: Mapping[str, str]) -> Iterator[str]:
    vulnerable = sorted(name for name, state in found.items() if state.startswith("Vulnerable"))
    mitigated = sorted(name for name, state in found.items() if state.startswith("Mitigation"))
    if vulnerable:
        yield f"vulnerable: {', '.join(vulnerable)}"
    if mitigated:
        yield f"mitigated: {', '.join(mitigated)}"
    if found and not vulnerable and not mitigated:
        yield "not affected by anything the kernel knows"


def _gibibytes(host: Facts) -> str:
    total_bytes = _at(host, "memory", "total_bytes")
    return f"{total_bytes / 2**30:.1f} GiB" if total_bytes else ""


def _hugepages(host: Facts) -> str:
    """The kernel puts the choice in brackets: `always [madvise] never`."""
    chosen = re.search(r"\[(.+)\]", _at(host, "memory", "transparent_hugepages", "enabled") or "")
    return chosen.group(1) if chosen else ""


def _limits(host: Facts) -> Iterator[str]:
    cpus, memory_bytes = _at(host, "cgroup", "cpu_limit"), _at(host, "cgroup", "memory_limit_bytes")
    if cpus:
        yield f"{cpus:g} CPUs"
    if memory_bytes:
        yield f"{memory_bytes / 2**30:.1f} GiB"


def _tcp(sysctls: Mapping[str, str]) -> Iterator[str]:
    for name, label in {
        "net.ipv4.tcp_congestion_control": "congestion control",
        "net.ipv4.ip_local_port_range": "ports",
        "net.ipv4.tcp_tw_reuse": "tw_reuse",
        "net.core.somaxconn": "somaxconn",
    }.items():
        if name in sysctls:
            yield f"{label} {'-'.join(sysctls[name].split())}"


def _places(mounts: Mapping[str, Facts]) -> Iterator[str]:
    for place, mount in mounts.items():
        yield f"{place}: {mount['kind']} ({', '.join(mount['options'][:2])})"


def _first_line(said: str) -> str:
    """`nginx version: nginx/1.26.0` is nginx 1.26.0."""
    return re.sub(r"^nginx version: nginx/", "", said.partition("\n")[0])
