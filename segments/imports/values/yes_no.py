"""Words for yes and no, as consents and choices are written in the large European languages.

Compared in small letters, with blanks for hyphens and underscores. Words that may mean something
else in such a column (active, none) are left out: where consent is in doubt, nothing is sent.
"""

YES = (
    *("yes", "y", "true", "t", "1", "1.0", "1,0", "on", "x", "✓", "✔", "checked"),
    *("subscribed", "subscriber", "opted in", "opt in", "optin", "optedin", "confirmed", "granted"),
    *("allowed", "accepted", "accepts marketing", "consented", "enabled"),
    *("ja", "j", "wahr", "oui", "vrai", "sí", "si", "s", "sì", "sim", "verdadeiro"),
    *("verdadero", "vero", "tak", "ano", "áno", "igen", "da", "да", "так", "ναι", "evet", "kyllä"),
    *("jah", "jā", "taip", "abonniert", "angemeldet", "inscrit", "abonné", "suscrito", "inscrito"),
    *("subscrito", "iscritto", "zapisany", "aangemeld", "ingeschreven"),
    *("double opt in", "single opt in", "confirmed opt in", "explicit", "是", "はい", "예", "네"),
)
# Of these alone a column of opt-outs says that somebody did not opt out: unsubscribed says the
# opposite there.
NEGATIONS = (
    *("no", "n", "false", "f", "0", "0.0", "0,0", "off", "✗", "✘", "unchecked", "[]"),
    *("nein", "falsch", "non", "faux", "não", "nao", "falso", "nie", "ne", "nem", "nu", "не"),
    *("нет", "ні", "όχι", "hayır", "hayir", "nee", "nej", "nei", "ei", "nē"),
    *("否", "いいえ", "아니오", "아니요"),
)
NO = (
    *NEGATIONS,
    "never",
    *("unsubscribed", "not subscribed", "never subscribed", "non subscribed", "nonsubscribed"),
    *("cleaned", "opted out", "opt out", "optout", "optedout", "pending"),
    *("unconfirmed", "denied", "revoked", "withdrawn", "refused", "rejected", "declined"),
    *("disabled", "inactive", "bounced", "blocked", "suppressed", "transactional", "archived"),
    *("abgemeldet", "désinscrit", "désabonné", "baja", "descadastrado", "disiscritto"),
    *("wypisany", "afgemeld", "uitgeschreven"),
    *("soft bounced", "hard bounced", "complained", "spam"),
)
