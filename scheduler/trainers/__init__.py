"""Fits one user's adapter: the losses and the optimisation loop."""
