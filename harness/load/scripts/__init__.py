"""What outside tools are told to do, each in its own language; run by the tools, imported by nobody here."""
