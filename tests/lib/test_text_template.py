"""The language of messages: what it can do, and what nobody can make it do (faults T35)."""

from datetime import date
from importlib import import_module

import pytest

from campaigns.message_variables import VARIABLES
from optiengine.lib import text_filters
from optiengine.lib.text_filters import FILTERS
from optiengine.lib.text_scan import TextError
from optiengine.lib.text_template import read_text

VALUES = {
    "customer": {
        "id": "C-7",
        "first_name": "Anna",
        "last_name": "",
        "birth_date": date(1990, 5, 1),
        "attributes": {"club": "gold", "shoes": ["red", "blue"], "fax": None},
    },
    "offer": "10 % off",
    "campaign": "Spring",
}
EVIL = "<script>\"'&{{ offer }}{% assign x = 1 %}"


def filled(text: str, values=VALUES, *, is_html: bool = False) -> str:
    return read_text(text, VARIABLES, is_html=is_html).fill_in(values)


def problems(text: str) -> list[str]:
    """What is wrong with a text, found by reading it or by filling it in."""
    with pytest.raises(TextError) as caught:
        filled(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi {{ customer.first_name }}!", "Hi Anna!"),
        ('Dear {{ customer.last_name | default: "customer" }},', "Dear customer,"),
        ("{{ customer.attributes.club | upcase }}", "GOLD"),
        ("[{{ customer.attributes.unheard_of }}]", "[]"),
        ("[{{ customer.attributes.fax }}]", "[]"),
        ("{% if customer.attributes.club == 'gold' %}a{% else %}b{% endif %}", "a"),
        ("{% for each in customer.attributes.shoes %}{{ each }};{% endfor %}", "red;blue;"),
        ("{{ customer.attributes.shoes | join: ' and ' }}", "red and blue"),
        ("{{ customer.birth_date }}", "1990-05-01"),
        ('{{ "--02-29" | date: "%-d.%-m." }}', "29.2."),
        ('{{ "--02-29" | date: "%d.%m.%Y" | default: "soon" }}', "soon"),
        ('{{ "--13-29" | date: "%-d.%-m." }}', "--13-29"),
        ('{{ customer.birth_date | date: "%-d.%-m.%y" }}', "1.5.90"),
        ("{% raw %}{{ offer }}{% endraw %} {{ '{{' }} {{ '{%' }} $5", "{{ offer }} {{ {% $5"),
        ("{% assign x = 2 %}{{ x | times: 3 | plus: 1 }}", "7"),
        ("{% comment %}{{ nobody.reads | this }}{% endcomment %}", ""),
        ("two\nlines {%- # and a remark %} stay", "two\nlines stay"),
        ("no braces, but $5 and 100 %", "no braces, but $5 and 100 %"),
    ],
)
def test_a_text_is_filled_in(text, expected):
    assert filled(text) == expected


@pytest.mark.parametrize("name", ["size", "first", "last", "keys", "items", "values", "get", "0"])
@pytest.mark.parametrize("attributes", [{}, {"club": "gold", "shoe": "42"}])
def test_a_missing_attribute_is_missing_whatever_its_name(name, attributes):
    text = '{{ customer.attributes.NAME | default: "unknown" }}'.replace("NAME", name)
    if name == "0":
        text = '{{ customer.attributes["0"] | default: "unknown" }}'

    assert filled(text, {"customer": {"attributes": attributes}}) == "unknown"
    assert filled(text, {"customer": {"attributes": attributes | {name: "M"}}}) == "M"


@pytest.mark.parametrize("name", ["size", "first", "last"])
def test_an_attribute_within_another_may_be_missing(name):
    text = f"[{{{{ customer.attributes.pet.{name} }}}}]"

    assert filled(text, {"customer": {"attributes": {"pet": {"kind": "cat"}}}}) == "[]"
    assert filled(text, {"customer": {"attributes": {"pet": {name: "S"}}}}) == "[S]"


def test_lists_still_have_a_size_and_ends():
    text = "{% assign shoes = customer.attributes.shoes %}"
    text += "{{ shoes.size }} {{ shoes.first }} {{ shoes.last }}"

    assert filled(text) == "2 red blue"
    loop = "{% for s in customer.attributes.shoes %}{% if forloop.last %}{{ s }}{% endif %}"
    assert filled(loop + "{% endfor %}") == "blue"


def test_template_code_in_a_value_is_not_run():
    assert filled("{{ offer }}", {"offer": "{{ campaign }}{% raw %}"}) == "{{ campaign }}{% raw %}"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\n{{ customer.frst_name }}", 2, "did you mean “customer.first_name”?"),
        ("{{ first_name }}", 1, "did you mean “customer.first_name”?"),
        ("{{ offer | downcas }}", 1, "did you mean “downcase”?"),
        ("a\nb\n{{ offer", 3, "“{{” is not closed. Add “}}”"),
        ("{{ offer, and\n\n{{ campaign }}", 1, "“{{” is not closed"),
        ("\n{% if offer %}yes", 2, "Add “{% endif %}” where it ends"),
        ("{% if offer %}\n{% endfor %}", 2, "“endfor” was found where “endif” is expected"),
        ("{% endif %}", 1, "“endif” has no opening tag"),
        ("\n{% else %}", 2, "“else” can only be used inside “if”"),
        ("{% when 1 %}", 1, "“when” can only be used inside “case”"),
        ("a\n{{ }}", 2, "nothing between the braces"),
        ("\n\n{% if offer and %}x{% endif %}", 3, "this is not valid"),
        ("\n{{ offer | }}", 2, "this is not valid"),
        ("\n{{ 1 | divided_by: 0 }}", 2, "can't divide by 0"),
        ('\n{{ customer.birth_date | date: "%B" }}', 2, "a date format can only use"),
        ("{% raw %}", 1, "“raw” is not closed"),
    ],
)
def test_a_problem_names_its_line_and_what_to_do(text, line, words):
    [problem] = problems(text)

    assert problem.startswith(f"Line {line}: ")
    assert words in problem


def test_everything_unknown_is_named_at_once_in_order_each_once():
    faults = problems("{{ b }}\n{{ a }} {{ b }}\n{{ offer | safe }}")

    assert [each.split(".")[0].partition(" (")[0] for each in faults] == [
        "Line 1: “b” does not exist",
        "Line 2: “a” does not exist",
        "Line 3: the filter “safe” does not exist",
    ]


def test_an_unknown_variable_is_found_where_it_would_not_be_reached():
    assert "“secret”" in problems("{% if false %}{{ secret }}{% endif %}")[0]


@pytest.mark.parametrize(
    "text",
    [
        "{{ settings }}",
        "{{ settings.SECRET_KEY }}",
        "{{ customer }}",
        "{{ customer.__class__ }}",
        "{{ customer.__class__.__mro__ }}",
        "{{ customer['__class__'] }}",
        "{{ customer[offer] }}",
        "{{ customer.items }}",
        "{{ offer.__class__ }}",
        "{{ offer.format }}",
        "{{ self }}{{ env }}{{ template }}{{ globals }}",
        "{{ now }}",
        "{{ request.user }}",
        "{{ customer.attributes }}",
        "{% include 'secrets' %}",
        "{% render 'secrets' %}",
        "{% extends 'base' %}",
        "{% debug %}",
        "{% load static %}",
        "{% liquid assign x = 1 %}",
        "{% tablerow i in (1..9) %}{% endtablerow %}",
        "{% increment x %}",
        "{% comment %}{% raw %}{% endcomment %}",
        "{{ offer | safe }}",
        "{{ offer | map: '__class__' }}",
        "{{ offer | base64_decode }}",
        "{{ offer | url_decode }}",
        "{{ offer | attr: '__class__' }}",
    ],
)
def test_there_is_no_way_out_of_the_sandbox(text):
    with pytest.raises(TextError):
        read_text(text, VARIABLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ customer.attributes.__class__ }}", ""),
        ("{{ customer.attributes.club.__class__.__mro__ }}", ""),
        ("{{ customer.attributes.shoes.append }}", ""),
        ("{% assign x = offer %}{{ x.__class__ }}{{ x.upper }}", ""),
        ("{% for i in customer.attributes.shoes %}{{ forloop.__class__ }}{% endfor %}", ""),
        ("{{ 'now' | date: '%Y' }}", "now"),
    ],
)
def test_the_insides_of_a_value_are_empty(text, expected):
    assert filled(text) == expected


DOUBLE = "{% assign x = x | "


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..99999999999999999999999999) %}x{% endfor %}",
        "{% for i in (1..900) %}{% for j in (1..900) %}{% endfor %}{% endfor %}",
        "{% for i in (1..900) %}{% endfor %}{% for j in (1..900) %}{% endfor %}",  # one after other
        "{% assign x = 10 %}" + f"{DOUBLE} times: x %}}" * 30,  # 10^(2^30)
        "{% assign x = 10 %}{% for i in (1..900) %}{% assign x = x | times: 10 %}{% endfor %}",
        "{{ 999999999999999999999 | times: 2 }}",
        "{{ '1e999' | times: 2 }}",
        "{% assign x = 'ten chars.' %}" + f"{DOUBLE} append: x %}}" * 30,
        "{% assign x = 'aaaaaaaaaa' %}" + f"{DOUBLE} replace: 'a', x %}}" * 30,
        "{% assign x = 'aaaaaaaaaa' %}" + f"{DOUBLE} replace: '', x %}}" * 30,
        "{% assign x = 'aaaaaaaaaa' %}" + "{% capture x %}{{ x }}{{ x }}{% endcapture %}" * 30,
        "{{ (1..1000000000) | join: 'x' }}",
        "{{ (1..1000000000) | first }}",
        "{% for i in (1..900) %}" + "{{ offer | upcase }}" * 20 + "{% endfor %}",
        "{% if offer %}" * 40 + "{% endif %}" * 40,
        "{% if " + "1 and " * 300 + "1 %}" * 100,
        "{{ " + "a[" * 900 + "]" * 900 + " }}",
        "{{" * 90_000,
        "{% raw %}" * 20_000,
        "{{ " + " " * 1_900 + "}}" * 20_000,
        "{{ offer }}" * 3_000,  # 21,000 characters between braces
        "x" * 200_001,
    ],
)
def test_no_text_costs_more_than_a_message_may(text):
    with pytest.raises(TextError):
        filled(text)


def test_a_long_text_grows_to_its_limit_and_no_further():
    text = "{% for i in (1..1000) %}" + "x" * 600 + "{% endfor %}"

    assert "longer than 500,000 bytes" in problems(text)[0]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_no_filter_lets_a_customers_value_into_the_html(name):
    """Without an argument, with one of the text's and with one of the customer's."""
    values = {**VALUES, "offer": EVIL, "customer": {"attributes": {"x": [EVIL, {EVIL: EVIL}]}}}
    value = "customer.attributes.x"
    for text in (
        f"{{{{ offer | {name} }}}}",
        f"{{{{ {value} | {name} }}}}",
        f"{{{{ offer | {name}: '-' }}}}",
        f"{{{{ 'a-b' | {name}: offer }}}}",
        f"{{{{ 'a-b' | {name}: '-', offer }}}}",
        f"{{{{ {value} | {name}: offer }}}}",
        f"{{% assign y = offer | {name} %}}{{{{ y | append: offer }}}}",
        f"{{% capture y %}}{{{{ offer }}}}{{% endcapture %}}{{{{ y | {name} }}}}",
    ):
        try:
            html = filled(text, values, is_html=True)
        except TextError:
            continue
        assert "<script" not in html.lower(), text
        assert '"' not in html, text


def test_filters_are_those_of_the_list_and_each_is_bounded():
    from optiengine.lib.text_template import _HTML, _PLAIN

    assert set(_PLAIN.filters) == set(_HTML.filters) == set(FILTERS)
    assert {"safe", "map", "where", "sum", "date", "join"} & set(FILTERS) == {"date", "join"}
    assert all(hasattr(each, "__wrapped__") for each in _PLAIN.filters.values())
    assert text_filters.MOST_ITEMS <= 1_000


MIGRATION = import_module("campaigns.migrations.0012_placeholders_become_liquid")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Hi $first_name!", "Hi {{ customer.first_name }}!"),
        ("${offer}n $campaign.", "{{ offer }}n {{ campaign }}."),
        ("${first_name|dear you},", '{{ customer.first_name | default: "dear you" }},'),
        ('${last_name|"you"}', "{{ customer.last_name | default: '\"you\"' }}"),
        ("$customer_id", "{{ customer.id }}"),
        ("$$offer for $5, $unknown", "$offer for $5, $unknown"),
        ("{{ so }} it was", '{{ "{{" }} so }} it was'),
    ],
)
def test_old_placeholders_become_liquid(old, new):
    assert MIGRATION.to_liquid(old) == new
    read_text(new, VARIABLES)


def test_new_texts_go_back_to_placeholders():
    for old in ("Hi ${first_name}!", "${last_name|you} $$5", '${offer|"x"}', "{{ so }}"):
        assert MIGRATION.to_placeholders(MIGRATION.to_liquid(old)) == old
