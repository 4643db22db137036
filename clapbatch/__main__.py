"""`python -m clapbatch`."""

from clapbatch.cli.main import main

main()
