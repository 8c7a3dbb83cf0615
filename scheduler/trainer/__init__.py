"""The training process: its parent's side, its own side, and the files between them."""
