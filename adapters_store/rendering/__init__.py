"""What a chat template does to messages: how it writes calls, and which texts are tokens."""
