"""Training on a Ray cluster: the server's side, the driver's process, and the task on a node."""
