"""Every setting of an installation is in `.env.example`."""

import re

from optiengine.docs.references import ROOT, setting_defaults


def test_the_example_names_every_setting_and_no_other():
    text = (ROOT / ".env.example").read_text()
    names = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)

    assert len(names) == len(set(names))
    anymail = {name for name in names if name.startswith("ANYMAIL_")} - {"ANYMAIL_ESP"}
    assert set(names) - anymail == set(setting_defaults())


def test_nothing_is_set_by_copying_the_example():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []
