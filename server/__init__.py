"""The server: HTTP, the engine, the pages and the command line."""
