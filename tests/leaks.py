"""The search for secrets: its own list of how a secret can be spelled, which knows nothing of how we redact."""

import base64
import html
import json
import pickle
import urllib.parse


def _base64_within(before, encode):
    def spell(secret):
        whole = encode(before + secret.encode() + b"/")
        # The first and last characters depend on what stands beside the secret.
        return whole[-(-len(before) * 4 // 3) : (len(before) + len(secret.encode())) * 4 // 3]

    return spell


def _relower(quoted):
    first, *rest = quoted.split("%")
    return first + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


ENCODINGS = {
    "plain": lambda secret: secret,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON with \\/": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "JSON of .NET": lambda secret: "".join(
        char
        if char.isascii() and char.isalnum()
        else json.dumps(char)[1:-1]
        if ord(char) > 0x7F
        else f"\\u{ord(char):04X}"
        for char in secret
    ),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: urllib.parse.quote(secret, safe=""),
    "URL path": urllib.parse.quote,
    "URL, lower case": lambda secret: _relower(urllib.parse.quote(secret, safe="")),
    "form": urllib.parse.quote_plus,
    "HTML": html.escape,
    "HTML, decimal": lambda secret: "".join(char if char.isalnum() else f"&#{ord(char)};" for char in secret),
    "base64": lambda secret: base64.b64encode(secret.encode()),
    "base64 of URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()),
    "base64 after 1": _base64_within(b":", base64.b64encode),
    "base64 after 2": _base64_within(b"u:", base64.b64encode),
    "base64 of URLs after 1": _base64_within(b":", base64.urlsafe_b64encode),
    "base64 of URLs after 2": _base64_within(b"u:", base64.urlsafe_b64encode),
    "hex": lambda secret: secret.encode().hex(),
    "hex, capitals": lambda secret: secret.encode().hex().upper(),
    "UTF-16": lambda secret: secret.encode("utf-16-le"),
    "UTF-16, big end first": lambda secret: secret.encode("utf-16-be"),
    "pickle": lambda secret: pickle.dumps(secret)[11:-2],
    "repr": repr,
    "repr, ASCII": ascii,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "capitals": str.upper,
    "lower case": str.lower,
    "blanks folded": lambda secret: " ".join(secret.split()),
}
"""By name, how a secret can be spelled: a function from the secret to text or bytes."""


def spell(secret, encoding):
    """The secret in one encoding, as bytes."""
    spelled = ENCODINGS[encoding](secret)
    return spelled if isinstance(spelled, bytes) else spelled.encode("utf-8", "surrogatepass")


def spellings(secret):
    """The secret in each encoding, as bytes; quotation marks around it are not part of it."""
    return {_bare(spell(secret, encoding), encoding) for encoding in ENCODINGS}


def _bare(spelled, encoding):
    if encoding == "repr of bytes":
        return spelled[2:-1]
    if encoding == "JSON in JSON":
        return spelled[3:-3]
    return spelled[1:-1] if encoding != "JSON of .NET" and encoding.startswith(("JSON", "repr")) else spelled


def leaks(secret, directory, *texts):
    """The names of files below a directory, and the numbers of texts, that hold the secret in any encoding."""
    wanted = spellings(secret)
    found = [path.name for path in sorted(directory.rglob("*")) if path.is_file() and _holds(path.read_bytes(), wanted)]
    return found + [number for number, text in enumerate(texts) if leaks_into(text, secret)]


def leaks_into(text, secret):
    """Whether a text holds the secret in any encoding."""
    return _holds(text.encode("utf-8", "surrogatepass"), spellings(secret))


def _holds(content, wanted):
    return any(spelled in content for spelled in wanted)
