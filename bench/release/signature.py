"""Signs a certificate and verifies a release, without a network: Ed25519 over the bytes of the certificate."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import DataError, MissingExtraError
from bench.core.files import explain_io_errors, sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CERTIFICATE, SIGNATURE, PUBLIC_KEY = "certificate.json", "certificate.sig", "public_key.pem"
_NOT_LISTED = {CERTIFICATE, SIGNATURE, PUBLIC_KEY}


def default_key() -> Path:
    """Return where the private key of this user lies: ``omics-bench/release_key.pem`` in the settings folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "omics-bench" / "release_key.pem"


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a file, which is made on first use and readable by its owner alone.

    Raises
    ------
    DataError
        If the file is no private Ed25519 key.
    MissingExtraError
        If the library ``cryptography`` is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        raise MissingExtraError("signing a release", "cryptography", "release") from error
    if not path.exists():
        made = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with explain_io_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
                file.write(made)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no private key ({error}); name another with --key, or move it away.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise DataError(f"{path} is a private key of another kind; expected Ed25519. Name another with --key.")
    return key


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write the signature of the certificate in a folder, and the public key beside it."""
    from cryptography.hazmat.primitives import serialization

    signature = key.sign((folder / CERTIFICATE).read_bytes())
    (folder / SIGNATURE).write_text(base64.b64encode(signature).decode() + "\n", encoding="utf-8")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / PUBLIC_KEY).write_bytes(public)


def problems_of(folder: Path, key: Path | None = None) -> Iterator[str]:
    """Yield in words what is wrong with a release: signature, digests, files; nothing if all is well.

    Parameters
    ----------
    key : the public key that it must be signed with, got by another way; without it, a stranger who wrote everything
        anew goes unnoticed

    Raises
    ------
    DataError
        If the folder holds no release, or `key` no public key.
    """
    if missing := [name for name in sorted(_NOT_LISTED) if not (folder / name).is_file()]:
        raise DataError(f"{folder} holds no {missing[0]}; expected a folder that `bench release` wrote.")
    if key is not None and not _is_public_key(key):
        raise DataError(f"{key} is no public key; expected a file like the public_key.pem beside a release.")
    if key is not None and key.read_bytes().strip() != (folder / PUBLIC_KEY).read_bytes().strip():
        yield f"it is signed with another key than {key}"
    if not _signed(folder):
        yield "the signature is not that of certificate.json: the certificate was changed"
    try:
        listed = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        yield "certificate.json cannot be read"
        return
    yield from _wrong_files(folder, listed)


def _is_public_key(path: Path) -> bool:
    return path.is_file() and b"-----BEGIN PUBLIC KEY-----" in path.read_bytes()


def _wrong_files(folder: Path, listed: dict[str, dict[str, str]]) -> Iterator[str]:
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - _NOT_LISTED
    for name in sorted(listed.keys() | there):
        if name not in there:
            yield f"{name} is missing"
        elif name not in listed:
            yield f"{name} is not in the certificate"
        elif sha256(folder / name) != listed[name]["sha256"]:
            yield f"{name} was changed"


def _signed(folder: Path) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError as error:
        raise MissingExtraError("verifying a release", "cryptography", "release") from error
    try:
        key: Ed25519PublicKey = load_pem_public_key((folder / PUBLIC_KEY).read_bytes())  # type: ignore[assignment]
        signature = base64.b64decode((folder / SIGNATURE).read_text(encoding="utf-8"))
        key.verify(signature, (folder / CERTIFICATE).read_bytes())
    except (InvalidSignature, ValueError, TypeError, AttributeError):
        return False
    return True
