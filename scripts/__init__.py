"""Programs that run from a checkout only, such as the Python code of scripts/precision."""
