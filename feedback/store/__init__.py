"""The SQLite store of interactions, feedback and rule decisions."""
