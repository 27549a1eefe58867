"""Files behind links that expire: fetched from hosts that aren't trusted, kept by what is in them."""

from .fetch import DeadLink as DeadLink
from .fetch import Fetcher as Fetcher
from .fetch import Unsafe as Unsafe
from .store import FileStore as FileStore
from .store import PartialFile as PartialFile
from .store import StoredFile as StoredFile
from .store import hash_of as hash_of
