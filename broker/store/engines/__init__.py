"""The databases that can hold a store, each behind the same few calls (`engine.py`)."""
