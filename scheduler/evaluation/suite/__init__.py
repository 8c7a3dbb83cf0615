"""The evaluation suite: fixed prompts that show what a version has unlearned."""
