"""One image of a stranger's is decoded in bounded time and memory."""

import io
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from lottery.errors import LotteryError

SIDE = 8192
"""Pixels a side that images are scaled to at most."""
_PIXELS = SIDE * SIDE
LARGEST = 8 * _PIXELS
"""Bytes of a file: four channels of 16 bits for each pixel."""
_MUCH = 1 << 25
"""Pixels of an image beside which no other of that size is decoded."""
_WORK = 1 << 34
"""Pixels times scans of a JPEG: each scan goes through all pixels again, and takes but sixty bytes of the file."""
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded; others that Pillow knows, such as PostScript, start programs."""

_PHOTOMETRIC, _WHITE_IS_ZERO, _BITS = 262, 0, 258
"""TIFF 6.0: what numbers mean, and how many bits they have."""

_one_at_a_time = threading.Lock()


def is_grey(path: Path) -> bool:
    """Return whether an image has one channel; of what can't be read it may be said, as `decode` says what is wrong."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.mode == "P":
                palette = image.getpalette("RGB") or []
                return palette[0::3] == palette[1::3] == palette[2::3]
            return image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F"))
    except Exception:  # decoders raise whatever they stumble over
        return True


def decode(path: Path, size: int | None, grey: bool) -> np.ndarray:
    """Return an image as uint8 `[H, W, C]`, turned upright, 16 bits scaled to 8, of an animation the first frame.

    Where an image is transparent it is white, as on paper.

    Args:
        size: pixels a side to scale and crop it to; None leaves it as it is.
        grey: one channel in place of three.

    Raises:
        LotteryError: it can't be decoded, or takes more than its share of memory or time.
        OSError: it can't be read.
    """
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > _PIXELS:
                raise Image.DecompressionBombError
            if image.format in ("JPEG", "MPO") and pixels * data.count(b"\xff\xda") > _WORK:
                raise ValueError("it has too many scans")
            with _one_at_a_time if pixels > _MUCH else nullcontext():
                black, white = _extremes(image)
                upright = eight_bits(ImageOps.exif_transpose(image), grey, black, white)
                return np.atleast_3d(np.asarray(upright if size is None else ImageOps.fit(upright, (size, size))))
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"it has more than {_PIXELS:,} pixels"
    except UnidentifiedImageError:
        reason = f"it is none of {', '.join(_FORMATS)}"
    except Exception as error:  # decoders raise whatever they stumble over
        reason = str(error).partition("\n")[0][:100] or type(error).__name__
    raise LotteryError(f"{path} can't be read as an image ({reason}); remove it or replace it")


def _extremes(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return the numbers that are black and white, where an image has more than 8 bits.

    What is transparent by its colour is noted in the units of the decoded numbers, which Pillow forgets.
    """
    if image.format == "PNG" and "transparency" in image.info and image.tile:
        bits = image.tile[0].args
        if bits == "RGB;16B":
            raise ValueError("its transparent colour has 16 bits a channel, and its pixels are read with 8")
        image.info["transparency"] *= 85 if bits == "L;2" else 17 if bits == "L;4" else 1
    if image.format != "TIFF":
        return 0, 65535
    assert isinstance(image, TiffImageFile)
    most = (1 << min(16, image.tag_v2.get(_BITS, (16,))[0])) - 1
    return (most, 0) if image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else (0, most)


def eight_bits(image: Image.Image, grey: bool, black: int = 0, white: int = 65535) -> Image.Image:
    """Return the image in grey or in colour, 8 bits a channel; Pillow itself would cut 16 bits off at 255."""
    if image.mode == "F":
        raise ValueError("its numbers are floating-point, which don't say what is white")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its numbers have more than 16 bits")
        values = values.astype(np.int32)
        if (clear := image.info.get("transparency")) is not None:
            values[values == clear] = white
        most = abs(white - black)
        image = Image.fromarray(((abs(values - black) * 255 + most // 2) // most).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if grey else "RGB")
