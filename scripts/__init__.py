"""What is run from a checkout only; the Python of scripts/precision is in here."""
