"""The loopback interface of this thread's network: its state, its attributes and the options of its routes."""

from typing import Any

from harness.lab.network.netlink import routing
from harness.model.knobs import LoAttribute, LoRoute

LO_INDEX = 1  # LOOPBACK_IFINDEX, the same in every network namespace
LOCAL_TABLE = 255
IPV4 = 2
METRICS = {"quickack": "quickack", "congctl": "cc_algo"}  # pyroute2's names

Route = dict[str, Any]


def bring_up() -> None:
    """Set lo up."""
    with routing() as ip:
        ip.link("set", index=LO_INDEX, state="up")


def set_attribute(change: LoAttribute) -> None:
    """Set an attribute of lo."""
    with routing() as ip:
        ip.link("set", index=LO_INDEX, **{change.name: change.value})


def attribute(name: str) -> str:
    """Return an attribute of lo."""
    with routing() as ip:
        return str(ip.get_links(LO_INDEX)[0].get_attr(f"IFLA_{name.upper()}"))


def set_route(change: LoRoute) -> None:
    """Set an option of the routes to 127.0.0.0/8 and to 127.0.0.1, which the kernel prefers."""
    with routing() as ip:
        for route in _loopback_routes(ip):
            metrics = _route_metrics(route) | {METRICS[change.name]: change.value}
            ip.route("replace", **_present_route(route), metrics=metrics)


def route_option(name: str) -> str:
    """Return the option of connections to 127.0.0.1; "0" where the route has none."""
    with routing() as ip:
        narrowest = max(_loopback_routes(ip), key=lambda route: int(route["dst_len"]))
        return str(_route_metrics(narrowest).get(METRICS[name], 0))


def _loopback_routes(ip: Any) -> list[Any]:
    routes = ip.get_routes(family=IPV4, table=LOCAL_TABLE)
    return [route for route in routes if route.get_attr("RTA_DST") in ("127.0.0.0", "127.0.0.1")]


def _route_metrics(route: Any) -> Route:
    metrics = route.get_attr("RTA_METRICS")
    return {name.removeprefix("RTAX_").lower(): value for name, value in metrics["attrs"]} if metrics else {}


def _present_route(route: Any) -> Route:
    return {
        "dst": f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
        "prefsrc": route.get_attr("RTA_PREFSRC"),
        "oif": LO_INDEX,
        "table": LOCAL_TABLE,
        "type": route["type"],
        "scope": route["scope"],
        "proto": route["proto"],
    }
