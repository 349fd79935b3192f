from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]
    operations = [
        migrations.AlterField(
            "action",
            "body",
            models.TextField(
                blank=True,
                help_text="$first_name, $last_name, $customer_id, $offer and $campaign are filled "
                "in; ${first_name|customer} says “customer” where the name is blank; $$ is a "
                "dollar sign.",
                verbose_name="text",
            ),
        ),
    ]
