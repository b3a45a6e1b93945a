"""SQLite: one file, its write-ahead log, and locks that are files beside it."""
