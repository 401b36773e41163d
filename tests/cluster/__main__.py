"""`python -m tests.cluster`, which `make cluster` calls."""

from tests.cluster.run import main

main()
