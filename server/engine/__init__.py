"""The engine: schedule, run, postprocess, on one thread, over one base model and many adapters."""
