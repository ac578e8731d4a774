"""The app is reached at a published port: address translation there, masquerading on the way."""

from harness.model.rungs import FAR, GATEWAY, Address, NetworkRung, Published, Value

PLUGIN = NetworkRung(
    below="bridge-nf",
    stands_for="docker run --publish with userland-proxy off; a hostPort of Kubernetes (CNI's portmap plug-in)",
    adds=(
        Address("middle", "br0", GATEWAY),
        Value("middle", "net/ipv4/ip_forward", "1"),
        # A hint to take the short way would take the connection past the translation.
        Value("middle", "net/ipv4/conf/all/send_redirects", "0"),
        Value("middle", "net/ipv4/conf/br0/send_redirects", "0"),
        Published("middle", GATEWAY, FAR),
    ),
    asked=GATEWAY,
)
