"""The app is reached at a published port: address translation there, masquerading on the way."""

from harness.model.plugins import FAR_ADDRESS, GATEWAY, LinkAddress, NetworkRung, PortMapping, SysctlValue

PLUGIN = NetworkRung(
    below="bridge-nf",
    stands_for="docker run --publish with userland-proxy off; a hostPort of Kubernetes (CNI's portmap plug-in)",
    adds=(
        LinkAddress("middle", "br0", GATEWAY),
        SysctlValue("middle", "net/ipv4/ip_forward", "1"),
        # A hint to take the short way would take the connection past the translation.
        SysctlValue("middle", "net/ipv4/conf/all/send_redirects", "0"),
        SysctlValue("middle", "net/ipv4/conf/br0/send_redirects", "0"),
        PortMapping("middle", GATEWAY, FAR_ADDRESS),
    ),
    connect_address=GATEWAY,
)
