"""The SQLite store of interactions, feedback, rule decisions and proposals."""
