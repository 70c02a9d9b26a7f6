"""Rehearsals: a case told as commands at times, played through the core or through real workflows."""
