"""Explain TLS errors: why a certificate is not trusted, or why the handshake failed."""

import ssl

# Codes of X509_verify_cert_error_string(3).
_NOT_YET, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_OTHER_NAMES = (62, 64)

NAME_ADVICE = "Use the name of the certificate in the url, or create a certificate for this name."
RENEW_ADVICE = "Renew the certificate, or correct the clock of this machine."
AUTHORITY_ADVICE = "Set authority to the certificate of its CA."
SELF_SIGNED_ADVICE = "Set authority to that certificate."
PLAIN_HTTP = "plain http"
_VERSIONS = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW")
_CIPHERS = ("SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO")
_CLIENT = ("TLSV13_ALERT_CERTIFICATE_REQUIRED",)
_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNEXPECTED_MESSAGE",
)


def handshake_fault_text(error: ssl.SSLError) -> str:
    """Return in few words why there is no connection, and what to do; `PLAIN` if the server does not speak TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message.rstrip('.')}. {_advice(error.verify_code)}"
    reason = error.reason or ""
    if reason in _NO_TLS:
        return PLAIN_HTTP
    if reason in _VERSIONS:
        return "the server offers no TLS version that this Python accepts. Enable TLS 1.2 or 1.3 in the server."
    if reason in _CIPHERS:
        return "the server and this Python have no common cipher or protocol. Enable TLS 1.2 or 1.3 in the server."
    if reason in _CLIENT:
        return "the server requires a client certificate, which barehop does not have. Use plain http."
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection during the handshake. Write http:// if it does not speak TLS."
    return f"{(reason or str(error)).lower().replace('_', ' ')}. Correct the url, or the server."


def _advice(code: int) -> str:
    if code in (_NOT_YET, _EXPIRED):
        return RENEW_ADVICE
    if code in _OTHER_NAMES:
        return NAME_ADVICE
    return SELF_SIGNED_ADVICE if code == _SELF_SIGNED else AUTHORITY_ADVICE
