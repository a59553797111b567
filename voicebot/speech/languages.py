"""Which of several models serves a language.

Knows: language tags. Must not know: engines, files.
"""

from collections.abc import Mapping
from typing import TypeVar

Model = TypeVar("Model")


def for_language(models: Mapping[str, Model], language: str | None) -> Model | None:
    """Pick the model of exactly this language, else the first of the same main language, else None.

    Without a language, the first model serves.
    """
    if language is None:
        return next(iter(models.values()), None)
    if language in models:
        return models[language]
    main = _main(language)
    return next((model for tag, model in models.items() if _main(tag) == main), None)


def _main(tag: str) -> str:
    return tag.replace("_", "-").split("-", 1)[0].lower()
