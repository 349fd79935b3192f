"""How dates and times are written, by language; a language without a folder has Django's way."""
