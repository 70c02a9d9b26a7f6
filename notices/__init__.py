"""Channels out of the house: what lies in an inbox is carried to people, and what became of it is kept."""
