"""What can go wrong between us and a server, as the faults that the gateway knows.

Works on exceptions of the SDK and of its HTTP client. Does not decide what to do about them. Invariant: every
exception becomes one fault with one printable sentence, in which no key is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from orgruntime.model.dialogue import Usage
from orgruntime.runtime.ports import ModelError, ModelFault

if TYPE_CHECKING:
    import anthropic

LONGEST_MESSAGE = 300

_TOO_LONG = re.compile(
    r"prompt is too long|context (?:length|window|size)|maximum context|exceeds? .{0,40}context|too many tokens"
    r"|input length and `?max_tokens`? exceed",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")

_BY_STATUS = {
    401: ModelFault.AUTHORITY, 402: ModelFault.AUTHORITY, 403: ModelFault.AUTHORITY, 408: ModelFault.TIMEOUT,
    409: ModelFault.SERVER, 413: ModelFault.TOO_LONG, 429: ModelFault.RATE_LIMITED, 503: ModelFault.OVERLOADED,
    504: ModelFault.TIMEOUT, 529: ModelFault.OVERLOADED,
}  # fmt: skip
_BY_TYPE = {
    "overloaded_error": ModelFault.OVERLOADED, "rate_limit_error": ModelFault.RATE_LIMITED,
    "timeout_error": ModelFault.TIMEOUT, "authentication_error": ModelFault.AUTHORITY,
    "permission_error": ModelFault.AUTHORITY, "billing_error": ModelFault.AUTHORITY,
    "invalid_request_error": ModelFault.INVALID, "request_too_large": ModelFault.TOO_LONG,
}  # fmt: skip
"""For an error that comes in the middle of a stream, whose status says that all is well."""

_SPENDING_LIMIT = "spend_limit_reached"
"""Ends the names of refusals that waiting does not lift."""


def fault_of(error: BaseException, usage: Usage | None, *, secret: str) -> ModelError:
    """`usage`: what was charged by then. `secret` is struck out of whatever the server says."""
    import anthropic
    import httpx2

    if isinstance(error, ModelError):
        return error
    if isinstance(error, anthropic.APIStatusError):
        return _refused(error, usage, secret)
    cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) and error.__cause__ else error
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return ModelError(ModelFault.UNREACHABLE, f"the server cannot be reached: {said(cause, secret)}", usage=usage)
    if isinstance(cause, TimeoutError | httpx2.TimeoutException):
        return ModelError(ModelFault.TIMEOUT, "the server did not answer in time", usage=usage)
    return ModelError(ModelFault.BROKEN, f"the answer broke off: {said(cause, secret)}", usage=usage)


def said(words: object, secret: str) -> str:
    """A foreign sentence: printable, short, without the key."""
    text = str(words) or type(words).__name__
    if secret:
        text = text.replace(secret, "***")
    text = " ".join(_CONTROL.sub(" ", text).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _refused(error: anthropic.APIStatusError, usage: Usage | None, secret: str) -> ModelError:
    words = said(error.api_message or error.message, secret)
    status = error.status_code
    in_stream = status < 300
    fault = _kind(error, words)
    if 300 <= status < 400:
        words = f"it sends us to {said(error.response.headers.get('location', 'nowhere'), secret)}; give that address"
    where = "in the middle of an answer" if in_stream else f"with status {status}"
    wait = None if in_stream else retry_after_s(error.response.headers)
    return ModelError(fault, f"the server refused {where}: {words}", retry_after_s=wait, usage=usage)


def _kind(error: anthropic.APIStatusError, words: str) -> ModelFault:
    status = error.status_code
    if status < 300:
        return _BY_TYPE.get(str(error.type), ModelFault.SERVER)
    if str(error.error_code or "").endswith(_SPENDING_LIMIT):
        return ModelFault.AUTHORITY
    if status in (400, 422, 500) and _TOO_LONG.search(words):
        return ModelFault.TOO_LONG
    return _BY_STATUS.get(status, ModelFault.SERVER if status >= 500 else ModelFault.INVALID)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone, from either of the two headers, as a number or as a date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        seconds = _number(text)
        if seconds is not None:
            return max(0.0, seconds * scale)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except ValueError:
            continue
    return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
