"""What a step wants of the world outside, with its values filled in: requests and transfers.

Knows the steps `http` and `transfer`.  Must not know what comes of them.
"""

from __future__ import annotations

from urllib.parse import urlencode

from voicebot.flow import events as ev
from voicebot.flow import model
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


def transfer(step: model.Transfer, values: Values) -> ev.Transfer:
    """The transfer of a `transfer` step.

    Raises:
        ExpressionError: a value in it, or nobody to transfer to.
    """
    to = values.text(step.to)
    if not to:
        raise ExpressionError("a transfer to nobody: its `to` is empty")
    context = None if step.context is None else values.text(step.context)
    return ev.Transfer(to, context, step.wait_s, returns=step.failed is not None)
