"""barehop: what the hop from nginx to its application costs on native Linux.

The words, one meaning each, in code, configuration, output and documents:

experiment   a file: the arms, the load and the design that answer one question
arm          one complete set of settings; a row of the final table
control      the reference arm under a second name
hop          the connection from nginx to the application
transport    how the hop is made, like tcp or uds-tmpfs
stack        the running processes that serve one or more arms
session      one fresh start of everything; the unit of inference
link         the connection to the machine with the servers, where that is another one
round        within a session: each arm is visited once, in random order
burst        a visit: `settle` untimed requests, then `burst` timed ones
placement    which process runs on which CPUs
doubt        a reason to distrust a session, kept beside its numbers
record       all results of one session; written once, never changed
verdict      faster, slower, equivalent, undecided
"""

__version__ = "0.1.0"
