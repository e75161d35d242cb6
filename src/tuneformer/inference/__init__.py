"""A trained run in use: loaded, evaluated, generating, translating."""
