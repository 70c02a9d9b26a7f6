"""The ledger: every SQL statement of the house.

The event log is the record; the tables for reading follow from it.
"""
