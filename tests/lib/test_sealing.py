import pytest

from optiengine.lib.sealing import SealBroken, seal, unseal


def test_what_is_sealed_is_read_again_and_cannot_be_read_without_the_key(settings):
    token = seal("password ü")

    assert unseal(token) == "password ü"
    assert "password" not in token
    assert seal("password ü") != token

    settings.SECRETS_KEYS = ["another"]
    with pytest.raises(
        SealBroken,
        match=r"with the current SECRETS_KEYS\. Enter it again",
    ):
        unseal(token)
    with pytest.raises(SealBroken):
        unseal("nonsense")


def test_a_new_key_seals_while_the_old_one_still_opens(settings):
    settings.SECRETS_KEYS = ["old"]
    before = seal("x")

    settings.SECRETS_KEYS = ["new", "old"]
    after = seal("x")
    assert unseal(before) == "x"

    settings.SECRETS_KEYS = ["new"]
    assert unseal(after) == "x"
    with pytest.raises(SealBroken):
        unseal(before)
