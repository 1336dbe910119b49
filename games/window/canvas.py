"""A surface to draw on in units of `scale` pixels: a larger window is as sharp as a small one."""

import math
from functools import lru_cache

import pygame


def fitting(size, room):
    """-> the largest scale at which `size` (width, height), in units, fits into `room` pixels."""
    # In eighths, so that cells of 8, 16, 24 ... units all have the same size.
    return max(1, int(8 * min(room[0] / size[0], room[1] / size[1]))) / 8


class Canvas:
    """Places, sizes and rectangles are in units. What meets in units meets in pixels."""

    def __init__(self, surface, scale):
        self.surface, self.scale = surface, scale

    def pixels(self, rect):
        left, top, width, height = rect
        ends = left, top, left + width, top + height
        left, top, right, bottom = (round(self.scale * end) for end in ends)
        return pygame.Rect(left, top, right - left, bottom - top)

    def rect(self, colour, rect, border=0, radius=0):
        """A filled rectangle, or, with a `border` of that width, only its edge."""
        border = border and max(1, round(self.scale * border))
        radius = round(self.scale * radius)
        pygame.draw.rect(self.surface, colour, self.pixels(rect), border, border_radius=radius)

    def picture(self, picture, rect):
        """A surface, scaled: its pixels stay sharp where it grows, and mix where it shrinks."""
        rect = self.pixels(rect)
        grows = rect.width >= picture.get_width()
        resize = pygame.transform.scale if grows else pygame.transform.smoothscale
        self.surface.blit(resize(picture, rect.size), rect)

    def write(self, words, colour, height, most=math.inf, **anchor):
        """anchor: one point, such as midleft=(x, y). Words wider than `most` become narrower."""
        image = text(words, colour, height * self.scale)
        if image.get_width() > most * self.scale:
            image = pygame.transform.smoothscale(image, (most * self.scale, image.get_height()))
        place = {side: [round(self.scale * x) for x in point] for side, point in anchor.items()}
        self.surface.blit(image, image.get_rect(**place))

    def width(self, words, height):
        return text(words, (0, 0, 0), height * self.scale).get_width() / self.scale


@lru_cache(500)
def text(words, colour, height):
    pygame.font.init()  # the fonts alone: no sound, no joysticks
    # Half of twice the size: letters as smooth and evenly spaced as so small a font can be.
    twice = pygame.font.Font(None, round(2 * height)).render(words, True, colour)
    return pygame.transform.smoothscale_by(twice, 0.5)
