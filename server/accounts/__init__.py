"""Accounts, their keys, and the identities that frontends name."""
