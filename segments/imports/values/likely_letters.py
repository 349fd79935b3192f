"""How far text that was read in an encoding of one byte looks like words of a language.

In the wrong encoding letters become signs within words, capitals after small letters, or words
of accented letters only.
"""

import re
import unicodedata
from itertools import pairwise

WORD = re.compile(r"[^\W\d_]*(?:[^\x00-\x7f][^\W\d_]*)+")  # with a character beyond ASCII
# Of scripts without capitals, of DOS (a spreadsheet's "CSV (MS-DOS)") and of Russian mail.
OTHERS = (
    *("cp1255", "cp1256", "cp874", "cp850", "cp437", "cp852", "cp866", "koi8_r"),
    *("cp1250", "iso8859_2", "cp1253", "cp1251", "cp1254"),
)
LATIN = ("cp1252", "cp1250", "iso8859_2", "cp1254")
LIKELY, UNLIKELY = 0.05, 0.15  # share of a text's odd characters


def better_encoding(text: bytes, detected: str) -> str:
    """Another encoding, if the text is no words in the detected one and is in the other."""
    share = odd_share(text, detected)
    if share < UNLIKELY:
        return detected
    best = min(OTHERS, key=lambda name: odd_share(text, name))
    return best if odd_share(text, best) <= min(LIKELY, share / 3) else detected


def alike(text: bytes, detected: str) -> list[str]:
    """Both encodings, where words of small Cyrillic letters only may as well be Hebrew."""
    has_capitals = any(
        character.isupper() and not character.isascii()
        for character in text.decode(detected, "replace")
    )
    may_be = detected == "cp1251" and not has_capitals and odd_share(text, "cp1255") == 0
    return ["cp1251", "cp1255"] if may_be else []


def is_latin(text: bytes) -> bool:
    """Whether the text is words of Latin letters, most of them plain ones, in some encoding."""
    words = [word for word in re.findall(rb"[A-Za-z\x80-\xff]+", text) if not word.isascii()]
    n_high = sum(byte >= 0x80 for word in words for byte in word)
    if not words or n_high * 2 > sum(map(len, words)):
        return False
    return min(odd_share(text, name) for name in LATIN) <= LIKELY


def odd_share(text: bytes, encoding: str) -> float:
    """The share of characters beyond ASCII that do not look like letters of a word, 0 to 1."""
    n_odd = n_all = 0
    for word in WORD.findall(text.decode(encoding, "replace")):
        high = [character for character in word if not character.isascii()]
        n_all += len(high)
        n_odd += len(high) if _mixes_scripts(word) else _n_odd(word)
    return n_odd / n_all if n_all else 0.0


def _n_odd(word: str) -> int:
    high = [character for character in word if not character.isascii()]
    if len(high) == len(word) > 2 and all(_is_latin(character) for character in high):
        return len(high)
    n_odd = sum(unicodedata.category(character)[0] not in "LM" for character in high)
    n_odd += len(word) > 2 and word.isupper() and not _is_latin(word[0])  # capitals are rare
    return n_odd + sum(
        before.islower() and after.isupper() and not (before + after).isascii()
        for before, after in pairwise(word)
    )


def _mixes_scripts(word: str) -> bool:
    letters = [character for character in word if character.isalpha()]
    return len({_is_latin(character) for character in letters}) > 1


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")
