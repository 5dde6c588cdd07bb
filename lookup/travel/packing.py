"""Blocks as they travel: compressed, or as what differs from bytes that the other side has. The only module that
imports `zstandard` (the extra `daybreak-lookup[fetch]`).

A patch is a zstd frame with the older bytes as its dictionary, as `zstd --patch-from` makes it: in 1 MiB of lists of
which 5 % differ it takes some 4 %, however the rows that differ are scattered.
"""

import zstandard

from lookup.errors import StoreError

LEVEL = 3
PATCH_LEVEL = 9
"""The lowest that finds nearly all of a base of 2 MiB in numbers that do not compress: 6 finds a fifth of it."""
WINDOW_LOG = 23
"""Larger than a base and a block together."""


def packed(raw: bytes) -> bytes:
    """A block, compressed."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(raw)


def unpacked(data: bytes, size: int) -> bytes:
    """The bytes of a packed block. size: how many there must be. Raises StoreError where it is none."""
    return _decompress(zstandard.ZstdDecompressor(), data, size)


def patch(base: bytes, raw: bytes) -> bytes:
    """What makes `raw` of `base`."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        PATCH_LEVEL, window_log=WINDOW_LOG, source_size=len(raw), dict_size=len(base)
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=_dictionary(base)).compress(raw)


def patched(base: bytes, data: bytes, size: int) -> bytes:
    """The bytes that a patch makes of its base. size: how many. Raises StoreError where the patch is none."""
    return _decompress(zstandard.ZstdDecompressor(dict_data=_dictionary(base)), data, size)


def _dictionary(base: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _decompress(by: zstandard.ZstdDecompressor, data: bytes, size: int) -> bytes:
    try:
        # The frame says how large it is; nothing larger than what is expected is ever made.
        if zstandard.frame_content_size(data) == size:
            return by.decompress(data, max_output_size=size)
    except zstandard.ZstdError:
        pass
    raise StoreError("not a block of the size that its release says")
