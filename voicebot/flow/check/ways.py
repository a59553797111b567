"""Does every way lead on, and to where: ends of nodes, dead steps, unreachable nodes, circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from voicebot.flow import model, walk
from voicebot.flow.check import circles as going_round
from voicebot.flow.check.told import Known, error, warning
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding, Mark, nearest

Block = model.Block


# Ends ------------------------------------------------------------------------------------------


def falls(block: Block) -> bool:
    """Whether a call can come to the end of the block."""
    return all(goes_on(step) for step in block)


def goes_on(step: model.Step) -> bool:
    """Whether the step behind this one can be reached."""
    match step:
        case model.Goto() | model.HangUp() | model.Repeat() | model.Return():
            return False
        case model.If():
            return falls(step.then) or falls(step.otherwise)
        case model.Question() if step.to is None:
            return any(falls(way) for way in walk.blocks_in(step))
        case model.Transfer():
            return step.failed is not None and falls(step.failed.way)
        case _:
            return True


def ends(found: Survey, _known: Known) -> Iterator[Finding]:
    for node in found.flow.nodes.values():
        if node.steps and falls(node.steps):
            mark, remedy = _where_it_falls(node.steps[-1])
            yield error("falls-off", mark, f'the node "{node.name}" falls off its end{remedy}')


def _where_it_falls(last: model.Step) -> tuple[Mark, str]:
    """The place within the last step of a node that leads on to nothing, and what to do there."""
    match last:
        case model.If() if falls(last.then) and last.then:
            return _where_it_falls(last.then[-1])
        case model.If() if falls(last.otherwise) and last.otherwise:
            return _where_it_falls(last.otherwise[-1])
        case model.If():
            return (
                last.mark,
                " where this is not so: add an `else:` or a step behind it, such as goto",
            )
        case model.Question(wants=model.Choices() as wants, to=None):
            for choice in wants.choices:
                if falls(choice.way):
                    return choice.mark, " after this choice: give it a `goto`, or `then: repeat`"
        case _:
            pass
    failed = getattr(last, "failed", None)
    if isinstance(failed, model.Handler) and not isinstance(last, model.Http):
        return failed.mark, " after this `failed`: give it a `goto`"
    return last.mark, (
        ": end it with goto, hangup, return, transfer, or a menu whose every choice leads on"
    )


def dead_steps(found: Survey, _known: Known) -> Iterator[Finding]:
    comes_back = going_round.comes_back(found.flow)
    for block in walk.top_blocks(found.flow):
        yield from _dead_steps(block, comes_back)


def _dead_steps(block: Block, comes_back: Callable[[model.Call], bool]) -> Iterator[Finding]:
    for at, step in enumerate(block):
        for inner in walk.blocks_in(step):
            yield from _dead_steps(inner, comes_back)
        behind = block[at + 1] if at + 1 < len(block) else None
        # What the loader puts behind the steps of an event has the event's own place.
        if behind is None or isinstance(behind, model.Repeat):
            continue
        if isinstance(step, model.Call) and not comes_back(step):
            yield warning(
                "unreachable-step",
                behind.mark,
                f'this step is never reached: "{step.target}" never comes back with `return`',
            )
            return
        if not goes_on(step):
            yield warning("unreachable-step", behind.mark, "this step is never reached")
            return


def events(found: Survey, _known: Known) -> Iterator[Finding]:
    flow = found.flow
    for handler, name in ((flow.failed, "failed"), (flow.error, "error")):
        if handler is not None and falls(handler.way):
            mark = handler.way[-1].mark if handler.way else handler.mark
            yield error(
                "leads-nowhere", mark, f'the event "{name}" leads nowhere: give it a `goto`'
            )
    if flow.hangup is not None:
        for step in walk.steps_in([flow.hangup.way]):
            if not isinstance(step, model.Set | model.Log | model.If | model.Tag):
                yield warning(
                    "after-hangup",
                    step.mark,
                    "the caller has left: here only set, log, tag and if are done",
                )
                return


def given_up(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """A question needs a way out after its attempts; that of a flow that calls may serve.

    Args:
        surveys: a flow, and those that it calls.
    """
    out = {id(found.flow) for found in surveys if found.flow.failed is not None}
    if _is_made_to_be_called(surveys[0]):
        out.add(id(surveys[0].flow))  # proved with those that call it
    for found in surveys:
        called = {id(s.flow) for s in found.steps if isinstance(s, model.Call)}
        if id(found.flow) in out:
            out |= called
    for found in surveys:
        if id(found.flow) not in out:
            yield from _without_way_out(found)


def _without_way_out(found: Survey) -> Iterator[Finding]:
    never = {
        step.confirm
        for step in found.steps
        if isinstance(step, model.Form) and step.mode is model.ConfirmMode.NEVER
    }
    for question in found.questions():
        if question.failed is None and question not in never:
            yield error(
                "no-way-out",
                question.mark,
                "where does this question lead after its attempts? add `failed: {goto: …}` here, "
                "or for all questions under `on:`",
            )


def _is_made_to_be_called(found: Survey) -> bool:
    """Whether it comes back with `return`, and not from a node that it calls itself."""
    calls_node = any(isinstance(s, model.Call) and s.flow is None for s in found.steps)
    return not calls_node and any(isinstance(step, model.Return) for step in found.steps)


# Nodes -----------------------------------------------------------------------------------------


def reachable(found: Survey, _known: Known) -> Iterator[Finding]:
    flow = found.flow
    todo = [flow.start, *_named_in(walk.event_blocks(flow))]
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in flow.nodes:  # told as such; the node that was meant is reached
            name = nearest(name, flow.nodes) or name
        if name in flow.nodes and name not in reached:
            reached.add(name)
            todo += _named_in([flow.nodes[name].steps])
    for node in flow.nodes.values():
        if node.name not in reached:
            yield warning("unreachable-node", node.mark, f'no way leads to the node "{node.name}"')


def _named_in(blocks: Iterator[Block] | list[Block]) -> Iterator[str]:
    for step in walk.steps_in(blocks):
        if isinstance(step, model.Goto):
            yield step.node
        elif isinstance(step, model.Call) and step.flow is None:
            yield step.target


def circles(found: Survey, _known: Known) -> Iterator[Finding]:
    """Nodes that lead back to themselves without listening in between."""
    for names, mark in going_round.circles(found.flow):
        yield error(
            "endless-circle",
            mark,
            f"{' → '.join(names)} goes round without a question: the bot would talk for ever",
        )
