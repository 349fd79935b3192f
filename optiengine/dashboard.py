"""The first page of the admin."""


def dashboard(request, context):
    return context
