"""What nginx speaks to the application: every protocol over every kind of socket, with and without TLS."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import StackError
from harness.model import Settings
from harness.observe.hop_speech import prove_speech
from harness.observe.proof import prove
from tests.support.stacks import arm, blueprint_for, stack_of

WSGI = {"app": "app.wsgi:app"}
STACKS: list[dict[str, Any]] = [
    {"protocol": "http/1.1"},
    {"protocol": "uwsgi", "worker_class": "asgi"},
    {"protocol": "uwsgi", "worker_class": "gthread", **WSGI},
    {"hop_tls": "full"},
    {"hop_tls": "resumed", "upstream_keepalive": 4},
    {"hop_tls": "full", "worker_class": "sync", **WSGI},
    {"hop_tls": "resumed", "protocol": "uwsgi", "worker_class": "asgi"},
    {"hop_tls": "full", "protocol": "uwsgi", "worker_class": "sync", **WSGI},
]


@pytest.mark.parametrize("settings", STACKS, ids=lambda settings: " ".join(map(str, settings.values())))
def test_an_arm_is_answered_over_the_protocol_that_it_names(settings: dict[str, Any], tmp_path: Path) -> None:
    arms = [arm(kind, transport=kind, path="/bytes/100", **settings) for kind in ("tcp", "uds-tmpfs")]
    with stack_of(blueprint_for(tmp_path, *arms)) as stack:
        proofs = prove([stack])
    expected = arms[0].settings.app_speaks
    for proof in proofs.values():
        hop = proof["hop"]
        assert proof["body_bytes"] == 100
        assert hop.get("speaks", "http/1") == expected
        assert ("tls" in hop) == expected.endswith("over TLS")
        if settings.get("hop_tls") == "resumed":
            assert hop["resumes_sessions"] is True


def test_a_server_that_speaks_something_else_is_no_proof(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path, arm(worker_class="asgi", timeout_s=2))) as stack:
        hop, target = stack.blueprint.hops["tcp"], stack.blueprint.targets["tcp"]
        for settings in (Settings(protocol="uwsgi"), Settings(protocol="h2c"), Settings(hop_tls="full")):
            with pytest.raises(StackError, match=f"^{hop.server} does not speak {settings.app_speaks}: "):
                prove_speech(hop, settings, target, None)


def test_another_certificate_and_sessions_that_are_not_resumed_are_no_proof(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path, arm(hop_tls="full", worker_class="sync", app="app.wsgi:app"))
    hop, target, certificate = blueprint.hops["tcp"], blueprint.targets["tcp"], blueprint.certificate
    assert certificate is not None
    with stack_of(blueprint):
        with pytest.raises(StackError, match=r'resumes no TLS session\. Set hop_tls to "full"\.$'):
            prove_speech(hop, Settings(hop_tls="resumed"), target, certificate.authority)
        with pytest.raises(StackError, match="certificate verify failed"):
            prove_speech(hop, Settings(hop_tls="full"), target, None)
