ip netns add x-near
ip -n x-near link set lo up
sysctl -a 2>/dev/null | grep '^net[.]' | ip netns exec x-near sysctl -e -q -p - >/dev/null 2>&1 || true
ip netns exec x-near nft add table inet barehop_rung
ip netns exec x-near nft 'add chain inet barehop_rung input { type filter hook input priority 0; }'
ip netns exec x-near nft add rule inet barehop_rung input ct state established accept
ip netns exec x-near nft 'add chain inet barehop_rung output { type filter hook output priority 0; }'
ip netns exec x-near nft add rule inet barehop_rung output ct state established accept
