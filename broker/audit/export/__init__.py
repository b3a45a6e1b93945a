"""Writing records for somebody else, with all that it takes to check them: docs/audit-export.md."""
