"""Adapters from and for other tools: PEFT folders of other trainings, GGUF files for llama.cpp."""
