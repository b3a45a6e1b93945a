"""Exports of a log, as docs/audit-export.md describes them: the folder, and nothing else."""
