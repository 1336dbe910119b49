"""An animated GIF, written frame by frame. Each frame holds only the pixels that have changed.

So at most two frames are in memory at a time, and every frame has 255 colours of its own.
"""

import struct

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

FOREVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
COLOURS = 255  # in a frame; one more stands for the pixels that did not change


def write_gif(file, frames):
    """Writes pairs of pixels (height, width, 3) uint8 and milliseconds; -> the number of frames."""
    count = 0
    for count, (pixels, milliseconds) in enumerate(frames, 1):
        if count == 1:
            height, width, _ = pixels.shape
            file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + FOREVER)
            before = ~pixels  # every pixel is new
        red, green, blue = np.moveaxis(pixels != before, 2, 0)
        changed = red | green | blue
        changed[0, 0] |= not changed.any()  # a frame has at least one pixel
        file.writelines(frame(pixels, changed, milliseconds))
        before = pixels
    file.write(b";")
    return count


def frame(pixels, changed, duration):
    """-> the bytes of a frame: the smallest rectangle around the changed pixels."""
    colours = Image.fromarray(pixels[changed][None]).quantize(COLOURS)
    palette = colours.getpalette()
    same = len(palette) // 3  # the number after the last colour's
    numbers = np.full(changed.shape, same, np.uint8)
    numbers[changed] = np.asarray(colours)[0]
    box = Image.fromarray(changed).getbbox()
    part = Image.fromarray(numbers).crop(box)
    part.putpalette([*palette, 0, 0, 0])
    return getdata(part, box[:2], duration=duration, transparency=same, include_color_table=True)
