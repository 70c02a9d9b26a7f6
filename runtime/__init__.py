"""What the program stands on: settings, logs, rules, the Temporal client and the embedded servers."""
