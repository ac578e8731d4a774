"""The pilot: carry-over, Allan deviation and variance, and the settle and burst that follow."""
