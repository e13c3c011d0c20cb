"""Reads the key that verifies tokens of a team's earlier code: an HMAC secret or a strong enough public key."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

#: What PyJWT takes: bytes, or a public key of the `cryptography` package.
VerifyingKey: TypeAlias = Any

MIN_RSA_BITS: Final = 2048
#: The length of the longest HMAC digest, in bytes.
_LONGEST_DIGEST: Final = 64


def is_hmac(algorithm: str) -> bool:
    """Returns whether a token of this algorithm is verified with the secret that signed it."""
    return algorithm.startswith("HS")


def verifying_key(text: str, algorithm: str) -> VerifyingKey:
    """Returns the key as `jws.verified` takes it. The strength of an HMAC secret is not checked here.

    Args:
        text: the secret, or a public key in PEM. Its line breaks may be written as a backslash and an n, because
            many environments turn them into that.
        algorithm: the only algorithm that the key will be used with.

    Raises:
        ValueError: it is not a key for that algorithm. The message is to follow the name of a variable, and
            contains nothing of the key.
    """
    if is_hmac(algorithm):
        if "-----BEGIN" in text:
            # Anyone who has the public key could sign with it as if it were the secret (RFC 8725 section 2.1).
            raise ValueError(f"is a key in PEM, but {algorithm} takes a secret: set LEGACY_JWT_ALGORITHM")
        # HMAC itself pads a short key with zeros (RFC 2104 section 2); PyJWT would warn about it for every token.
        return text.encode().ljust(_LONGEST_DIGEST, b"\0")
    return _public_key(text.replace("\\n", "\n").encode(), algorithm)


def _public_key(pem: bytes, algorithm: str) -> VerifyingKey:
    # Imported only if there is such a key: it takes long, and the command line starts often.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in pem:
        raise ValueError("is a private key: the public half is enough for verifying")
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
