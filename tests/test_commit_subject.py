import subprocess

import pytest

from tests.test_architecture import ROOT


def is_accepted(subject: str, folder) -> bool:
    message = folder / "message"
    message.write_text(f"{subject}\n\nthe body says why, as long as it likes\n")
    return not subprocess.run(
        [ROOT / ".ci/commit-subject", message], capture_output=True
    ).returncode


@pytest.mark.parametrize(
    "subject",
    [
        "imports: Match events to customers by e-mail",
        "api, docs: Name the limit in the error",
        "tests/browser: Wait for the canvas",
        'Revert "imports: Match events to customers by e-mail"',
        "delivery: " + "Ü" + "R" * 61,
    ],
)
def test_a_subject_with_area_and_sentence_is_accepted(subject, tmp_path):
    assert is_accepted(subject, tmp_path)


@pytest.mark.parametrize(
    "subject",
    [
        "What is certain stays certain",
        "imports: match events",
        "imports:Match events",
        "Imports: Match events",
        "imports: Match events.",
        "delivery: " + "R" * 63,
        "",
    ],
)
def test_any_other_subject_is_refused(subject, tmp_path):
    assert not is_accepted(subject, tmp_path)
