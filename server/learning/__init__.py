"""What users and admins see of training: examples, proposals, usage and cost."""
