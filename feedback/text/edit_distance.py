"""The edit distance of two texts. Pure."""


def edit_distance(first: str, second: str) -> int:
    """The Levenshtein distance in characters.

    Myers' bit-vector algorithm (1999) in the form of Hyyrö (2003): one Python integer holds a
    column of the dynamic programme, so two long replies take milliseconds.
    """
    if not first:
        return len(second)
    positions: dict[str, int] = {}
    for index, character in enumerate(first):
        positions[character] = positions.get(character, 0) | 1 << index
    mask = (1 << len(first)) - 1
    last = 1 << (len(first) - 1)
    rises, falls = mask, 0  # where the column goes up, or down, by one
    distance = len(first)
    for character in second:
        equal = positions.get(character, 0)
        diagonal = ((((equal & rises) + rises) ^ rises) | equal | falls) & mask
        right_rises = falls | (~(diagonal | rises) & mask)
        right_falls = diagonal & rises
        if right_rises & last:
            distance += 1
        elif right_falls & last:
            distance -= 1
        right_rises = (right_rises << 1 | 1) & mask
        right_falls = (right_falls << 1) & mask
        rises = right_falls | (~(diagonal | right_rises) & mask)
        falls = right_rises & diagonal
    return distance


def common_length(first: str, second: str) -> int:
    """The length of the longest common subsequence, in characters.

    Hyyrö's bit-vector algorithm (2004), "Bit-parallel LCS-length computation revisited".
    """
    positions: dict[str, int] = {}
    for index, character in enumerate(first):
        positions[character] = positions.get(character, 0) | 1 << index
    mask = (1 << len(first)) - 1
    unmatched = mask
    for character in second:
        matches = unmatched & positions.get(character, 0)
        unmatched = ((unmatched + matches) | (unmatched - matches)) & mask
    return len(first) - unmatched.bit_count()


def normalised_edit_distance(first: str, second: str) -> float:
    """The edit distance as a share of the longer text: 0 for equal texts, 1 for unrelated ones."""
    longest = max(len(first), len(second))
    return edit_distance(first, second) / longest if longest else 0.0
