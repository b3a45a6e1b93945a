"""Text made fit for a line of a log, a terminal and a record."""


def cleaned(text: str, limit: int) -> str:
    """`text` both `clipped` and `printable`."""
    if len(text) <= limit and text.isprintable():
        return text
    return printable(clipped(text, limit))


def clipped(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, and a marker that counts the rest where there is one."""
    rest = len(text) - limit
    return f"{text[:limit]}…[{rest} more]" if rest > 0 else text


def printable(text: str) -> str:
    """`text` with U+FFFD for all that does not print: one line, which reads as what it is.

    What does not print: controls, line separators, invisible and direction-changing characters,
    lone surrogates, unassigned code points, every blank but the common one.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def counted(count: int, what: str) -> str:
    """How many there are of it, `what` being the word for one."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
