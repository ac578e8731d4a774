ip netns add x-near
ip -n x-near link set lo up
sysctl -a 2>/dev/null | grep '^net[.]' | ip netns exec x-near sysctl -e -q -p - >/dev/null 2>&1 || true
ip netns add x-middle
ip -n x-middle link set lo up
sysctl -a 2>/dev/null | grep '^net[.]' | ip netns exec x-middle sysctl -e -q -p - >/dev/null 2>&1 || true
ip netns add x-far
ip -n x-far link set lo up
sysctl -a 2>/dev/null | grep '^net[.]' | ip netns exec x-far sysctl -e -q -p - >/dev/null 2>&1 || true
ip -n x-near link add hop0 type veth peer name to-near netns x-middle
ip -n x-near link set hop0 addrgenmode none
ip -n x-near link set hop0 up
ip -n x-middle link set to-near addrgenmode none
ip -n x-middle link set to-near up
ip -n x-far link add hop0 type veth peer name to-far netns x-middle
ip -n x-far link set hop0 addrgenmode none
ip -n x-far link set hop0 up
ip -n x-middle link set to-far addrgenmode none
ip -n x-middle link set to-far up
ip -n x-middle link add bridge type bridge
ip -n x-middle link set to-near master bridge
ip -n x-middle link set to-far master bridge
ip -n x-middle link set bridge addrgenmode none
ip -n x-middle link set bridge up
ip netns exec x-middle sysctl -q -w net.bridge.bridge-nf-call-iptables=0 2>/dev/null || true
ip netns exec x-near nft add table inet barehop_rung
ip netns exec x-near nft 'add chain inet barehop_rung input { type filter hook input priority 0; }'
ip netns exec x-near nft add rule inet barehop_rung input ct state established accept
ip netns exec x-near nft 'add chain inet barehop_rung output { type filter hook output priority 0; }'
ip netns exec x-near nft add rule inet barehop_rung output ct state established accept
ip -n x-near addr add 10.213.0.2/24 dev hop0
ip -n x-far addr add 10.213.0.3/24 dev hop0
ip netns exec x-middle sysctl -q -w net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
ip netns exec x-middle nft add table inet barehop_rung
ip netns exec x-middle nft 'add chain inet barehop_rung forward { type filter hook forward priority 0; }'
ip netns exec x-middle nft add rule inet barehop_rung forward ct state established accept
ip -n x-middle addr add 10.213.0.1/24 dev bridge
ip netns exec x-middle sysctl -q -w net.ipv4.ip_forward=1 2>/dev/null || true
ip netns exec x-middle sysctl -q -w net.ipv4.conf.all.send_redirects=0 2>/dev/null || true
ip netns exec x-middle sysctl -q -w net.ipv4.conf.bridge.send_redirects=0 2>/dev/null || true
ip netns exec x-middle nft add table ip barehop_nat
ip netns exec x-middle nft 'add chain ip barehop_nat prerouting { type nat hook prerouting priority -100; }'
ip netns exec x-middle nft 'add chain ip barehop_nat postrouting { type nat hook postrouting priority 100; }'
ip netns exec x-middle nft add rule ip barehop_nat prerouting ip daddr 10.213.0.1 tcp dport 8000 dnat to 10.213.0.3
ip netns exec x-middle nft add rule ip barehop_nat postrouting ip saddr 10.213.0.0/24 ip daddr 10.213.0.3 tcp dport 8000 masquerade
ip netns exec x-middle nft insert rule ip barehop_nat prerouting iifname bridge return
