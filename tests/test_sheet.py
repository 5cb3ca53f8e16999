"""Sheets of pictures."""

import pytest
import torch
from PIL import Image

from zmnet_core.images.sheet import ABOVE, contact_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_pictures_stand_in_the_middle_of_their_squares_made_smaller_never_larger():
    wide = torch.tensor(RED).view(1, 3, 1, 1).expand(1, 3, 50, 100) / 255
    small = Image.new("RGB", (10, 10), BLUE)
    sheet = contact_sheet([[wide, None], [small]], 20, gap=2, margin=5)
    assert sheet.size == (5 + 20 + 2 + 20 + 5, 5 + 20 + 2 + 20 + 5)
    assert sheet.getpixel((5, 10)) == sheet.getpixel((24, 19)) == RED
    assert sheet.getpixel((5, 9)) == sheet.getpixel((37, 15)) == (255, 255, 255)
    blue = sheet.crop((5, 27, 25, 47))
    assert blue.getpixel((5, 5)) == blue.getpixel((14, 14)) == BLUE and blue.getpixel((4, 5)) == (255, 255, 255)
    assert small.size == (10, 10)


@pytest.mark.parametrize("titled", [1, 2])
def test_titles_and_labels_have_room_of_their_own(titled):
    rows = [[Image.new("RGB", (20, 20), RED)]] * 2
    plain = contact_sheet(rows, 20)
    sheet = contact_sheet(rows, 20, [["left"]] * titled, ["one", "longer"], letters=12)
    side = sheet.width - plain.width
    assert side > 30 and sheet.height == plain.height + titled * (12 + ABOVE)
    assert sheet.crop((side + 4, 4, side + 24, 4 + 12 + ABOVE)).convert("L").getextrema()[0] < 128  # a title
    assert sheet.crop((0, 4 + 12 + ABOVE, side, 24 + 12 + ABOVE)).convert("L").getextrema()[0] < 128  # a label
