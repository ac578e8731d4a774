"""The loopback interface of this thread's network: up, with its attributes and the options of its route."""

from typing import Any

from harness.lab.network.netlink import routing
from harness.model.knobs import LoAttribute, LoRoute

LO = 1  # its index, in every network namespace (LOOPBACK_IFINDEX)
LOCAL_TABLE = 255
IPV4 = 2
METRICS = {"quickack": "quickack", "congctl": "cc_algo"}  # pyroute2's names for them

Route = dict[str, Any]


def bring_up() -> None:
    with routing() as ip:
        ip.link("set", index=LO, state="up")


def set_attribute(change: LoAttribute) -> None:
    with routing() as ip:
        ip.link("set", index=LO, **{change.name: change.value})


def attribute(name: str) -> str:
    with routing() as ip:
        return str(ip.get_links(LO)[0].get_attr(f"IFLA_{name.upper()}"))


def set_route(change: LoRoute) -> None:
    """Of the route to 127.0.0.1 too, which the kernel prefers to that to 127.0.0.0/8."""
    with routing() as ip:
        for route in _loopback_routes(ip):
            metrics = _metrics(route) | {METRICS[change.name]: change.value}
            ip.route("replace", **_as_it_is(route), metrics=metrics)


def route_option(name: str) -> str:
    """What connections to 127.0.0.1 get; "0" where the route says nothing."""
    with routing() as ip:
        narrowest = max(_loopback_routes(ip), key=lambda route: int(route["dst_len"]))
        return str(_metrics(narrowest).get(METRICS[name], 0))


def _loopback_routes(ip: Any) -> list[Any]:
    every = ip.get_routes(family=IPV4, table=LOCAL_TABLE)
    return [route for route in every if route.get_attr("RTA_DST") in ("127.0.0.0", "127.0.0.1")]


def _metrics(route: Any) -> Route:
    metrics = route.get_attr("RTA_METRICS")
    return {name.removeprefix("RTAX_").lower(): value for name, value in metrics["attrs"]} if metrics else {}


def _as_it_is(route: Any) -> Route:
    return {
        "dst": f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
        "prefsrc": route.get_attr("RTA_PREFSRC"),
        "oif": LO,
        "table": LOCAL_TABLE,
        "type": route["type"],
        "scope": route["scope"],
        "proto": route["proto"],
    }
