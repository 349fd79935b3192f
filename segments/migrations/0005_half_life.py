import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0004_unchecked_consent_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='half_life_days',
            field=models.PositiveSmallIntegerField(default=180, help_text='Days after which what a contact taught counts half. Shorter follows change sooner and knows less at any time. One for all campaigns, because they learn from each other; a change counts for all days that are kept, from the next learning on.', validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(3650)], verbose_name='half-life of learning'),
        ),
    ]
