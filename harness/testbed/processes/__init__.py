"""Processes: started under a supervisor, their output and logs within limits."""
