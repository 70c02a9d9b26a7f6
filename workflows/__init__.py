"""Durable workflows: receive, ask the domain, run activities, wait. No rules here."""
