"""A model for light and times of day: photographs that stay photographs, from noon to night.

`finder` sees where windows and the sky are, `relighting` makes lessons of that (the photograph at noon, at sunset and
at night), and `course` teaches a TNet, guided by words, to do the same from the photograph alone.
"""
