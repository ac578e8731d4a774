"""pyperf's Runner with barehop's client: worker processes calibrate, warm up and measure one request per loop."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from pydantic import TypeAdapter

from harness.imports.formats.pyperf import RESOLUTION_US, load_benchmarks
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import read_tool_file
from harness.start import module_command

_TARGET_FILE, _FILE = "target.json", "pyperf.json"
_PROCESSES = 1  # a run is one of many, in random order; another process calibrates first


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    options = [f"--processes={_PROCESSES}", f"--output={directory / _FILE}", "--quiet"]
    if settings.tool_seconds:
        options.append(f"--min-time={settings.tool_seconds / (4 * _PROCESSES):.3f}")
    return [program, *module_command("harness.load.pyperf_runner"), f"--target={directory / _TARGET_FILE}", *options]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    return {_TARGET_FILE: TypeAdapter(Target).dump_json(target).decode()}


def _setting_problems(settings: Settings) -> Iterator[str]:
    if settings.connections > 1:
        yield (
            f'tool = "pyperf" excludes connections = {settings.connections}, because it makes one request at a time. '
            "Leave connections out."
        )


def _read_result(directory: Path) -> ToolResult:
    text = read_tool_file("pyperf", directory / _FILE)
    try:
        (benchmark,) = load_benchmarks(text)
        runs = [run for run in benchmark.get_runs() if run.values]
        requests = sum(run.get_loops() * len((*run.values, *run.warmups)) for run in runs)
        calibrating = sum(loops for run in benchmark.get_runs() if not run.values for loops, _ in run.warmups)
        mean_us = 1e6 * fmean(value for run in runs for value in run.values)
    except ValueError as error:
        raise ValueError(f"{_FILE} is not what pyperf writes: {error}") from error
    return ToolResult(
        requests=requests,
        failures={},  # a request that fails ends the run
        duration_s=requests * mean_us / 1e6,
        mean_us=mean_us,
        percentiles_us={},  # a value is a mean over many requests
        resolution_us=RESOLUTION_US,
        sent=requests + calibrating,
    )


PLUGIN = LoadTool(
    program=sys.executable,
    version=("-P", "-c", "from importlib.metadata import version; print('pyperf', version('pyperf'))"),
    install="pyperf comes with barehop; install barehop again.",
    command=_command,
    read_result=_read_result,
    picks_request_count=True,
    start_s=1.5,  # with what it measures: it calibrates to 0.1 s for each of four values
    files=_files,
    setting_problems=_setting_problems,
)
