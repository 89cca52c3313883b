"""Fault campaigns: ``make faults`` tries to make the server break its promises (docs/RELIABILITY.md)."""
