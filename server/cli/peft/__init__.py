"""Adapters as PEFT folders: read for an import, pushed to the Hub."""
