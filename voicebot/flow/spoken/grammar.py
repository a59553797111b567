"""A small grammar kit: words into features, "could go on" for free, and phrases for a recogniser.

Knows rules built from templates and tables: how they read a tuple of words, where they would have
liked one more at the end, and which words follow each other in what can be said.  Must not know
what the features mean.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from hassil.expression import Alternative, Expression, RuleReference, TextChunk
from hassil.expression import Sequence as Chain
from hassil.parse_expression import parse_sentence

from voicebot.flow.answers import DIGIT_NAMES, Phrase, words
from voicebot.flow.spoken.language import Features, Forms, Language, Names
from voicebot.flow.spoken.numbers import digits, natural_number, number_goes_on


class Wish:
    """Whether some rule, at the end of the words, wanted one more."""

    def __init__(self) -> None:
        self.more = False


class Rule(Protocol):
    """A part of a grammar."""

    @property
    def links(self) -> Links:
        """Which words begin it, end it and follow each other in it."""

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        """Every way to read some of the words from `at`: (where it ends, what it says)."""


@dataclass(frozen=True, slots=True)
class Links:
    """Which words begin something, end it, and follow each other in it: a bigram model's view."""

    first: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    empty: bool = False
    """It may be nothing."""

    @classmethod
    def of(cls, phrases: Iterable[Phrase]) -> Links:
        """The links of whole phrases."""
        kept = [phrase for phrase in phrases if phrase]
        return cls(
            frozenset(phrase[0] for phrase in kept),
            frozenset(phrase[-1] for phrase in kept),
            frozenset(pair for phrase in kept for pair in itertools.pairwise(phrase)),
        )

    def then(self, other: Links) -> Links:
        """This and the other behind it."""
        return Links(
            self.first | other.first if self.empty else self.first,
            self.last | other.last if other.empty else other.last,
            self.pairs | other.pairs | frozenset(itertools.product(self.last, other.first)),
            self.empty and other.empty,
        )

    def either(self, other: Links) -> Links:
        """This or the other."""
        return Links(
            self.first | other.first,
            self.last | other.last,
            self.pairs | other.pairs,
            self.empty or other.empty,
        )


NOTHING: Final = Links(empty=True)


class Table:
    """One of several phrases, each with a value for a feature (None: it says nothing)."""

    def __init__(
        self, feature: str | None, names: Mapping[Phrase, int], *, heard: bool = True
    ) -> None:
        """Args: heard: whether the recogniser is told of it; typed words need not be."""
        self._feature = feature
        self._names = names
        self._sizes = sorted({len(phrase) for phrase in names}, reverse=True)
        self._beginnings = {p[:n] for p in names for n in range(len(p))}
        self.links = Links.of(names) if heard else Links()

    @classmethod
    def of(cls, feature: str, names: Names) -> Table:
        """From the names of a language; where two values share one, the first has it."""
        said: dict[Phrase, int] = {}
        for value, ways in names.items():
            for name in ways:
                said.setdefault(words(name), value)
        return cls(feature, said)

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        if heard[at:] in self._beginnings:
            wish.more = True
        for size in self._sizes:
            value = self._names.get(heard[at : at + size])
            if value is not None and at + size <= len(heard):
                yield at + size, {self._feature: value} if self._feature else {}


class Count:
    """A whole number of any size, as people say it or digit by digit."""

    def __init__(self, feature: str, language: Language) -> None:
        self._feature = feature
        self._language = language
        plain = set(language.number_words) - set(language.and_words)
        small = frozenset(words(" ".join(plain)))
        pairs = frozenset(
            (a, b)
            for a, b in itertools.product(language.number_words, repeat=2)
            if natural_number((a, b), language) is not None
            or (b in language.and_words and number_goes_on((a, b), language, None))
            or (a in language.and_words and natural_number((b,), language) is not None)
        )
        self.links = Links(small, small - set(language.one_words), pairs)

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        rest = heard[at:]
        if not rest or number_goes_on(rest, self._language, None) or self._digits(rest):
            wish.more = True
        for size in range(len(rest), 0, -1):
            value = natural_number(rest[:size], self._language)
            if value is None and self._digits(rest[:size]):
                value = int(self._digits(rest[:size]) or "0")
            if value is not None:
                yield at + size, {self._feature: value}

    def _digits(self, heard: Phrase) -> str | None:
        plain = all(word in DIGIT_NAMES for word in heard)  # "four oh five" is four dollars five
        return digits(heard, self._language) if plain else None


class Either:
    """One of several rules, in the order of preference."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    @cached_property
    def links(self) -> Links:
        links = Links()
        for rule in self._rules:
            links = links.either(rule.links)
        return links

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        for rule in self._rules:
            yield from rule.read(heard, at, wish)


class InTurn:
    """Several rules, one behind the other."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    @cached_property
    def links(self) -> Links:
        links = NOTHING
        for rule in self._rules:
            links = links.then(rule.links)
        return links

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        return self._from(0, heard, at, wish)

    def _from(
        self, which: int, heard: Phrase, at: int, wish: Wish
    ) -> Iterator[tuple[int, Features]]:
        if which == len(self._rules):
            yield at, {}
            return
        for end, said in self._rules[which].read(heard, at, wish):
            for last, others in self._from(which + 1, heard, end, wish):
                yield last, {**said, **others}


class Also:
    """A rule that says something more than its words do."""

    def __init__(self, rule: Rule, features: Features) -> None:
        self._rule = rule
        self._features = features
        self.links = rule.links

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        for end, said in self._rule.read(heard, at, wish):
            yield end, {**said, **self._features}


class Unheard:
    """A rule whose words the recogniser need not know."""

    links = Links()

    def __init__(self, rule: Rule) -> None:
        self.read = rule.read


class Nothing:
    """No word at all."""

    links = NOTHING

    def read(self, heard: Phrase, at: int, wish: Wish) -> Iterator[tuple[int, Features]]:
        del heard, wish
        yield at, {}


# From templates --------------------------------------------------------------------------------


def forms(templates: Forms, slots: Mapping[str, Rule]) -> Rule:
    """One of several templates, with a rule for each `<slot>` that they name."""
    return Either([Also(form(text, slots), said) for text, said in templates.items()])


def form(template: str, slots: Mapping[str, Rule]) -> Rule:
    """A template such as "next <weekday>"."""
    return _rule(parse_sentence(template).expression, slots)


def _rule(part: Expression, slots: Mapping[str, Rule]) -> Rule:
    match part:
        case TextChunk():
            return _text(words(part.text))
        case Alternative():
            return Either([_rule(item, slots) for item in part.items])
        case Chain():
            return InTurn([_rule(item, slots) for item in part.items])
        case RuleReference():
            return slots[part.rule_name]
        case _:
            raise TypeError(f"not for a table of words: {part}")


def _text(phrase: Phrase) -> Rule:
    return Table(None, {phrase: 0}) if phrase else Nothing()


# Phrases for the recogniser ----------------------------------------------------------------------


def covering(links: Links) -> tuple[str, ...]:
    """Phrases in which each word that can follow another does, about equally often.

    A recogniser that makes a bigram model of them (as Vosk does) knows all that the grammar can
    say, from far fewer phrases than there are sentences.  Each pair is told once, and led on to an
    end; a word behind which only one can come is an end too: told again and again, the "m" of
    "a m" was heard for many a "ten".  Whole sentences were heard no better than these pieces, and
    sentences that make up for fewer by going on and on were heard worse.
    """
    following = _following(links.pairs)
    to_end = _steps_to(links.last, _following({(b, a) for a, b in links.pairs}))
    told: Counter[tuple[str, str]] = Counter()
    found: list[Phrase] = [(word,) for word in sorted(links.first & links.last)]
    for pair in sorted(links.pairs):
        phrase: Phrase = pair
        while phrase[-1] not in links.last and len(following.get(phrase[-1], ())) > 1:
            last = phrase[-1]
            nearer = [word for word in following[last] if to_end[word] < to_end[last]]
            _, chosen = min((told[last, word], word) for word in nearer)
            told[last, chosen] += 1
            phrase = (*phrase, chosen)
        found.append(phrase)
    return tuple(" ".join(phrase) for phrase in found)


def _following(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    following: dict[str, list[str]] = {}
    for a, b in sorted(pairs):
        following.setdefault(a, []).append(b)
    return following


def _steps_to(ends: Iterable[str], before: Mapping[str, list[str]]) -> dict[str, int]:
    """How many words are behind each one until an end, at least."""
    steps = dict.fromkeys(ends, 0)
    queue = deque(steps)
    while queue:
        word = queue.popleft()
        for earlier in before.get(word, ()):
            if earlier not in steps:
                steps[earlier] = steps[word] + 1
                queue.append(earlier)
    return steps
