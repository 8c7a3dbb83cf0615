"""Text tools without state: tokens, sentences, code masking, distances, repetition, secrets."""
