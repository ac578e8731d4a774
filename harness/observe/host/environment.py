"""Reads environment variables that change how servers behave, without names of persons and secrets."""

import hashlib
import re
from collections.abc import Iterator, Mapping

SYSTEM_PREFIXES = (
    "PYTHON", "MALLOC_", "LD_", "GLIBC_TUNABLES", "UVICORN_", "HYPERCORN_", "GUNICORN_", "WEB_CONCURRENCY", "OMP_",
    "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "GOTO_", "VECLIB_", "TZ", "LANG", "LC_", "SSL_", "SSLKEYLOGFILE",
    "OPENSSL_", "UVLOOP_", "AIOHTTP_", "GEVENT_", "EVENTLET_", "MIMALLOC_", "TCMALLOC_", "_RJEM_", "COVERAGE_",
    "COV_CORE_", "NGINX",
)  # fmt: skip
APPLICATION_PREFIXES = (
    "DJANGO_", "FLASK_", "STARLETTE_", "FASTAPI_", "QUART_", "WERKZEUG_", "OTEL_", "DD_", "NEW_RELIC_", "SENTRY_",
    "ELASTIC_APM_", "APP_", "DEBUG", "LOG_LEVEL", "LOGLEVEL", "ENV", "ENVIRONMENT",
)  # fmt: skip
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH|DSN|LICENSE|USER|HOST|EMAIL|URL", re.IGNORECASE)
PLAIN_VALUE = re.compile(r"[\w.,:=+-]{0,80}")
SWITCH_VALUE = re.compile(
    r"[0-9.]*|true|false|yes|no|on|off|debug|info|warning|error|critical|[a-z_]+\.settings", re.IGNORECASE
)
TIME_ZONE = re.compile(r":?[A-Za-z_]+(/[A-Za-z_+-]+){0,2}[0-9+-]*")
SYSTEM_PATHS = re.compile(r"((^|[: ])/(usr|lib|lib64|opt|etc)/[\w./+-]*)+")
HASH_DIGITS = 16

# Variables that slow down a server, or load other code into it.
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
OFF_VALUES = ("", "0")
OFF_VALUES_OF = {"PYTHONMALLOC": ("", "default", "pymalloc")}


def environment_facts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that change how servers behave: their values, or hashes of values that may be private."""
    names = sorted(name for name in environment if name.startswith((*SYSTEM_PREFIXES, *APPLICATION_PREFIXES)))
    return {name: _public_value(name, environment[name]) for name in names}


def disturbing_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the effect of each active variable that slows down servers or changes their code."""
    for name, effect in DISTURBING.items():
        if environment.get(name, "") not in OFF_VALUES_OF.get(name, OFF_VALUES):
            yield name, effect


def _public_value(name: str, value: str) -> str:
    """Return `value`, or its hash where it may name a person, a machine or a secret."""
    harmless = PLAIN_VALUE if name.startswith(SYSTEM_PREFIXES) else SWITCH_VALUE
    is_public = not SECRET_NAME.search(name) and (
        harmless.fullmatch(value) or (name == "TZ" and TIME_ZONE.fullmatch(value)) or SYSTEM_PATHS.fullmatch(value)
    )
    return (
        value
        if is_public
        else f"sha256:{hashlib.sha256(value.encode(errors='surrogateescape')).hexdigest()[:HASH_DIGITS]}"
    )
