"""A picture from its bytes, by Pillow: JPEG, PNG or WebP by content, within a limit on pixels."""

import io
import warnings
from typing import TYPE_CHECKING

from jobs.infra.pictures.guard import PictureError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")
WHITE = (255, 255, 255)


def decode(data: bytes, max_pixels: int, side: int) -> "Image.Image":
    """The first frame of a picture in RGB, turned as the camera says, on white where it is transparent.

    max_pixels: larger ones are refused before they are unpacked. side: a JPEG that is a multiple of it may be unpacked
    smaller, which saves time and memory. Raises PictureError with the reason.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise PictureError(f"{width} × {height} pixels are more than {max_pixels:,}")
                if min(width, height) < 1:
                    raise PictureError("it has no pixels")
                picture.draft("RGB", (side, side))
                upright = ImageOps.exif_transpose(picture)
                if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                    clear = upright.convert("RGBA")
                    upright = Image.new("RGBA", clear.size, (*WHITE, 255))
                    upright.alpha_composite(clear)
                return upright.convert("RGB")
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("neither JPEG, PNG nor WebP") from None
    except (Image.DecompressionBombError, MemoryError):
        raise PictureError(f"more than {max_pixels:,} pixels") from None
    except Exception:  # Pillow raises whatever its decoders meet: OSError, SyntaxError, struct.error, …
        raise PictureError("the picture is damaged") from None
