"""Environment variables that change how servers behave: which are set, and values that name no person and no secret."""

import hashlib
import re
from collections.abc import Iterator, Mapping

OF_THE_SYSTEM = (
    "PYTHON", "MALLOC_", "LD_", "GLIBC_TUNABLES", "UVICORN_", "HYPERCORN_", "GUNICORN_", "WEB_CONCURRENCY", "OMP_",
    "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "GOTO_", "VECLIB_", "TZ", "LANG", "LC_", "SSL_", "SSLKEYLOGFILE",
    "OPENSSL_", "UVLOOP_", "AIOHTTP_", "GEVENT_", "EVENTLET_", "MIMALLOC_", "TCMALLOC_", "_RJEM_", "COVERAGE_",
    "COV_CORE_", "NGINX",
)  # fmt: skip
OF_APPLICATIONS = (
    "DJANGO_", "FLASK_", "STARLETTE_", "FASTAPI_", "QUART_", "WERKZEUG_", "OTEL_", "DD_", "NEW_RELIC_", "SENTRY_",
    "ELASTIC_APM_", "APP_", "DEBUG", "LOG_LEVEL", "LOGLEVEL", "ENV", "ENVIRONMENT",
)  # fmt: skip
SECRET = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH|DSN|LICENSE|USER|HOST|EMAIL|URL", re.IGNORECASE)
PLAIN = re.compile(r"[\w.,:=+-]{0,80}")
SWITCH = re.compile(
    r"[0-9.]*|true|false|yes|no|on|off|debug|info|warning|error|critical|[a-z_]+\.settings", re.IGNORECASE
)
ZONE = re.compile(r":?[A-Za-z_]+(/[A-Za-z_+-]+){0,2}[0-9+-]*")
SYSTEM_FILES = re.compile(r"((^|[: ])/(usr|lib|lib64|opt|etc)/[\w./+-]*)+")
DIGITS = 16

# What slows a server down, or puts other code into it.
DISTURBING = {
    "PYTHONASYNCIODEBUG": "asyncio checks and times every step",
    "PYTHONDEVMODE": "Python's development mode checks memory, warnings and asyncio",
    "PYTHONTRACEMALLOC": "Python keeps a traceback of each allocation",
    "PYTHONPROFILEIMPORTTIME": "Python times and logs its imports",
    "PYTHONMALLOCSTATS": "Python logs its allocator",
    "PYTHONMALLOC": "Python uses another allocator",
    "PYTHONDEBUG": "Python logs its parser",
    "PYTHONVERBOSE": "Python logs its imports",
    "PYTHONPERFSUPPORT": "Python leaves names of functions for perf at each call",
    "PYTHON_PERF_JIT_SUPPORT": "Python leaves names of functions for perf at each call",
    "LD_PRELOAD": "other libraries come before the system's",
    "LD_AUDIT": "a library watches each symbol that is bound",
    "LD_DEBUG": "the dynamic linker logs",
    "LD_PROFILE": "the dynamic linker counts calls",
    "MALLOC_CHECK_": "glibc checks each allocation",
    "MALLOC_PERTURB_": "glibc overwrites freed memory",
    "MALLOC_TRACE": "glibc logs each allocation",
    "COVERAGE_PROCESS_START": "coverage counts each line",
    "COVERAGE_PROCESS_CONFIG": "coverage counts each line",
    "COV_CORE_SOURCE": "coverage counts each line",
}
OFF = ("", "0")
ALLOWED_OFF = {"PYTHONMALLOC": ("", "default", "pymalloc")}


def environment_facts(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that change how servers behave, by name: their values, or hashes of those that could be private."""
    chosen = sorted(name for name in environment if name.startswith((*OF_THE_SYSTEM, *OF_APPLICATIONS)))
    return {name: _public(name, environment[name]) for name in chosen}


def disturbing(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(name, what it does) for each variable in force that makes servers slower or other than they are."""
    for name, effect in DISTURBING.items():
        if environment.get(name, "") not in ALLOWED_OFF.get(name, OFF):
            yield name, effect


def _public(name: str, value: str) -> str:
    """`value`, or where it may name a person, a machine or a secret, a hash that tells whether two are the same."""
    known = PLAIN if name.startswith(OF_THE_SYSTEM) else SWITCH
    plain = not SECRET.search(name) and (
        known.fullmatch(value) or (name == "TZ" and ZONE.fullmatch(value)) or SYSTEM_FILES.fullmatch(value)
    )
    return value if plain else f"sha256:{hashlib.sha256(value.encode(errors='surrogateescape')).hexdigest()[:DIGITS]}"
