"""The servers: nginx.py and gunicorn.py configure them, programs.py finds them, failures.py says why they fail."""
