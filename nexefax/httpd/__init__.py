"""A small HTTP/1.1 server on httptools and asyncio. It knows nothing of faxes."""

from nexefax.httpd.forwarded import Network, Peer
from nexefax.httpd.headers import Headers
from nexefax.httpd.limits import HttpLimits
from nexefax.httpd.request import Request
from nexefax.httpd.response import FileBody, Response
from nexefax.httpd.router import Handler, Router
from nexefax.httpd.server import ErrorPage, HttpServer

__all__ = [
    "ErrorPage",
    "FileBody",
    "Handler",
    "Headers",
    "HttpLimits",
    "HttpServer",
    "Network",
    "Peer",
    "Request",
    "Response",
    "Router",
]
