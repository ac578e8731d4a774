"""What no arm can be: names that do not exist, settings that exclude each other, settings that cannot be had yet."""

from collections.abc import Iterator

from harness import plugins
from harness.experiment.document import did_you_mean, shown
from harness.model import Arm, Settings

CLIENT = "client"


def arm_problems(arm: Arm) -> Iterator[str]:
    """One sentence for each problem of `arm`, with the way out."""
    yield from (f"Arm {arm.name!r}: {problem}" for problem in _problems(arm.settings))


def _problems(settings: Settings) -> Iterator[str]:
    yield from _unknown_names(settings)
    yield from _impossible(settings)
    yield from _not_yet(settings)


def _unknown_names(settings: Settings) -> Iterator[str]:
    transports = plugins.names("harness.lab.transports")
    if settings.transport not in transports:
        guess = did_you_mean(settings.transport, transports)
        yield f"transport = {shown(settings.transport)}: there is no such transport.{guess}"
    tools = [CLIENT, *plugins.names("harness.load.tools")]
    if settings.tool not in tools:
        guess = did_you_mean(settings.tool, tools)
        yield f"tool = {shown(settings.tool)}: this version drives no such tool.{guess}"


def _impossible(settings: Settings) -> Iterator[str]:
    if settings.worker_class == "sync" and settings.upstream_keepalive:
        yield (
            f"upstream_keepalive = {settings.upstream_keepalive}: gunicorn's sync worker closes every connection. "
            'Set it to 0, or worker_class to "uvicorn" or "asgi".'
        )
    module, colon, attribute = settings.app.partition(":")
    if not (module and (attribute or not colon)):
        yield f"app = {shown(settings.app)}: write it as module:name, like app.main:app."


def _not_yet(settings: Settings) -> Iterator[str]:
    """Settings of the file format that this version would otherwise ignore in silence."""
    offered = Settings()
    for key in ("network", "knobs", "cpu_quota", "url", "connections"):
        value = getattr(settings, key)
        if value != getattr(offered, key):
            yield (
                f"{key} = {shown(value)}: this version measures {key} = {shown(getattr(offered, key))} only. "
                "Leave it out."
            )
