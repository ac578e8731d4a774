"""What other rooms ask of a transport: its family, its label, and what holds for names without a plug-in."""

import pytest

from harness.experiment.transports import arm_transport, imported_family, is_tcp, transport_label, transports
from harness.model import Transport
from harness.model.plugins import LOOPBACK


@pytest.mark.parametrize(("name", "transport"), transports().items())
def test_a_transport_brings_what_reports_and_messages_need(name: str, transport: Transport) -> None:
    assert transport_label(name) == transport.label != ""
    assert is_tcp(name) == (transport.family == "tcp") == (transport.address_kind == "port")
    is_usual = not transport.in_sockmap and not transport.socket_protocol
    is_everywhere = transport.address_kind == "port" and transport.host == LOOPBACK and is_usual
    assert bool(transport.needs) == bool(transport.advice) == (not is_everywhere)
    assert bool(transport.preload) == bool(transport.preload_advice)
    assert bool(transport.connection_counters) == bool(transport.socket_protocol)
    assert transport.uri("ADDRESS") == ("ADDRESS" if is_tcp(name) else "unix:ADDRESS")


@pytest.mark.parametrize(("name", "family"), [("uds-hugetlbfs", "uds"), ("unix", "uds"), ("tcp-lo2", "tcp")])
def test_a_transport_of_an_old_result_that_no_plug_in_has_goes_by_its_name(name: str, family: str) -> None:
    assert name not in transports()
    assert imported_family(name) == family
    assert transport_label(name) == name


def test_settings_in_a_summary_may_leave_the_default_out() -> None:
    assert arm_transport({}) == "tcp"
    assert arm_transport({"transport": "uds-dir"}) == "uds-dir"
