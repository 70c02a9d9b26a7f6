"""Clues that arrive in files: lists and exports of other systems, row by row."""
