"""What users and admins see of training: examples, usage and cost."""
