"""Two machines: the control channel between `barehop serve` and `barehop run --from`."""
