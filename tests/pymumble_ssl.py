"""Lets pymumble 1.6.1 run on Python 3.12 and newer: import it before pymumble."""
import ssl

if not hasattr(ssl, "wrap_socket"):
    # That Python took the function away which pymumble calls; the server signs its own
    # certificate, so there is nothing to check.
    def wrap_socket(sock, certfile=None, keyfile=None, **_):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certfile:
            context.load_cert_chain(certfile, keyfile)
        return context.wrap_socket(sock)

    ssl.wrap_socket = wrap_socket
