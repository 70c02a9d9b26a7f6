"""Placing: which regions a point and its uncertainty touch, and whose the clue is."""
