"""What of a flow its tests came through, and what they never touched.

Knows the places of a flow that a call can come through: nodes, choices, events of `on:` and what
questions do when they give up, those of the flows that it calls too.  Must not know how a test is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from voicebot.flow import model
from voicebot.flow.walk import all_flows, event_blocks, steps_in
from voicebot.flow.yamlfile import Mark


class Kind(StrEnum):
    NODE = "node"
    CHOICE = "choice"
    EVENT = "event"
    """What `on:` does: universals, failed, error, hangup."""
    FAILED = "failed"
    """What a question does that is given up, a request or a transfer that comes to nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that a call can come through."""

    kind: Kind
    flow: str
    name: str
    """For people: "main", "main: an appointment", "operator"."""
    mark: Mark


@dataclass(frozen=True, slots=True)
class Coverage:
    """The places of a flow, with and without visitors.

    Several tests are one coverage: take the union of what they took.
    """

    places: tuple[Place, ...]
    taken: frozenset[Mark]

    @property
    def missed(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.mark not in self.taken)

    def count(self, kind: Kind | None = None) -> tuple[int, int]:
        """How many were taken, of how many."""
        of_kind = [place for place in self.places if kind in (None, place.kind)]
        return sum(place.mark in self.taken for place in of_kind), len(of_kind)

    @property
    def percent(self) -> float:
        taken, of = self.count()
        return 100.0 * taken / of if of else 100.0


def coverage(flow: model.Flow, taken: Iterable[Iterable[Mark]]) -> Coverage:
    """The coverage of a flow by calls.

    Args:
        taken: of each call, what it came through (Dialog.taken).
    """
    return Coverage(tuple(places(flow)), frozenset().union(*taken))


def places(flow: model.Flow) -> list[Place]:
    """All places, each once, in the order of the files: the flow's own, then those it calls."""
    found: dict[Mark, Place] = {}
    for one in all_flows(flow):
        for place in sorted(_of_flow(one), key=lambda place: place.mark):
            found.setdefault(place.mark, place)
    return list(found.values())


def coverage_lines(covered: Coverage) -> list[str]:
    """A table, and where what was not taken stands."""
    lines = [f"{'':10}{'taken':>7}{'of':>7}"]
    for kind in (*Kind, None):
        taken, of = covered.count(kind)
        if of:
            share = f"{100.0 * taken / of:.0f} %"
            lines.append(f"{_plural(kind):10}{taken:>7}{of:>7}{share:>8}")
    if covered.missed:
        lines.append("not taken:")
        lines += [f"  {place.mark}: {place.kind} {place.name}" for place in covered.missed]
    return lines


def _plural(kind: Kind | None) -> str:
    return "all" if kind is None else {Kind.FAILED: "failed"}.get(kind, f"{kind}s")


def _of_flow(flow: model.Flow) -> Iterator[Place]:
    for name, handler in (("failed", flow.failed), ("error", flow.error), ("hangup", flow.hangup)):
        if handler is not None:
            yield Place(Kind.EVENT, flow.name, name, handler.mark)
    for universal in flow.universals:
        yield Place(Kind.EVENT, flow.name, universal.name, universal.mark)
    for node in flow.nodes.values():
        yield Place(Kind.NODE, flow.name, node.name, node.mark)
        yield from _of_block(flow, node.name, node.steps)
    for block in event_blocks(flow):
        yield from _of_block(flow, "on", block)


def _of_block(flow: model.Flow, where: str, block: model.Block) -> Iterator[Place]:
    for step in steps_in([block]):
        if isinstance(step, model.Question):
            # What is answered with yes or no, and slots of a form, have one way on.
            for choice in _choices(step):
                yield Place(Kind.CHOICE, flow.name, f"{where}: {choice.value}", choice.mark)
        if isinstance(step, model.Question | model.Http | model.Transfer) and step.failed:
            what = (step.to if isinstance(step, model.Question) else None) or _verb(step)
            yield Place(Kind.FAILED, flow.name, f"{where}: {what}", step.failed.mark)


def _choices(question: model.Question) -> tuple[model.Choice, ...]:
    """The answers of a menu: those that lead somewhere."""
    if isinstance(question.wants, model.Choices) and question.to is None:
        return tuple(c for c in question.wants.choices if isinstance(c.value, str))
    return ()


def _verb(step: model.Question | model.Http | model.Transfer) -> str:
    return "menu" if isinstance(step, model.Question) else type(step).__name__.lower()
