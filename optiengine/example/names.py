"""Where the simulated customers live and what they are called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """A market of the retailer: its share of customers, its time zones and its language."""

    code: str
    share: float
    timezones: tuple[tuple[str, float], ...]  # IANA name, share within the country
    language: str


COUNTRIES = (
    Country("PT", 0.34, (("Europe/Lisbon", 0.94), ("Atlantic/Azores", 0.06)), "pt"),
    Country("ES", 0.18, (("Europe/Madrid", 0.95), ("Atlantic/Canary", 0.05)), "es"),
    Country("BR", 0.14, (("America/Sao_Paulo", 0.9), ("America/Manaus", 0.1)), "pt"),
    Country("FR", 0.12, (("Europe/Paris", 1.0),), "fr"),
    Country("DE", 0.12, (("Europe/Berlin", 1.0),), "de"),
    Country("GB", 0.10, (("Europe/London", 1.0),), "en"),
)

FIRST_NAMES = {
    "pt": "Maria João Ana Inês Tiago Beatriz Gonçalo Catarina Duarte Leonor Rui Sofia Miguel "
    "Mariana António Luísa Vasco Filipa Nuno Conceição",
    "es": "Lucía Hugo Sofía Martín Carmen Pablo Paula Álvaro Elena Íñigo Nuria Javier",
    "fr": "Camille Léa Hugo Chloé Louis Manon Jules Inès Gaël Élodie Théo Agnès",
    "de": "Anna Lukas Lena Jonas Jürgen Mia Paul Käthe Felix Johanna Björn Greta",
    "en": "Olivia Oliver Amelia George Isla Harry Ava Noah Emily Jack Grace Leo",
}
LAST_NAMES = {
    "pt": "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa Fernandes "
    "Gonçalves Lopes Araújo Conceição Simões Magalhães Brandão Guimarães Antunes Leitão",
    "es": "García Fernández Núñez López Martínez Ibáñez Gómez Ruiz Muñoz Vázquez",
    "fr": "Martin Bernard Lefèvre Dubois Rousseau François Girard Mercier Besson Lemaître",
    "de": "Müller Schmidt Schäfer Weber Krüger Wagner Groß Hoffmann Köhler Vogel",
    "en": "Smith Jones Taylor Brown Williams Wilson O'Neill Clarke Hughes Bennett",
}
