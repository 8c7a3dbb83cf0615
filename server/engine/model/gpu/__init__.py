"""What only a GPU needs: compiled kernels, and decode steps as graphs."""
