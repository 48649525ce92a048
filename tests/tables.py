"""Tables of inputs and expected results, written as text."""


def rows(table: str) -> list[tuple[str, str]]:
    """The two sides of each line ``given ⇒ wanted``; a line that is indented goes on with the last.

    ``\\n`` is the end of a line.
    """
    lines = table.strip("\n").replace("\n    ", " ").splitlines()
    pairs = (line.partition("⇒") for line in lines)
    return [tuple(side.strip().replace("\\n", "\n") for side in (a, b)) for a, _, b in pairs]  # type: ignore[misc]
