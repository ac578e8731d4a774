"""Why a result is as it is: counters, parts of the chain, the floor, pyperf; and what is said where they lack."""

import json
import shutil
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it brings no types
import pytest

from harness.model import Record, Summary
from tests.support.command import barehop, fixed, sets

FLOOR_IN_SECONDS = ("--processes=2", "--loops=50", "--values=2", "--warmups=1")


def summary_of(results: Path) -> Summary:
    return Summary.model_validate_json((results / "summary.json").read_bytes())


def value(summary: Summary, counter: str, arm: str) -> float:
    (found,) = [one for one in summary.counters if one.name == counter]
    return found.arms[arm].value


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("why")
    ended = barehop(here, "run", "baseline", *fixed(3, 20), "--out", "out")
    assert ended.code in (0, 1), ended.err
    return here / "out"


def test_tcp_opens_one_connection_on_the_hop_for_each_request_and_a_unix_socket_none(baseline: Path) -> None:
    summary = summary_of(baseline)
    for kind in ("hop.active_opens", "hop.passive_opens"):
        assert value(summary, kind, "tcp") == pytest.approx(1, abs=0.1)
        for arm in ("uds-tmpfs", "uds-dir"):
            assert value(summary, kind, arm) == pytest.approx(0, abs=0.1)


def test_tcp_sends_about_ten_segments_more(baseline: Path) -> None:
    summary = summary_of(baseline)
    more = value(summary, "net.segments_out", "tcp") - value(summary, "net.segments_out", "uds-tmpfs")
    assert 8 <= more <= 14


def test_every_counter_has_an_interval_for_every_comparison(baseline: Path) -> None:
    summary = summary_of(baseline)
    compared = {one.arm for one in summary.comparisons}
    names = {one.name for one in summary.counters}
    assert {"nginx.wait_us", "app.voluntary", "client.cpu_us", "host.net_rx", "net.time_wait"} <= names
    for one in summary.counters:
        assert set(one.differences) == compared, one.name
        assert all(seen.low is not None for seen in one.differences.values()), one.name


def test_counters_are_read_in_one_of_each_two_rounds(baseline: Path) -> None:
    record = Record.model_validate_json((baseline / "sessions/0001.json").read_bytes())
    counted = {visit.round for visit in record.visits if visit.counters}
    assert {visit.round for visit in record.visits if not visit.counters} == {round_ ^ 1 for round_ in counted}
    assert len(counted) == 10
    assert {round_ % 2 for round_ in counted} == {0, 1}


@pytest.mark.needs_root
@pytest.mark.skipif(shutil.which("perf") is None, reason="there is no perf")
def test_system_calls_are_counted_in_bursts_of_their_own(baseline: Path) -> None:
    record = Record.model_validate_json((baseline / "sessions/0001.json").read_bytes())
    assert {visit.arm for visit in record.counted} == {"tcp", "uds-tmpfs", "uds-dir"}
    assert all(visit.mean_us is None for visit in record.counted)
    for role, calls in (("nginx", ("accept4", "connect", "writev")), ("app", ("accept4", "sendto"))):
        for call in calls:
            assert value(summary_of(baseline), f"{role}.syscalls.{call}", "tcp") >= 0.99


@pytest.mark.needs_root
@pytest.mark.skipif(shutil.which("perf") is None, reason="there is no perf")
def test_events_of_the_file_are_counted_of_each_role_and_of_the_machine_and_told(tmp_path: Path) -> None:
    """It needs root, perf and the kernel's tracepoints."""
    arms = 'transport = ["tcp", "uds-tmpfs"]'
    events = 'freed = "skb:consume_skb"\nswitches = "context-switches"'
    (tmp_path / "c.toml").write_text(f"[factors]\n{arms}\n[counters]\n{events}\n")
    ended = barehop(tmp_path, "run", "c.toml", *fixed(2, 2), "--out", "out", "--details")
    assert ended.code in (0, 1), ended.err
    summary = summary_of(tmp_path / "out")
    for role in ("nginx", "app", "host"):
        for name in ("freed", "switches"):
            (counter,) = (counter for counter in summary.counters if counter.name == f"{role}.counters.{name}")
            assert set(counter.arms) == {"tcp", "uds-tmpfs"}
            assert counter.differences["uds-tmpfs"].low is not None
    assert value(summary, "nginx.counters.freed", "tcp") > 1
    assert value(summary, "host.counters.freed", "tcp") >= value(summary, "nginx.counters.freed", "tcp")
    assert value(summary, "nginx.syscalls", "tcp") > 1
    assert "nginx: freed" in ended.out
    assert "freed counts skb:consume_skb" in (tmp_path / "out/report.html").read_text()
    assert json.loads((tmp_path / "out/plan.json").read_text())["experiment"]["counters"]["freed"] == "skb:consume_skb"


def test_an_event_that_nobody_counts_ends_the_command_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[arms.a]\n[arms.b]\n[counters]\nx = "nonsense:none"\n')
    ended = barehop(tmp_path, "run", "c.toml", *fixed(2, 2), "--out", "out")
    assert ended.code == 3
    assert "counters" in ended.err
    assert not (tmp_path / "out").exists()


def test_the_page_and_the_terminal_say_why(baseline: Path) -> None:
    told = barehop(baseline.parent, "report", "out", "--details").out
    assert "\nWhy\n" in told
    assert "Bottleneck of" in told
    assert "All counters" in (baseline / "report.html").read_text()


def test_without_perf_a_sentence_says_so_and_the_rest_is_there(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("nginx", "sh"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    arguments = ("run", "quick", *fixed(2, 4), "--out", "out", "--details")
    ended = barehop(tmp_path, *arguments, env={"PATH": str(programs)})
    assert ended.code in (0, 1), ended.err
    assert "System calls per request are not known: there is no program 'perf'." in " ".join(ended.out.split())
    assert value(summary_of(tmp_path / "out"), "hop.active_opens", "tcp") == pytest.approx(1, abs=0.1)


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """The packaged decomposition."""
    here = tmp_path_factory.mktemp("chains")
    ended = barehop(here, "run", "decompose", *fixed(3, 10, control=True), "--out", "out")
    assert ended.code in (0, 1), ended.err
    return summary_of(here / "out")


def test_the_floor_and_an_nginx_without_an_app_take_far_less_than_the_chain(chains: Summary) -> None:
    """The app alone is not among them: on a machine at work it may come out slower than the chain around it."""
    parts = (("floor-tcp", "tcp"), ("floor-uds-tmpfs", "uds-tmpfs"), ("nginx-alone", "tcp"))
    for part, chain in parts:
        assert 0 < (chains.arms[part].p50_us or 0) < (chains.arms[chain].p50_us or 0)


def test_the_waterfall_of_each_transport_adds_up(chains: Summary) -> None:
    assert [(one.arm, one.transport) for one in chains.waterfalls] == [("tcp", "tcp"), ("uds-tmpfs", "uds-tmpfs")]
    for one in chains.waterfalls:
        assert one.sum_us == pytest.approx(one.total_us.value, rel=0.2)


def test_only_who_takes_part_has_cpu_time(chains: Summary) -> None:
    assert {name: set(arm.cpu_us) for name, arm in chains.arms.items()} == {
        "tcp": {"nginx", "app"},
        "control": {"nginx", "app"},
        "uds-tmpfs": {"nginx", "app"},
        "nginx-alone": {"nginx"},
        "app-tcp": {"app"},
        "app-uds-tmpfs": {"app"},
        "floor-tcp": {"app"},
        "floor-uds-tmpfs": {"app"},
    }


def test_the_floor_is_a_pyperf_file_that_later_runs_are_held_against(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "floor", *FLOOR_IN_SECONDS)
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("results/floor/*/floor.pyperf.json")
    names = pyperf.BenchmarkSuite.load(str(file)).get_benchmark_names()
    for transport in ("tcp", "tcp-alias", "uds-tmpfs", "uds-dir"):  # and tcp6 where the machine has ::1
        assert len([name for name in names if transport in name.split()]) == 2, names
    assert "connect, request, response, close" in ended.out
    assert "hostname" not in file.read_text()
    run = barehop(tmp_path, "run", "quick", *fixed(2, 4), "--out", "out")
    assert run.code in (0, 1), run.err
    (explained,) = summary_of(tmp_path / "out").explanations
    assert explained.floor_us
    assert explained.plausibility != "unknown"


def test_the_floor_takes_the_sizes_of_an_experiment_and_pyperfs_own_options(tmp_path: Path) -> None:
    (tmp_path / "sized.toml").write_text('name = "sized"\n[factors]\npath = ["/bytes/100", "/bytes/7"]\n')
    options = ("--processes=1", "--loops=20", "--values=1", "--warmups=0", "--affinity=0", "-o", "mine.json")
    ended = barehop(tmp_path, "floor", "sized.toml", *options)
    assert ended.code == 0, ended.err
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "mine.json"))
    assert {name.rpartition(" ")[2] for name in suite.get_benchmark_names()} == {"100", "7"}
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--help",), 0, "--rigorous"),
        (("--no-such-option",), 2, "Unrecognized arguments: --no-such-option. See barehop floor --help.\n"),
        (
            ("--values", "x"),
            2,
            "Argument -n/--values: invalid strictly_positive value: 'x'. See barehop floor --help.\n",
        ),
        (("-o", "0.stdout"), 2, "The JSON file '0.stdout' already exists. See barehop floor --help.\n"),
        (("nowhere.toml",), 2, "nowhere.toml cannot be read"),
        (("--affinity=abc",), 2, "--affinity=abc is not a list of CPUs."),
        (("--affinity=4095",), 2, "CPU 4095 is not available."),
        (("-o", "/nowhere/x.json"), 2, "there is no such directory."),
        (("--pipe", "1"), 2, "--pipe is internal to pyperf"),
        (("--compare-to", "python3"), 2, "Leave them out."),
    ],
)
def test_floor_says_what_it_does_not_understand(
    tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended = barehop(tmp_path, "floor", *arguments)
    assert ended.code == code
    assert told in ended.out + ended.err
    assert code == 0 or (ended.out, ended.err.count("\n")) == ("", 1)


def test_pyperf_measures_an_arm_in_its_worker_processes(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 1), *sets(tool="pyperf"), "--out", "out")
    assert ended.code in (0, 1), ended.err
    record = Record.model_validate_json((tmp_path / "out/sessions/0001.json").read_bytes())
    assert all(visit.mean_us and visit.requests > 0 for visit in record.visits)
    summary = summary_of(tmp_path / "out")
    assert value(summary, "net.active_opens", "tcp") == pytest.approx(2, abs=0.2)
    assert summary.loads == ()
    assert any("If an external tool is the client" in sentence for sentence in summary.unseen)
    (first,) = (tmp_path / "out/stack/0001/tool/tcp/0001").glob("pyperf.json")
    assert "hostname" not in first.read_text()
    runs = json.loads(first.read_text())["benchmarks"][0]["runs"]
    assert any("warmups" in run for run in runs), "pyperf warmed up"
    host = json.loads((tmp_path / "out/host.json").read_text())
    assert host["programs"]["pyperf"].startswith("pyperf ")


def test_an_experiment_called_floor_and_broken_files_disturb_no_later_run(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('name = "floor"\n[arms.a]\n[arms.b]\ntransport = "uds-tmpfs"\n')
    assert barehop(tmp_path, "run", "c.toml", *fixed(2, 2)).code in (0, 1)
    broken = tmp_path / "results/floor/2999-01-01T00-00-00Z"
    broken.mkdir()
    shutil.copy(next(tmp_path.glob("results/floor/*/host.json")), broken)
    (broken / "floor.pyperf.json").write_text("{")
    assert barehop(tmp_path, "run", "quick", *fixed(2, 2)).code in (0, 1)


@pytest.mark.needs_ab
def test_apachebench_visits_every_part_of_the_chain_over_tcp(tmp_path: Path) -> None:
    text = "\n".join(f'[arms.{chain}]\nchain = "{chain}"' for chain in ("full", "proxy-only", "app-direct", "floor"))
    (tmp_path / "c.toml").write_text(text)
    ended = barehop(tmp_path, "run", "c.toml", *fixed(2, 1), *sets(tool="ab", tool_requests=20), "--out", "out")
    assert ended.code in (0, 1), ended.err
    assert {arm.requests for arm in summary_of(tmp_path / "out").arms.values()} == {40}
