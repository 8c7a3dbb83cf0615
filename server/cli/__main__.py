"""`python -m server.cli` is `loralei`."""

from server.cli.app import main

main()
