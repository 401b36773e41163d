"""`python -m tests.chaos`, which `make chaos` calls."""

from tests.chaos.run import main

main()
