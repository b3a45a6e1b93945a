"""Checking a log: what anybody can find out who holds its records, its keys and its signed heads.

It reads through the protocols of `sources.py`; what lies behind them are a store as it runs, a copy of its
file, or an export.
"""
