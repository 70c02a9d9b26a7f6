"""The pages and the API: they look, and change nothing."""
