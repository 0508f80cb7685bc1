"""TLS: the connection to a server with https, and what is wrong with one that cannot be made.

Certificates and host names are always checked: against the system's store, or a file of
certificates that is named in its place. Python's own variables (SSL_CERT_FILE, SSL_CERT_DIR) say
where the system's store is.
"""

from __future__ import annotations

import functools
import socket
import ssl

from .errors import InternalError, InvalidArgumentError, TreadleError, UnavailableError

_WRONG_HOST = (62, 64)  # of OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_UNTRUSTED = (2, 18, 19, 20, 21)  # no path from the certificate to one that is trusted
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL")


@functools.cache
def context_of(ca_file: str) -> ssl.SSLContext:
    """Whom to trust. Made once in a process. Raises InvalidArgumentError."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if not isinstance(error, ssl.SSLError) else "it has no certificate"
        raise InvalidArgumentError(
            f"the CA file {ca_file} cannot be read: {why}; it holds certificates as PEM",
            field="ca_file",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def wrapped(plain: socket.socket, host: str, ca_file: str) -> ssl.SSLSocket:
    """Before its handshake. The connection's end is an error unless the server announced it, so a
    cut answer is never taken for a whole one."""
    return context_of(ca_file).wrap_socket(
        plain,
        server_hostname=host.partition("%")[0],
        do_handshake_on_connect=False,
        suppress_ragged_eofs=False,
    )


def handshake_error(error: OSError, url: str) -> TreadleError:
    """UNAVAILABLE, and the call is repeated, unless the server would have to be another: what is
    wrong with a certificate does not pass within a call's time."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        if error.verify_code in _UNTRUSTED:
            why += "; name the certificate of its CA with ca_file or TREADLE_CA_FILE"
        elif error.verify_code in _WRONG_HOST:
            why += "; use a name that the certificate has"
        return InternalError(f"the certificate of {url} cannot be trusted: {why}")
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return InternalError(
            f"{url} does not speak TLS. Treadle itself does not: write http://, or name the proxy "
            "in front of it"
        )
    if isinstance(error, ssl.SSLEOFError):
        why = "the connection was closed"
    elif isinstance(error, ssl.SSLError) and error.reason:
        why = error.reason.replace("_", " ").lower()
    else:
        why = error.strerror or str(error)
    return UnavailableError(f"cannot speak TLS with {url}: {why}")


def has_news(channel: socket.socket) -> bool:
    """Whether the server closed it, or sent what nobody asked for. Session tickets are neither."""
    channel.settimeout(0)
    try:
        channel.recv(1)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    except OSError:
        pass
    return True
