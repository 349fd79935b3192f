"""The documentation as files, for a web server that serves nothing else, or for reading offline."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from optiengine.docs.references import problems
from optiengine.docs.site import Site


class Command(BaseCommand):
    help = "Write the documentation as HTML files. Fails when a link or a reference is broken."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", type=Path, default=settings.BASE_DIR / "build" / "docs", help="Folder to write."
        )

    def handle(self, *args: Any, to: Path, **options: Any) -> None:
        site = Site()
        if faults := problems(site):
            raise CommandError("\n".join(["The documentation has errors.", *faults]))
        n_pages = site.build(to)
        self.stdout.write(f"Wrote {n_pages} pages to {to}. Start page: {to / 'index.html'}")
