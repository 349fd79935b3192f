"""East Asian encodings: which of them a file may be in, and which other it looks like as well.

Each has a region of common characters, which hardly any text in another encoding keeps to. Where
text does keep to two of them, nobody can know: Korean syllables, for one, all lie where GB 2312
has its common characters. Then a person is asked.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Different characters after which text that could be Korean or Chinese is taken as Korean: two
# thirds of the common Chinese ones lie there, so few of them prove nothing.
SURE = 24
HIGH_RUN = re.compile(rb"[\x80-\xff]+")


@dataclass(frozen=True)
class Candidate:
    """An encoding: whether a character of two bytes is a common one, and how many of a text are.

    Chinese and Japanese names have rare characters; Korean syllables are nearly all common.
    """

    name: str
    is_common: Callable[[int, int], bool]
    share: float = 0.7


CANDIDATES = [
    Candidate("gb18030", lambda a, b: 0xB0 <= a <= 0xD7 and b >= 0xA1),  # GB 2312, level 1
    Candidate("big5", lambda a, b: 0xA4 <= a <= 0xC6),
    Candidate("cp932", lambda a, b: a in (0x82, 0x83) or 0x88 <= a <= 0x97),  # kana, JIS level 1
    Candidate("cp949", lambda a, b: 0xB0 <= a <= 0xC8 and b >= 0xA1, share=0.95),  # syllables
    Candidate("euc_jp", lambda a, b: a in (0xA4, 0xA5) or 0xB0 <= a <= 0xCF),
]


def east_asian(text: bytes) -> list[str]:
    """The encodings that a text which is not UTF-8 is likely to be in; none where it is not East
    Asian. More than one, also of other scripts: it cannot be told.

    text : whole lines that are not ASCII.
    """
    if _is_among_letters(text):
        return []
    pairs_by_name = {
        candidate.name: pairs
        for candidate in CANDIDATES
        if (pairs := _pairs(text, candidate.name))
        and sum(candidate.is_common(*pair) for pair in pairs) >= candidate.share * len(pairs)
    }
    names = set(pairs_by_name)
    if "big5" in names and not any(b < 0xA1 for _a, b in pairs_by_name["big5"]):
        names.remove("big5")  # which has a third of its characters there
    if "euc_jp" in names and not any(a in (0xA4, 0xA5) for a, _b in pairs_by_name["euc_jp"]):
        names.remove("euc_jp")  # no kana: kanji alone are read as Chinese
    if "euc_jp" in names:
        names.discard("gb18030")
    if {"cp949", "gb18030"} <= names and len(set(pairs_by_name["cp949"])) >= SURE:
        names.remove("gb18030")
    if names and _is_half_width(text):
        names.add("cp932")
    if names and _looks_like_words(text):
        names.add("cp1251")
    if not names and _is_half_width(text) and not _looks_like_words(text):
        names = {"cp932"}
    order = [*(candidate.name for candidate in CANDIDATES), "cp1251"]
    return sorted(names, key=order.index)


def _is_among_letters(text: bytes) -> bool:
    """Whether letters such as é stand within words of plain letters, as in Western languages."""
    n_runs = n_within = 0
    for run in HIGH_RUN.finditer(text):
        around = text[max(run.start() - 1, 0) : run.start()] + text[run.end() : run.end() + 1]
        n_runs += 1
        n_within += around.isalpha() and len(around) == 2
    return n_within * 2 > n_runs


def _pairs(text: bytes, encoding: str) -> list[tuple[int, int]]:
    """The characters of two bytes; of one byte, with 0. Empty where the text does not fit."""
    try:
        characters = text.decode(encoding)
    except UnicodeDecodeError:
        return []
    return list(_bytes_of(characters, encoding))


def _bytes_of(characters: str, encoding: str) -> Iterator[tuple[int, int]]:
    for character in characters:
        if not character.isascii():
            code = character.encode(encoding)
            if len(code) > 1 and code[0] != 0xA1 and code[:1] != b"\xa3" and code[0] != 0x81:
                yield code[0], code[1]  # not punctuation or full-width Latin, which all have
            elif len(code) == 1 and encoding != "cp932":  # half-width katakana say nothing
                yield code[0], 0


def _is_half_width(text: bytes) -> bool:
    """Whether all bytes could be half-width katakana of Shift JIS."""
    return all(0xA1 <= byte <= 0xDF for byte in text if byte >= 0x80)


def _looks_like_words(text: bytes) -> bool:
    """Whether the text could be words in Cyrillic or Greek: letters, capitals first."""
    for run in HIGH_RUN.findall(text):
        if min(run) < 0xC0 or not (
            all(byte < 0xE0 for byte in run) or all(byte >= 0xE0 for byte in run[1:])
        ):
            return False
    return True
