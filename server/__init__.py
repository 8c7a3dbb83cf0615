"""Answers: HTTP, the engine, the pages, the command line. The composition root."""
