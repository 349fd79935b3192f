"""Countries, languages, time zones and yes or no, as people and other systems write them."""

from zoneinfo import available_timezones

import pytest

from segments.imports.values.countries import Countries, country_code
from segments.imports.values.languages import Languages, language_code
from segments.imports.values.time_zones import OTHERS, RAILS, UNCLEAR, TimeZones
from segments.imports.values.yes_no import NO, YES


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("GB", "GB"),
        ("UK", "GB"),
        ("u.k.", "GB"),
        ("GBR", "GB"),
        ("England", "GB"),
        ("EL", "GR"),
        ("Ελλάδα", "GR"),
        ("USA", "US"),
        ("United States of America", "US"),
        ("germany", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("ALEMANIA", "DE"),
        ("Espana", "ES"),
        ("Österreich", "AT"),
        ("Côte d'Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Bosnia & Herzegovina", "BA"),
        ("Korea, Republic of", "KR"),
        ("Viet Nam", "VN"),
        ("EIRE", "IE"),
        ("日本", "JP"),
        ("Россия", "RU"),
        ("Türkiye", "TR"),
        ("XX", None),
        ("ZZ", None),
        ("QQQ", None),
        ("United States (US)", "US"),
        ("DE - Germany", "DE"),
        ("EE. UU.", "US"),
        ("276", "DE"),
        ("Germany (AT)", None),  # contradicts itself
        ("Østerrike", "AT"),
        ("Sør-Korea", "KR"),
        ("Congo", None),  # two countries
        ("Kongo", None),  # one in Norwegian, another in other languages
        ("Channel Islands", None),  # two territories
        ("Großbritannien", "GB"),
        ("Inglaterra", "GB"),
        ("Scotland, UK", "GB"),
        ("London, UK", None),
        ("FYROM", "MK"),
        ("Elfenbeinküste", "CI"),
        ("Weißrussland", "BY"),
        ("Aegypten", "EG"),
        ("XKX", "XK"),
        ("ROM", "RO"),
        ("SUN", None),  # several countries today
        ("U.A.E.", "AE"),
        ("Gambia, The", "GM"),
        ("The Bahamas", "BS"),
        ("Netherlands (the)", "NL"),
        ("Germany, DE", "DE"),
        ("Schweiz/Suisse", "CH"),
        ("Germany/France", None),
        ("de_DE", "DE"),
        ("de_de", None),
        ("🇵🇹", "PT"),
        ("🇿🇿", None),
        ("Madeira", "PT"),
        ("Bavaria", None),
        ("California", None),
        ("Unspecified", None),
        ("", None),
        ("12", None),
    ],
)
def test_a_country_is_read_by_code_or_name(cell, code):
    assert country_code(cell) == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("pt_BR", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("ger", "de"),
        ("deu", "de"),
        ("en_US.UTF-8", "en-US"),
        ("zh-Hans-CN", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("Portuguese", "pt"),
        ("português", "pt"),
        ("Portuguese (Brazil)", "pt-BR"),
        ("Deutsch", "de"),
        ("latvisk", "lv"),
        ("Norsk bokmål", "nb"),
        ("French", "fr"),
        ("Français", "fr"),
        ("iw", "he"),
        ("Spanish; Castilian", "es"),
        ("Greek, Modern (1453-)", "el"),
        ("Chinese (Simplified)", "zh-Hans"),
        ("English (US)", "en-US"),
        ("German - Germany", "de-DE"),
        ("English, United States", "en-US"),
        ("Spanish (Latin America)", "es-419"),
        ("Serbian (Latin)", "sr-Latn"),
        ("简体中文", "zh-Hans"),
        ("中文(繁體)", "zh-Hant"),
        ("Vlaams", "nl-BE"),
        ("de-DE@euro", "de-DE"),
        ("en;q=0.9", "en"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("English (Mars)", None),
        ("zz", None),
        ("en-QQ", None),
        ("Portuguese please", None),
        ("x", None),
    ],
)
def test_a_language_is_read_by_code_or_name(cell, code):
    assert language_code(cell) == code


@pytest.mark.parametrize(
    ("cell", "zone"),
    [
        ("europe/lisbon", "Europe/Lisbon"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("E. South America Standard Time", "America/Sao_Paulo"),
        ("Eastern Time (US & Canada)", "America/New_York"),
        ("(GMT+01:00) Berlin", "Europe/Berlin"),
        ("Lisbon", "Europe/Lisbon"),
        ("Sao Paulo", "America/Sao_Paulo"),
        ("UTC", "UTC"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("America/New_York (EDT)", "America/New_York"),
        ("etc/gmt-1", "Etc/GMT-1"),
        ("(GMT+00:00) Greenwich Mean Time (Europe/London)", "Europe/London"),
        ("Eastern Time (US &amp; Canada)", "America/New_York"),
        ("(GMT-08:00) Pacific Time (US & Canada); Tijuana", "America/Los_Angeles"),
        ("America/Port-au-Prince", "America/Port-au-Prince"),
        ("Mitteleuropäische Zeit", "CET"),
        ("Kamchatka Standard Time", "Asia/Kamchatka"),
        ("CST", None),
        ("IST", None),
        ("UTC+1", None),  # no zone: which days does it change its clocks?
        ("-05:00", None),
        ("n/a", ""),
        ("Mars/Olympus", None),
        ("GMT+25", None),
    ],
)
def test_a_time_zone_is_read_by_its_iana_windows_or_rails_name(cell, zone):
    assert TimeZones(frozenset(available_timezones())).spell_one(cell) == zone


def test_names_of_rails_lead_to_zones_that_exist():
    assert {*RAILS.values(), *OTHERS.values()} <= available_timezones()


def test_names_of_several_zones_or_none_are_unclear():
    zones = frozenset(available_timezones()) - UNCLEAR
    assert TimeZones(zones).spell(["EST", "MST", "Factory", "localtime", "CET"]) == [
        *[None] * 4,
        "CET",
    ]


@pytest.mark.parametrize("code", ["und", "MUL", "zxx"])
def test_codes_of_no_language_are_unknown(code):
    assert Languages().spell_one(code) == ""


@pytest.mark.parametrize("reader", [Countries(), Languages()])
def test_what_says_that_nothing_is_known_is_no_value(reader):
    assert reader.spell(["-", "N/A", "unknown", "Atlantis"]) == ["", "", "", None]
    assert Countries().spell(["NA"]) == ["NA"]  # Namibia


def test_no_word_means_both_yes_and_no():
    assert not set(YES) & set(NO)
    assert len(YES) == len(set(YES))
    assert len(NO) == len(set(NO))
