"""Which model serves which language."""

import pytest

from voicebot.speech.languages import for_language

MODELS = {"en-US": 1, "en-GB": 2, "pt_BR": 3, "de": 4}


@pytest.mark.parametrize(
    ("language", "model"),
    [
        ("en-GB", 2),
        ("en-US", 1),
        ("en-AU", 1),
        ("EN", 1),
        ("pt-PT", 3),
        ("de-AT", 4),
        ("fr", None),
        (None, 1),
    ],
)
def test_for_language(language: str | None, model: int | None) -> None:
    assert for_language(MODELS, language) == model


def test_no_models() -> None:
    assert for_language({}, None) is None
