"""What a step wants of the world outside, with its values filled in: requests and transfers.

Knows the steps `http` and `transfer`.  Must not know what comes of them.
"""

from __future__ import annotations

from urllib.parse import urlencode

from voicebot.flow import dialled, model
from voicebot.flow import events as ev
from voicebot.flow.expressions import ExpressionError
from voicebot.flow.values import Values, reads


def request(step: model.Http, values: Values) -> ev.Request:
    """The request of an `http` step.

    Raises:
        ExpressionError: a value in it, or a URL that is none.
    """
    url = values.text(step.url)
    if not url.startswith(("http://", "https://")):
        raise ExpressionError("the URL of an http step begins with http:// or https://")
    if step.query:
        query = urlencode({name: values.text(value) for name, value in step.query})
        url += ("&" if "?" in url else "?") + query
    texts = (step.url, *(text for _, text in (*step.query, *step.headers)))
    names = frozenset[str]().union(*(text.names for text in texts)) | reads(step.json)
    return ev.Request(
        method=step.method,
        url=url,
        headers={name: values.text(value) for name, value in step.headers},
        json=values.data(step.json),
        timeout_s=step.timeout_s,
        secret=values.is_secret(names),
    )


def transfer(step: model.Transfer, values: Values, whisper: tuple[ev.Prompt, ...]) -> ev.Transfer:
    """The transfer of a `transfer` step.

    Args:
        whisper: what the one who is called hears.

    Raises:
        ExpressionError: a value in it, nobody to transfer to, or what cannot be dialled.
    """
    context = None if step.context is None else values.text(step.context)
    pieces = values.pieces(step.to)
    to, kind = "".join(pieces), step.kind
    if not to:
        raise ExpressionError(f"a transfer to nobody: its `{dialled.KEYS[kind]}` is empty")
    is_one_value = len(pieces) == 1 and not isinstance(step.to.parts[0], str)
    if is_one_value and kind is ev.TransferKind.EXTENSION and "/" in to and context is None:
        kind = ev.TransferKind.CHANNEL
    problems = [
        dialled.problem(to, kind),
        dialled.problem_of_context(context or ""),
        *(
            dialled.problem_of_part(piece)
            for piece, part in zip(pieces, step.to.parts, strict=True)
            if not isinstance(part, str) and not is_one_value
        ),
    ]
    for problem in filter(None, problems):
        raise ExpressionError(f"this cannot be dialled: {problem}")
    returns = step.failed is not None
    return ev.Transfer(to, context, step.wait_s, returns, kind, whisper)
