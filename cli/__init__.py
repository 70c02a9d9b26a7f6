"""The command line: `starter.py` and its commands. It asks the other parts; there are no rules here."""
