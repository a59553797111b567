"""Whether the bot said a part of a text: two ways of writing one thing are the same.

Knows how texts are compared.  Must not know who said them, or when.
"""

from __future__ import annotations

import re
import unicodedata

from voicebot.flow.answers import words
from voicebot.flow.spoken import language_of
from voicebot.flow.spoken.markup import pieces, plain


class Turn:
    """What the bot has said since the caller's last part, held against the parts a test expects.

    Each prompt counts as it is written and as it is read ("10:00", "ten o'clock").
    """

    def __init__(self) -> None:
        self._prompts: list[tuple[str, str]] = []
        """Of each prompt both forms: written, read."""
        self._at = [0, 0]
        """Where in all that was said, by form, the next part may begin."""
        self.share = 0.0
        """How much of its prompt comes before the last word of the part that was found last."""

    def add(self, text: str, language: str) -> None:
        self._prompts.append((normal(plain(text)), normal(spoken(text, language))))

    def forget(self) -> None:
        """The caller's part comes: what was said before it is not in the bot's next turn."""
        self._prompts.clear()
        self._at = [0, 0]

    def take(self, part: str) -> int | None:
        """Find a part of what is said, behind the part that was found before.

        Returns:
            The number of the prompt in which the part ends, counted from the turn's first; or None.
        """
        wanted = normal(part)
        for form in (0, 1):
            at = _place(wanted, " ".join(forms[form] for forms in self._prompts), self._at[form])
            if at is not None:
                return self._taken(at + len(wanted), form)
        return None

    def _taken(self, end: int, form: int) -> int:
        """Go on behind `end` in this form, and as far as that can be told in the other."""
        other = 1 - form
        start = [0, 0]
        for number, forms in enumerate(self._prompts):
            if end <= start[form] + len(forms[form]):
                here = end - start[form]
                before, whole = forms[form][:here].split()[:-1], forms[form].split()
                self.share = len(before) / max(len(whole), 1)
                if here == len(forms[form]):
                    start[other] += len(forms[other])
                elif forms[form] == forms[other]:
                    start[other] += here
                self._at[form] = end
                self._at[other] = max(self._at[other], start[other])
                return number
            start = [start[0] + len(forms[0]) + 1, start[1] + len(forms[1]) + 1]
        raise AssertionError("a part was found behind the end")


def _place(wanted: str, whole: str, start: int) -> int | None:
    """Where a part begins: at the beginning of a word, so that "no" is not found in "know"."""
    at = whole.find(wanted, start)
    while at > 0 and whole[at - 1] != " ":
        at = whole.find(wanted, at + 1)
    return None if at < 0 else at


def normal(text: str) -> str:
    """Without case, punctuation and double spaces."""
    bare = unicodedata.normalize("NFKC", text).casefold().replace("’", "").replace("'", "")
    return " ".join(re.findall(r"\w+", bare))


def spoken(text: str, language: str) -> str:
    """The words of a prompt as they are read aloud."""
    known = language_of(language)
    if known is None:
        return plain(text)
    return " ".join(piece for piece in pieces(text, known) if isinstance(piece, str))


def contains(text: str, part: str) -> bool:
    """Whether a text tells a part of it, in whatever way it is written: "1 2 3" tells "123".

    Digits that other signs part are others: "10:00" does not tell "1000".
    """
    if part.casefold() in text.casefold():
        return True
    wanted = "".join(words(part))
    return bool(wanted) and any(
        wanted in "".join(words(piece)) for piece in re.split(r"[^\w\s'’-]", text)
    )
