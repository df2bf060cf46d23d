"""Every cap and timeout of the HTTP server, in one place, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one peer may use up.

    Sizes are bytes, times are seconds. The defaults suit a page behind a browser or nginx; a daemon
    sets ``body`` from its configuration, tests set what they test.
    """

    # The first line of a request. RFC 9112 section 3 recommends at least 8000; browsers stay below.
    request_line: int = 8192
    # The whole head with the first line; nginx and Apache allow about as much. It also caps what may
    # stand between two body bytes of a chunked body (extensions) and its trailer section.
    head: int = 32768
    # Header lines in one head. A browser behind two proxies sends about 25.
    header_count: int = 100
    # A request's body, whatever the handler allows: 64 MiB, above `max_upload_mb`'s default of 50.
    body: int = 64 * 1024 * 1024
    # Bytes taken from the socket that nobody has asked for yet; past it, reading pauses.
    receive_buffer: int = 65536
    # Bytes given to the socket that it has not taken yet; past it, writers wait.
    write_buffer: int = 65536
    # Open connections. Each costs about 6 KB (measured), and a slow one can hold `receive_buffer` more.
    connections: int = 512
    # Connections beyond `connections` that are told 503; those past this are dropped without a word.
    surplus_connections: int = 64
    # Requests on one connection before it is closed, so that no client keeps a place for ever.
    requests_per_connection: int = 10_000

    # From the first byte of a head (or from connecting) to its last.
    head_timeout: float = 15.0
    # Between an answer and the next request. nginx keeps its upstream connections for 60 s.
    idle_timeout: float = 75.0
    # One silence within a body.
    body_timeout: float = 30.0
    # The whole body must come at this rate (bytes/s) or faster once `body_timeout` has been used up by
    # waiting. 500 bytes/s is a tenth of a modem line: slower is an attack or a dead line.
    body_rate: int = 500
    # Waiting for the peer to take at least something of what was written.
    write_timeout: float = 30.0
    # After an answer that closes the connection while the peer still sends: how long its bytes are read
    # and thrown away, so that it can read the answer before TCP resets the connection.
    linger_timeout: float = 10.0
    # Told to clients that find every place taken.
    retry_after: int = 5
