from django.db import migrations

DEFAULT_ROUTES = {
    "email": "smtp",
    "sms": "file_drop",
    "push": "file_drop",
    "call": "file_drop",
    "post": "file_drop",
}


def make_routes(apps, schema_editor):
    ChannelRoute = apps.get_model("journeys", "ChannelRoute")
    for channel, transport in DEFAULT_ROUTES.items():
        ChannelRoute.objects.get_or_create(channel=channel, defaults={"transport": transport})


class Migration(migrations.Migration):
    dependencies = [("journeys", "0002_partitions")]
    operations = [migrations.RunPython(make_routes, migrations.RunPython.noop)]
