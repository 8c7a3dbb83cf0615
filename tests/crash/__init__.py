"""Kills of the server and of the training child, at named steps and at random moments."""
