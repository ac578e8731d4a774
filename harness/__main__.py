"""`python -m harness`, and the `barehop` command."""

from harness.cli import main

if __name__ == "__main__":
    main()
