"""nginx and gunicorn: how they are found, configured and started, and why they fail."""
