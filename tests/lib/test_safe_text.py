import pytest

from optiengine.lib.safe_text import safe_cell


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        " =1",
        "\t=1",
        "\n x",
        "\r",
        "＝1",
        "\u00a0=1",
    ],
)
def test_what_a_spreadsheet_would_run_becomes_text(cell):
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "Anna", "a=b", "-12.50", "+351 912-345-678", "+49 (170) 1234", "1,5", "'=1"]
)
def test_text_numbers_and_phone_numbers_stay_as_they_are(cell):
    assert safe_cell(cell) == cell
