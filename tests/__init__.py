"""The tests: unit tests, tests with effects on the machine, tests of the whole command, and what they share."""
