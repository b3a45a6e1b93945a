"""Names that can be taken for others."""

import unicodedata
from typing import Final

_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL"})
"""Scripts with letters that look like one another's, by the first word of a letter's Unicode name."""


def what_deceives(name: str) -> str | None:
    """What is deceptive about the name, as the end of a sentence; None for nothing."""
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode's composed form (NFC)"
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()} & _ALIKE
    if len(scripts) > 1:
        return f"mixes letters of {' and '.join(sorted(scripts)).title()}"
    return None
