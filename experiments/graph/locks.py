"""Locks and temporary names by which processes, of one machine or of many, share a folder.

A lock saves work: what is being made is not made twice. Nothing rests on it, since some network file systems have no flock, and
others grant it to two machines at once: temporary names belong to one process, and a rename decides whose run is kept.
"""

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.graph.files import remove

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def lock(handle: int, wait: bool = True) -> bool:
    """Locks an open file, until it is closed; False if another process holds it and `wait` is false.

    True without a lock where the file system has none.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """An empty folder beside `place`, of this process alone, removed at the end of the block unless it was moved.

    Those that processes of this machine left behind when they were killed are removed before.
    """
    host = socket.gethostname()
    for left in place.parent.glob(f"{place.name}.{host}.*"):
        if not _lives(left.name.removeprefix(f"{place.name}.{host}.").partition(".")[0]):
            remove(left)
    folder = place.with_name(f"{place.name}.{host}.{os.getpid()}.{secrets.token_hex(4)}")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):  # of another user, or no name of ours
        pass
    return True
