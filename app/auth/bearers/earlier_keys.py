"""The key that verifies tokens of a team's earlier code: an HMAC secret, or a public key that is strong enough."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

#: What PyJWT takes: bytes, or a public key of `cryptography`'s.
VerifyingKey: TypeAlias = Any

MIN_RSA_BITS: Final = 2048
#: The longest digest of the HMACs, in bytes.
_LONGEST_DIGEST: Final = 64


def is_hmac(algorithm: str) -> bool:
    """Whether a token of this algorithm is verified with the secret that signed it."""
    return algorithm.startswith("HS")


def verifying_key(text: str, algorithm: str) -> VerifyingKey:
    """The key as `jws.verified` takes it. How good an HMAC secret is, is not looked at here.

    Args:
        text: the secret, or a public key in PEM. Its line breaks may be written as a backslash and an n, which is
            what becomes of them in many an environment.
        algorithm: the one that it will be used with, and no other.

    Raises:
        ValueError: it is no key for that algorithm. The message goes on after the name of a variable, and holds
            nothing of the key.
    """
    if is_hmac(algorithm):
        if "-----BEGIN" in text:
            # Whoever has the public key could sign with it, as if it were the secret (RFC 8725 section 2.1).
            raise ValueError(f"is a key in PEM, and {algorithm} takes a secret: set LEGACY_JWT_ALGORITHM")
        # HMAC fills a short key up with zeros itself (RFC 2104 section 2); PyJWT would warn of it at every token.
        return text.encode().ljust(_LONGEST_DIGEST, b"\0")
    return _public_key(text.replace("\\n", "\n").encode(), algorithm)


def _public_key(pem: bytes, algorithm: str) -> VerifyingKey:
    # Loaded by those alone who have such a key: it takes long, and the command line starts often.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in pem:
        raise ValueError("is a private key: the public half is enough to verify with")
    if b"-----BEGIN" not in pem:
        raise ValueError(f"is not a public key in PEM, which {algorithm} takes")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a public key in PEM: it begins with -----BEGIN PUBLIC KEY-----") from None
    if algorithm == "RS256":
        fits = isinstance(key, rsa.RSAPublicKey)
    elif algorithm == "ES256":
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    else:
        fits = algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey)
    if not fits:
        raise ValueError(f"is a public key of another kind than {algorithm} takes")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise ValueError(f"is an RSA key of fewer than {MIN_RSA_BITS} bits, which can be broken")
    return key
