"""The machine as it is: topology, placement on CPUs, /proc and /sys, cgroups, directories, resources."""
