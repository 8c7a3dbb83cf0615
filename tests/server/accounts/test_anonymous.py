from server.accounts.identity import IdentityRules, how_to_name_users


def test_the_remedy_depends_on_what_is_set() -> None:
    assert "trust_identity_headers" in how_to_name_users(IdentityRules())
    assert "X-OpenWebUI-User-Id" in how_to_name_users(IdentityRules(trust_headers=True))
