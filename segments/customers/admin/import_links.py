"""The “Import” button of a list: it leads to the import pages, with the kind chosen."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action


class ImportLink:
    """For admin classes of what a file can bring."""

    import_kind: str
    actions_list = ["import_file"]

    @action(
        description=_("Import"), icon="upload", url_path="import-file", permissions=["import_file"]
    )
    def import_file(self, request: HttpRequest) -> HttpResponse:
        return redirect(f"{reverse('admin:segments_importjob_add')}?kind={self.import_kind}")

    def has_import_file_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("segments.add_importjob")
