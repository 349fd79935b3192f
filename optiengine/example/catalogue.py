"""The campaigns of the simulated retailer: 24 of them, each good for some customers."""

from optiengine.example.population import CATEGORIES
from optiengine.example.truth import Action, Campaign, Catalogue, Effect

EMAIL_CENTS, SMS_CENTS, APP_CENTS = 2, 8, 1


def retail_catalogue() -> Catalogue:
    return Catalogue((*_lifecycle(), *_price(), *_news(), *_categories(), *_app()))


def _lifecycle() -> list[Campaign]:
    return [
        Campaign(
            "welcome", "Welcome", "lifecycle", "new", rank=1,
            actions=(
                _email("welcome.email", -0.005, new=0.06, young=0.015),
                _email("welcome.voucher", -0.01, discount=0.10, new=0.06, price=0.06),
            ),
        ),
        Campaign(
            "birthday", "Happy birthday", "lifecycle", "birthday", rank=2,
            actions=(
                _email("birthday.email", 0.0, birthday=0.03, loyal=0.04),
                _email("birthday.voucher", -0.01, discount=0.10, birthday=0.05, price=0.05),
            ),
        ),
        Campaign(
            "winback", "We miss you", "lifecycle", "lapsed", rank=3, window_days=14,
            actions=(
                _email("winback.email", -0.03, lapsed=0.05, seasoned=0.02),
                _email("winback.voucher", -0.05, discount=0.15, lapsed=0.06, price=0.08),
                _sms("winback.sms", -0.04, lapsed=0.045, young=0.05),
            ),
        ),
        Campaign(
            "thanks", "Thank you for your order", "lifecycle", "recent", rank=4,
            actions=(_email("thanks.email", 0.0, recent=0.01, loyal=0.025),),
        ),
        Campaign(
            "at_risk", "Something for you", "lifecycle", "at_risk",
            actions=(
                _email("at_risk.email", -0.015, lapsed=0.03, loyal=0.04),
                _email("at_risk.voucher", -0.02, discount=0.10, lapsed=0.03, price=0.08),
            ),
        ),
        Campaign(
            "review", "Tell us what you think", "lifecycle", "recent",
            actions=(_email("review.email", -0.008, recent=-0.01, loyal=0.02, seasoned=0.02),),
        ),
    ]  # fmt: skip


def _price() -> list[Campaign]:
    return [
        Campaign(
            "clearance", "Clearance", "price", "everyone",
            actions=(
                _email("clearance.email", -0.025, discount=0.10, price=0.10, loyal=-0.04),
                _sms("clearance.sms", -0.035, discount=0.10, price=0.11, young=0.02),
            ),
        ),
        Campaign(
            "midweek", "Midweek price-off", "price", "everyone",
            actions=(_email("midweek.email", -0.025, discount=0.05, price=0.07, lapsed=0.01),),
        ),
        Campaign(
            "free_delivery", "Free delivery", "price", "everyone",
            actions=(_email("free_delivery.email", -0.02, discount=0.05, price=0.04, young=0.03),),
        ),
        Campaign(
            "bundle", "Three for two", "price", "everyone",
            actions=(
                _email("bundle.email", -0.025, discount=0.08, price=0.05, home=0.03, kids=0.03),
            ),
        ),
    ]  # fmt: skip


def _news() -> list[Campaign]:
    return [
        Campaign(
            "newsletter", "Newsletter", "news", "everyone",
            actions=(
                _email("newsletter.stories", -0.012, seasoned=0.03, loyal=0.015),
                _email("newsletter.products", -0.012, young=0.02, loyal=0.02),
            ),
        ),
        Campaign(
            "loyalty", "Your loyalty points", "news", "everyone", rank=5,
            actions=(_email("loyalty.email", -0.015, loyal=0.08),),
        ),
        Campaign(
            "season", "New season", "season", "everyone",
            actions=(
                _email("season.email", -0.025, shoes=0.03, outdoor=0.03, loyal=0.02),
                _sms("season.sms", -0.025, shoes=0.03, outdoor=0.03, young=0.02),
            ),
        ),
        Campaign(
            "events", "In your store this week", "news", "everyone",
            actions=(_email("events.email", -0.012, seasoned=0.05),),
        ),
        Campaign(
            "survey", "Two minutes of your time", "news", "everyone",
            actions=(_email("survey.email", -0.012, loyal=0.01),),
        ),
    ]  # fmt: skip


def _categories() -> list[Campaign]:
    return [
        Campaign(
            f"cross_{category}", f"New in {category}", "cross-sell", "everyone",
            category=category,
            actions=(
                _email(f"cross_{category}.email", -0.02, **{category: 0.07}),
                *(
                    [_email(f"cross_{category}.voucher", -0.035, discount=0.10,
                            **{category: 0.07}, price=0.06)]
                    if category in ("shoes", "home", "electronics")
                    else []
                ),
            ),
        )
        for category in CATEGORIES
    ]  # fmt: skip


def _app() -> list[Campaign]:
    return [
        Campaign(
            "flash", "Flash sale in the app", "app", "everyone",
            actions=(_app_push("flash.push", -0.03, discount=0.05, young=0.05, price=0.05),),
        ),
        Campaign(
            "back_in_stock", "Back in stock", "app", "everyone",
            actions=(_app_push("back_in_stock.push", -0.012, recent=0.02, loyal=0.06),),
        ),
        Campaign(
            "app_only", "Only in the app", "app", "everyone",
            actions=(_app_push("app_only.push", -0.025, young=0.04, electronics=0.03),),
        ),
    ]  # fmt: skip


def _email(key: str, base: float, discount: float = 0.0, **weights: float) -> Action:
    return Action(key, "email", EMAIL_CENTS, Effect(base, weights), discount)


def _sms(key: str, base: float, discount: float = 0.0, **weights: float) -> Action:
    return Action(key, "sms", SMS_CENTS, Effect(base, weights), discount)


def _app_push(key: str, base: float, discount: float = 0.0, **weights: float) -> Action:
    return Action(key, "app", APP_CENTS, Effect(base, weights), discount)
