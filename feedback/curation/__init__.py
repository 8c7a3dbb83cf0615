"""Which training examples are learned from: one file per check, every verdict with a sentence.

Pure. `decide` looks at texts alone; `ranking` at what the base model makes of them.
"""
