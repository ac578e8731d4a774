"""What is said of arms that ask a running service, and the containers that barehop brings the recipe for."""

import re
from pathlib import Path

import pytest

from harness.analysis.plot_data import plot_data
from harness.analysis.statistics.series import values_by_arm
from harness.experiment.arms import services_of
from harness.experiment.read import read_experiment
from harness.load.client import request_bytes
from harness.model import METRICS, Arm, Design, Experiment, Settings, Summary, Target
from harness.testbed.dry_run import describe_service
from tests.support.run_reports import render_html, render_markdown, render_plan, render_terminal
from tests.support.simulated_run import run_of

ROOT = Path(__file__).parents[3]
CONTAINERS = ROOT / "configs/containers"
DOCKER = Settings(url="http://127.0.0.1:8080/x", pids=(7, 8), start="docker start web")
ARMS = (
    Arm(name="bare", settings=Settings()),
    Arm(name="docker", settings=DOCKER),
    Arm(name="control", settings=Settings(), control_of="bare"),
)
EXPERIMENT = Experiment(
    name="imagined",
    question="How much is the container?",
    arms=ARMS,
    pairs=(("control", "bare"), ("docker", "bare")),
    design=Design(),
)


def summary() -> Summary:
    return run_of({"bare": 1.0, "docker": 1.25}, experiment=EXPERIMENT).summary


def test_a_url_stands_in_place_of_the_transport() -> None:
    settings = summary().arms["docker"].settings
    assert settings == {"url": DOCKER.url, "pids": [7, 8], "start": DOCKER.start}
    assert summary().arms["bare"].settings == {"transport": "tcp"}


def test_what_cannot_be_known_of_a_service_is_a_doubt_in_every_report() -> None:
    run = run_of({"bare": 1.0, "docker": 1.25}, experiment=EXPERIMENT)
    assert [doubt.kind for doubt in run.summary.doubts] == ["url"]
    page = render_html(run.summary, run.plan, run.host, plot_data(EXPERIMENT, run.sessions))
    for text in (render_terminal(run.summary, Design(), width=200), render_markdown(run.summary, Design()), page):
        assert "sessions do not restart it" in text
    assert "docker is slower than bare by 2" in render_terminal(run.summary, Design(), width=200)


def test_failed_requests_to_a_service_are_told_in_every_report() -> None:
    run = run_of({"bare": 1.0, "docker": 1.25}, experiment=EXPERIMENT, failures={"docker": 3})
    page = render_html(run.summary, run.plan, run.host, plot_data(EXPERIMENT, run.sessions))
    for text in (render_terminal(run.summary, Design(), width=200), render_markdown(run.summary, Design()), page):
        told = " ".join(text.split())
        assert "3840 requests over TCP loopback none failed" in told
        assert "1923 requests to services by url 3 failed (0.16 %)" in told


def test_an_arm_that_names_no_transport_failed_over_the_usual_one() -> None:
    found = run_of({"bare": 1.0, "docker": 1.25}, experiment=EXPERIMENT, failures={"bare": 3}).summary
    arms = {**found.arms, "bare": found.arms["bare"].model_copy(update={"settings": {}})}
    told = render_markdown(found.model_copy(update={"arms": arms}), Design())
    assert "3843 requests over TCP loopback 3 failed (0.078 %)" in told


def test_a_plan_tells_the_url_in_place_of_the_transport() -> None:
    arms = (*ARMS[:2], Arm(name="uds-dir", settings=Settings(transport="uds-dir")), *ARMS[2:])
    experiment = EXPERIMENT.model_copy(update={"arms": arms})
    text = render_plan(run_of({"bare": 1, "docker": 1, "uds-dir": 1}, experiment=experiment).plan, None, width=120)
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert lines["docker"].split()[1:] == ["url", "=", '"http://127.0.0.1:8080/x",', "pids", "=", "[7,", "8]", "bare"]
    assert lines["uds-dir"].split()[1:] == ["transport", "=", '"uds-dir"']


def test_stacks_of_our_own_have_no_such_doubt() -> None:
    assert run_of({"tcp": 1.0, "uds-tmpfs": 0.9}).summary.doubts == ()


def test_the_cpu_time_of_a_service_counts_as_that_of_servers() -> None:
    record = run_of({"bare": 1.0, "docker": 1.25}, experiment=EXPERIMENT).sessions[0].record
    visits = tuple(
        visit.model_copy(update={"cpu_us": {"client": 9.0, "service": 50.0}}) if visit.arm == "docker" else visit
        for visit in record.visits
    )
    assert set(values_by_arm(record.model_copy(update={"visits": visits}), METRICS["cpu"])["docker"]) == {50.0}


def test_unknown_cpu_time_is_told_with_what_would_tell_it() -> None:
    found = summary()
    unknown = found.arms["docker"].model_copy(update={"cpu_us": {}})
    told = render_terminal(found.model_copy(update={"arms": {**found.arms, "docker": unknown}}), Design(), width=200)
    assert "CPU time not shown for docker: set pids or cgroup to name the processes behind the url." in told


def test_a_service_is_described_by_what_is_known_of_it() -> None:
    assert describe_service(ARMS[1]) == {
        "request path": "http://127.0.0.1:8080/x",
        "CPU time is read from": "pids = (7, 8)",
        "how to start it": "docker start web",
    }
    assert (
        "neither pids nor cgroup"
        in describe_service(Arm(name="x", settings=Settings(url="http://x/")))["CPU time is read from"]
    )


@pytest.mark.parametrize(
    ("target", "url", "host"),
    [
        (Target("127.0.0.1", 8080, "/x"), "http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        (Target("::1", 8080, "/"), "http://[::1]:8080/", "[::1]:8080"),
        (Target("example.org", 443, "/", tls=True), "https://example.org/", "example.org"),
        (Target("example.org", 80, "/", address="192.0.2.1"), "http://example.org/", "example.org"),
        (Target("localhost", 0, "/x", socket=Path("/a.sock")), "unix:/a.sock:/x", "localhost"),
    ],
)
def test_the_host_is_asked_for_as_the_url_names_it(target: Target, url: str, host: str) -> None:
    assert target.url == url
    assert f"\r\nHost: {host}\r\n".encode() in request_bytes(target)


def test_the_containers_have_the_versions_that_barehop_is_pinned_to() -> None:
    lock = dict(re.findall(r"^([a-z-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    pinned = dict(re.findall(r"([a-z-]+)==(\S+)", (CONTAINERS / "Dockerfile").read_text()))
    assert set(pinned) == {"gunicorn", "starlette", "uvicorn", "uvicorn-worker"}
    assert pinned == {name: lock[name] for name in pinned}


def test_every_container_that_is_asked_has_its_port_and_every_file_it_needs() -> None:
    compose = (CONTAINERS / "compose.yaml").read_text()
    services = services_of(read_experiment(CONTAINERS.with_suffix(".toml")))
    assert sorted(f"127.0.0.1:{arm.settings.url.split(':')[2].strip('/')}:80" for arm in services) == sorted(
        re.findall(r"127\.0\.0\.1:\d+:80", compose)
    )
    for file in ("gunicorn", "tcp.conf", "socket.conf", "services/app/run", "services/nginx/run"):
        assert (CONTAINERS / file).is_file()


def test_the_containers_connect_as_the_arms_beside_them_do() -> None:
    for name in ("tcp.conf", "socket.conf"):
        conf = (CONTAINERS / name).read_text()
        assert "proxy_http_version 1.0;" in conf
        assert "proxy_set_header Connection close;" in conf
