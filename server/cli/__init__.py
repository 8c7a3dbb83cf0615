"""The command line, `loralei`."""
