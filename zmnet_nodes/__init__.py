"""The ComfyUI nodes of ZM-Net: schema in, a call of zmnet_core, pictures out.

| file        | what is in it                                             |
|-------------|-----------------------------------------------------------|
| load.py     | Load ZM-Net                                               |
| encode.py   | Encode Style, Encode Attribute                            |
| apply.py    | Apply ZM-Net, Animate Styles                              |
| refine.py   | Refine Style                                              |
| regions.py  | Style Regions                                             |
| styles.py   | Blend Styles, Save Style, Load Style, Style Preview       |
| example.py  | Example Picture                                           |
| _core.py    | where zmnet_core is                                       |
| _samples.py | the pictures that come with the pack                      |
| _folders.py | ComfyUI's folders: what is there, what to say if it isn't |
| _models.py  | a model in the hands of ComfyUI's memory manager          |
| _progress.py | the progress bar, and the picture on it while it is painted |
| _schema.py  | the two socket types, inputs that several nodes share     |
| _tensors.py | IMAGE and MASK to the library's tensors and back          |

Importing this package loads neither torch nor the library's networks; that waits for the first run.
"""

from .apply import AnimateStyles, ApplyZMNet
from .encode import EncodeAttribute, EncodeStyle
from .example import ExamplePicture
from .load import LoadZMNet
from .refine import RefineStyle
from .regions import StyleRegions
from .styles import BlendStyles, LoadStyle, SaveStyle, StylePreview

NODES = [
    LoadZMNet,
    EncodeStyle,
    EncodeAttribute,
    ApplyZMNet,
    BlendStyles,
    SaveStyle,
    LoadStyle,
    AnimateStyles,
    StylePreview,
    ExamplePicture,
    StyleRegions,
    RefineStyle,
]
