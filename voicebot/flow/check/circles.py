"""Circles of nodes through which a call can go without being asked anything.

Knows which steps listen, and which ways a call takes before one does.  Must not know how a finding
is put (ways.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from voicebot.flow import model, walk
from voicebot.flow.yamlfile import Mark

_STOPS = model.Question | model.Form | model.Record | model.HangUp | model.Repeat
"""What listens, or leads to what does, or ends the call."""


@dataclass(frozen=True, slots=True)
class _Edge:
    node: str
    mark: Mark
    is_goto: bool = True


def circles(flow: model.Flow) -> Iterator[tuple[tuple[str, ...], Mark]]:
    """Each circle by its nodes, the first one again at the end, and the place that closes it."""
    onward = _core(_Unasked(flow).onward())
    told: set[str] = set()
    for name in onward:
        names = _shortest(name, onward) if name not in told else ()
        if names:
            told.update(names)
            last = next(edge for edge in onward[names[-1]] if edge.node == name)
            yield (*names, name), last.mark


def comes_back(flow: model.Flow) -> Callable[[model.Call], bool]:
    """Tells of a call whether what it calls can come back with `return`."""
    known: dict[tuple[int, str], bool] = {}

    def tell(call: model.Call) -> bool:
        called = flow if call.flow is None else call.flow
        start = call.target if call.flow is None else called.start
        key = (id(called), start)
        if key not in known:
            known[key] = _returns(called, start)
        return known[key]

    return tell


def _returns(flow: model.Flow, start: str) -> bool:
    """Whether goto leads from there to a `return`; what does not exist counts as one."""
    todo, seen = [start], {start}
    blocks = list(walk.event_blocks(flow))
    if any(isinstance(step, model.Return) for step in walk.steps_in(blocks)):
        return True
    while todo:
        name = todo.pop()
        if name not in flow.nodes:
            return True
        for step in walk.steps_in([flow.nodes[name].steps]):
            if isinstance(step, model.Return):
                return True
            if isinstance(step, model.Goto) and step.node not in seen:
                seen.add(step.node)
                todo.append(step.node)
    return False


class _Unasked:
    """The ways that a call takes in a flow before a question is asked."""

    def __init__(self, flow: model.Flow) -> None:
        self._flow = flow
        self._silent: frozenset[str] = frozenset()
        """The nodes from which a call comes to a `return` without a question."""
        self._edges: list[_Edge] = []
        self._returns = False

    def onward(self) -> dict[str, list[_Edge]]:
        while True:
            found: dict[str, list[_Edge]] = {}
            returning: set[str] = set()
            for node in self._flow.nodes.values():
                self._edges, self._returns = [], False
                self._block(node.steps)
                found[node.name] = self._edges
                if self._returns:
                    returning.add(node.name)
            silent = _leading_to(returning, found)
            if silent == self._silent:
                return found
            self._silent = silent

    def returns_unasked(self) -> bool:
        """Whether the flow, when called, can come back without a question."""
        self.onward()
        return self._flow.start in self._silent

    def _block(self, block: model.Block) -> bool:
        """Note where the block leads; whether its end is reached without a question."""
        return all(self._step(step) for step in block)

    def _step(self, step: model.Step) -> bool:
        match step:
            case model.Goto():
                self._edges.append(_Edge(step.node, step.mark))
                return False
            case model.Return():
                self._returns = True
                return False
            case model.If():
                return any([self._block(step.then), self._block(step.otherwise)])
            case model.Call():
                return self._call(step)
            case model.Http():
                self._failed(step)
                return True
            case model.Transfer():
                return step.failed is not None and self._block(step.failed.way)
            case _:
                return not isinstance(step, _STOPS)

    def _failed(self, step: model.Http) -> None:
        """A request that comes to nothing may lead anywhere, also by way of `on: error`."""
        failed = step.failed if step.failed is not None else self._flow.error
        if failed is not None:
            self._block(failed.way)

    def _call(self, call: model.Call) -> bool:
        if call.flow is not None:
            return _Unasked(call.flow).returns_unasked()
        self._edges.append(_Edge(call.target, call.mark, is_goto=False))
        return call.target in self._silent


def _leading_to(ends: set[str], onward: Mapping[str, Sequence[_Edge]]) -> frozenset[str]:
    """These nodes, and all from which `goto` leads to one of them."""
    if not ends:
        return frozenset()
    back: dict[str, list[str]] = {}
    for name, edges in onward.items():
        for edge in edges:
            if edge.is_goto:
                back.setdefault(edge.node, []).append(name)
    found, todo = set(ends), list(ends)
    while todo:
        for name in back.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return frozenset(found)


def _core(onward: Mapping[str, list[_Edge]]) -> dict[str, list[_Edge]]:
    """What is left when nodes that lead to no other are taken out, again and again: mostly nothing."""
    left = dict(onward)
    while True:
        ends = [name for name, edges in left.items() if not any(e.node in left for e in edges)]
        if not ends:
            return left
        for name in ends:
            del left[name]


def _shortest(start: str, onward: Mapping[str, Sequence[_Edge]]) -> tuple[str, ...]:
    """The nodes of the shortest way from there back to there; () where there is none."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for path in paths:
        for edge in onward[path[-1]]:
            if edge.node == start:
                return path
            if edge.node in onward and edge.node not in seen:
                seen.add(edge.node)
                paths.append((*path, edge.node))
    return ()
