"""What may be said of a defect: its kind and its place. Its text may hold anything, a secret too."""

from pathlib import Path
from traceback import extract_tb

_FRAMES = 3


def told(defect: BaseException) -> str:
    """`KeyError at proof.py:12 prove < issue.py:40 issue`: the innermost places first."""
    frames = extract_tb(defect.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(defect).__name__} at {places or 'an unknown place'}"
