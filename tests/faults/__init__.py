"""Fault campaigns: attempts to make the server break its promises (docs/RELIABILITY.md). Run them with ``make faults``."""
