"""One error tree; every error that NexeFax raises on purpose is drawn here.

::

    NexeFaxError
    ├── ConfigError(ValueError)        the administrator's: a configuration file is wrong
    ├── JournalError(OSError)          ours or the disk's: the journal can't be used
    ├── BackupError                    the administrator's: a backup that can't be made, believed or restored
    ├── RepairError                    nobody's: what was to be mended is no longer so
    ├── SpoolError(OSError)            the machine's: Asterisk's spool can't be used
    ├── SpaceError(OSError)            the machine's: too little room for documents to be sent
    ├── NumberError(ValueError)        the user's: what can't be dialled
    ├── DraftError(ValueError)         the user's: what is composed can't be sent or changed so
    │   └── DraftSent                  it is sent already
    ├── DocumentError(ValueError)      the user's: a document that can't be faxed
    │   ├── TiffError                  no TIFF, or one whose directories are broken
    │   └── CoverError                 a cover page that can't be drawn
    ├── ChildError(RuntimeError)       a program that NexeFax started
    │   ├── ChildMissing               it is not installed
    │   ├── ChildTimeout(TimeoutError) it took longer than it may
    │   └── ChildFailed                it ended badly, or left no good result
    │       └── ChildBroken            the machine's: it does not work here, whatever it is given
    ├── HookError                      a webhook's: it can't be called, or gives no answer
    ├── MailError                      the mail server's
    │   ├── MailDelayed                try again: 4xx, a connection that broke
    │   │   └── MailServerDown         no mail at all can be sent now: no connection, no login
    │   └── MailRefused                final: 5xx, or a message that can't be made
    │       └── MailTooLarge           it has more bytes than the mail server takes
    └── PeerError(ConnectionError)     the peer on a socket broke its protocol
        ├── AgiError                   Asterisk, or who calls itself so
        └── HttpError                  a browser; carries the status of the answer

The text of an error is a sentence for the person it belongs to: it names the file, the option
or the field, and the remedy where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping


class NexeFaxError(Exception):
    """The root of everything that NexeFax raises on purpose."""


class ConfigError(NexeFaxError, ValueError):
    """A configuration file is wrong; ``problems`` has one sentence for each thing to mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class JournalError(NexeFaxError, OSError):
    """The journal is locked, damaged, from a newer NexeFax, or can't be written."""


class BackupError(NexeFaxError):
    """A backup can't be made, believed or restored; the text says what to do, and nothing was changed."""


class RepairError(NexeFaxError):
    """A repair is not wanted any more, or would touch what belongs to a fax; nothing was done."""


class SpoolError(NexeFaxError, OSError):
    """Asterisk's spool can't be used: missing, not ours to write, or on another filesystem."""


class SpaceError(NexeFaxError, OSError):
    """Documents to be sent are refused for lack of room (``min_free_mb``); ``strerror`` tells the administrator why."""


class NumberError(NexeFaxError, ValueError):
    """A fax number that can't be dialled; the text says why."""


class DraftError(NexeFaxError, ValueError):
    """What is composed can't be sent or changed so; ``field`` names what of it, as the API does."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class DraftSent(DraftError):
    """It is sent already: nothing about it can be changed."""


class DocumentError(NexeFaxError, ValueError):
    """A document that can't be faxed; the text is a plain sentence for the person who sent it."""


class TiffError(DocumentError):
    """A file that is no TIFF, or a TIFF whose chain of directories is broken."""


class CoverError(DocumentError):
    """A cover page that can't be drawn; where the template is at fault, the text names it for the administrator."""


class ChildError(NexeFaxError, RuntimeError):
    """A program that NexeFax started did not do its work."""


class ChildMissing(ChildError):
    """The program is not installed; the text names the package."""


class ChildTimeout(ChildError, TimeoutError):
    """The program took longer than it may and was ended."""


class ChildFailed(ChildError):
    """The program ended badly, or left no result that can be believed."""


class ChildBroken(ChildFailed):
    """The program does not work on this machine, whatever it is given: what it should have done can be done later."""


class HookError(NexeFaxError):
    """A webhook can't be called, or gives no answer."""


class MailError(NexeFaxError):
    """A mail was not taken."""


class MailDelayed(MailError):
    """Not now: no connection, a timeout, or an answer of class 4xx."""


class MailRefused(MailError):
    """Never: an answer of class 5xx, or a message that can't be made."""


class MailServerDown(MailDelayed):
    """Nothing against this mail: no mail can be sent until the server, the network or the configuration is mended."""


class MailTooLarge(MailRefused):
    """The mail server takes mails, but none of so many bytes."""


class PeerError(NexeFaxError, ConnectionError):
    """The peer on a socket broke the protocol."""


class AgiError(PeerError):
    """A FastAGI dialogue that can't go on."""


class HttpError(PeerError):
    """A request that is answered with ``status`` and closes the connection when ``close`` is set.

    ``headers`` go out with the answer (``Allow`` with 405, ``Retry-After`` with 503).
    """

    def __init__(
        self, status: int, detail: str = "", *, close: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or str(status))
        self.status = status
        self.detail = detail
        self.close = close
        self.headers = headers or {}
