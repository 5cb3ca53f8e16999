"""The words that a model's words PNet is trained on, each with the rule that finds its pictures, and the larger
vocabulary whose vectors ship.

Three rules. *Colour words*: the share of a picture's patches within ΔE*ab 22 of the word's colour. *Tone and light
words*: a sum of standardised statistics of the picture's patches, as listed. *Labelled words*: the pictures of a folder
(noon, night) or of a label (painters, movements). The pictures of a word by the first two rules are those that
score highest.
"""

from __future__ import annotations

from itertools import product

# sRGB of the middle of what the word names. Two words of one colour have the same pictures.
COLOURS = {
    "red": "#d01c1c", "crimson": "#a8102c", "scarlet": "#e0301e", "vermilion": "#e34a27", "burgundy": "#5e1224",
    "maroon": "#6b1a1a", "ruby": "#9b1131", "rust": "#a4481c", "terracotta": "#c4684a", "brick red": "#94402f",
    "coral": "#f2806c", "salmon": "#f0988a", "pink": "#f0b0c0", "rose": "#d8788c", "magenta": "#c02a84",
    "orange": "#ee8220", "amber": "#e0a020", "apricot": "#f2b888", "peach": "#f6cdb0", "copper": "#b06a3a",
    "bronze": "#8a6a34", "gold": "#d0a838", "golden": "#d6ae48", "yellow": "#eed430", "lemon": "#f0e468",
    "mustard": "#c29a28", "ochre": "#c08a3e", "sand": "#d4c096", "beige": "#d8ccb0", "cream": "#f0e6c8",
    "ivory": "#f2eedc", "brown": "#6e4a2c", "chestnut": "#7c4028", "sepia": "#6a5036", "umber": "#5a4430",
    "olive": "#6e6c30", "khaki": "#a8a070", "moss green": "#5e7038", "green": "#3c8a44", "emerald": "#1e8a5e",
    "sage": "#9aa888", "mint": "#a8dcc0", "forest green": "#2c5034", "teal": "#1e7078", "turquoise": "#40b8b4",
    "aquamarine": "#86d4c4", "cyan": "#44c4dc", "sky blue": "#94c2e4", "azure": "#4a94d8", "blue": "#2a58b0",
    "cobalt": "#1e4ca0", "ultramarine": "#28308e", "navy": "#1c2648", "indigo": "#3a2f72", "slate blue": "#5a6a8c",
    "steel blue": "#5a86aa", "violet": "#7450a4", "purple": "#683080", "lavender": "#b8acd8", "lilac": "#c4a4cc",
    "mauve": "#a4849c", "plum": "#5e2c52", "grey": "#868686", "silver": "#bcbec2", "charcoal": "#3a3c40",
    "black": "#0e0e10", "white": "#fafafa",
}  # fmt: skip
NEAR = 22.0  # ΔE*ab

# Weights of the statistics, each standardised over the pictures: L mean lightness, S its deviation, C mean chroma,
# a and b mean a* and b*, H entropy of the hues. (Chroma is in a and b too: a "warm" picture has a hue.)
TONES: dict[str, dict[str, float]] = {
    "dark": {"L": -1}, "bright": {"L": 1}, "black and dark": {"L": -1, "C": -0.5}, "light": {"L": 1, "S": -0.3},
    "pale": {"L": 1, "C": -0.7}, "muted": {"C": -1}, "vivid": {"C": 1}, "saturated": {"C": 1, "L": -0.2},
    "colourful": {"C": 1, "H": 1}, "monochrome": {"C": -0.7, "H": -0.7}, "warm": {"b": 1, "a": 0.4},
    "cool": {"b": -1, "a": -0.2}, "cold": {"b": -1, "C": -0.3, "a": -0.2}, "hot": {"a": 1, "b": 0.7, "C": 0.5},
    "high contrast": {"S": 1}, "stark": {"S": 1, "C": -0.5}, "dramatic": {"S": 1, "L": -0.6},
    "soft": {"S": -1, "C": -0.3, "L": 0.2}, "flat": {"S": -1}, "gloomy": {"L": -1, "C": -0.8},
    "sombre": {"L": -0.9, "S": -0.5, "C": -0.6}, "pastel": {"L": 1, "S": -0.7, "C": 0.2}, "deep": {"L": -0.7, "C": 0.7},
    "rich": {"C": 0.8, "L": -0.6, "b": 0.3}, "faded": {"C": -0.8, "S": -0.9, "L": 0.3},
    "washed out": {"C": -0.7, "S": -0.8, "L": 0.8}, "earthy": {"b": 0.7, "L": -0.5, "C": -0.3, "a": 0.3},
    "fiery": {"a": 1, "b": 0.8, "C": 0.6, "L": -0.2}, "icy": {"b": -1, "L": 0.8},
    "airy": {"L": 1, "b": -0.4, "S": -0.4},
    "autumnal": {"a": 0.6, "b": 0.9, "L": -0.2}, "verdant": {"a": -1, "b": 0.5}, "murky": {"L": -0.8, "S": -0.9},
    "harsh": {"S": 1, "C": 0.3}, "delicate": {"L": 0.8, "S": -0.8, "C": -0.3}, "lush": {"a": -0.8, "C": 0.6, "L": -0.3},
    "dull": {"C": -0.9, "S": -0.5}, "rosy": {"a": 1, "L": 0.6}, "bluish": {"b": -1}, "reddish": {"a": 1},
    "greenish": {"a": -1}, "yellowish": {"b": 1},
}  # fmt: skip
LIGHTS: dict[str, dict[str, float]] = {
    "moonlit": {"L": -1, "b": -0.9}, "candlelit": {"L": -1, "b": 0.6, "a": 0.4},
    "sunlit": {"L": 0.7, "b": 0.7, "S": 0.4},
    "misty": {"S": -1, "C": -0.7, "L": 0.5}, "foggy": {"S": -1, "C": -0.9, "L": 0.4}, "hazy": {"S": -1, "L": 0.5},
    "overcast": {"C": -0.9, "S": -0.4, "b": -0.4}, "stormy": {"L": -0.8, "C": -0.5, "b": -0.5, "S": 0.2},
    "twilight": {"L": -0.8, "b": -0.7, "a": 0.5}, "dusk": {"L": -0.8, "a": 0.4, "S": -0.2},
    "sunny": {"L": 0.6, "C": 0.6, "S": 0.4}, "dim": {"L": -1, "S": -0.5}, "radiant": {"L": 0.9, "C": 0.5, "b": 0.4},
    "shadowy": {"L": -0.9, "S": 0.5}, "luminous": {"L": 1, "C": 0.3}, "lamplight": {"L": -0.8, "b": 0.9, "S": 0.3},
    "golden hour": {"b": 1, "C": 0.5, "L": 0.2}, "snowy": {"L": 0.9, "b": -0.5, "C": -0.6},
}  # fmt: skip
FOLDERS = {
    "noon": ("noon", "midday", "broad daylight", "blue sky"),
    "night": ("night", "midnight", "nighttime", "night city lights"),
    "sunset": ("sunset", "sunrise", "evening glow"),
}  # of photographs: attributes/NAME

# Never trained on in the test of unseen words, and chosen before any model was looked at.
HELD_OUT_TONES = (
    "crimson", "coral", "amber", "ochre", "chestnut", "emerald", "turquoise", "cobalt", "lavender", "charcoal",
    "pale", "vivid", "gloomy", "faded", "icy", "dramatic",
)  # fmt: skip
HELD_OUT_LIGHTS = ("sunset", "moonlit", "candlelit", "misty", "sunny", "dim")

# What else has a vector in the shipped table.
TIMES = """dawn daybreak sunrise morning early_morning late_morning midday noon afternoon early_afternoon
late_afternoon sunset dusk evening twilight nightfall night midnight blue_hour golden_hour daylight nighttime daytime
day moonrise winter spring summer autumn fall december june october weekend christmas""".split()
WEATHER = """foggy misty hazy rainy stormy snowy windy cloudy overcast sunny clear humid frosty icy cold warm hot cool
wet dry freezing thunderstorm rain snow fog mist haze storm drizzle blizzard lightning rainbow moonlight sunlight
starlight candlelight firelight lamplight neon lamplit moonlit sunlit candlelit starry shadowy dim bright dark
luminous radiant glowing""".split()
MOODS = """calm peaceful serene quiet dreamy romantic nostalgic melancholy melancholic sad lonely gloomy somber sombre
mysterious eerie haunting ominous menacing sinister tense anxious angry furious violent chaotic energetic lively
joyful happy cheerful playful festive exuberant triumphant majestic solemn sacred spiritual mystical magical enchanted
fantastic surreal strange bleak desolate barren harsh cruel tender gentle delicate intimate cosy cozy innocent naive
childlike elegant luxurious opulent decadent austere minimal simple rustic rural urban industrial modern ancient
archaic medieval baroque gothic classical exotic tropical oriental nordic mediterranean wild savage primitive heroic
tragic comic grotesque sensual passionate fiery burning frozen silent noisy hopeful hopeless bitter sweet sour fresh
stale rotten soft hard sharp smooth rough grainy coarse fluid flowing swirling turbulent restless still static dynamic
powerful fragile heavy light airy dense sparse crowded empty vast infinite narrow""".split()
THINGS = """sea ocean beach coast harbour river lake pond waterfall rain_forest forest wood jungle garden meadow field
orchard vineyard desert dune mountain valley cliff island volcano cave sky cloud sun moon star stars galaxy earth
stone rock sand gravel clay mud water fire flame smoke ash ember ice snow glass crystal metal iron steel copper brass
bronze gold silver pearl diamond ruby emerald sapphire amethyst jade marble granite wood_grain oak pine bamboo leaf
leaves flower flowers rose lily tulip sunflower poppy iris cherry_blossom lavender_field grass moss fern mushroom
fruit apple orange_peel lemon peach plum grape wine honey coffee chocolate caramel milk butter cheese bread salt
pepper cinnamon saffron curry blood bone skin velvet silk satin linen wool cotton lace leather paper parchment ink
chalk charcoal_drawing pencil pastel_drawing watercolour watercolor oil_painting fresco mosaic tapestry stained_glass
woodcut etching engraving lithograph poster comic manga cartoon sketch mural graffiti icon portrait landscape seascape
cityscape still_life nude abstract geometric city street village town castle cathedral church temple palace ruins
bridge tower factory railway station cafe theatre circus carnival market harbor ship boat train car horse cat dog bird
peacock swan butterfly fish tiger lion wolf dragon ghost angel demon witch knight king queen dancer bathers children
mother war battle revolution dream nightmare memory music jazz opera dance silence space underwater midnight_sun
northern_lights""".split()
STYLES = """impressionism post-impressionism expressionism pointillism divisionism symbolism romanticism realism
naturalism renaissance baroque rococo mannerism neoclassicism art_nouveau art_deco cubism fauvism futurism dadaism
surrealism suprematism constructivism bauhaus abstract_expressionism pop_art op_art minimalism photorealism naive_art
folk_art outsider_art ukiyo-e japanese_woodblock chinese_ink byzantine_icon medieval_manuscript gothic_art
cave_painting vaporwave synthwave cyberpunk steampunk film_noir technicolor polaroid daguerreotype sepia_photograph
black_and_white impressionist expressionist pointillist symbolist romantic_painting cubist surrealist
fauvist""".split()
DEEP = """pale light bright vivid deep dark dull muted soft faded dusty smoky warm cool cold icy rich rusty glowing
burnt""".split()
MOMENTS = """morning noon afternoon evening night dawn dusk sunset twilight winter spring summer autumn day sky sea
forest city street garden landscape light""".split()
QUALITIES = """foggy misty rainy stormy snowy cloudy sunny clear frosty cold warm hot windy dark bright pale golden
silver blue red grey violet rosy starry moonlit quiet peaceful dreamy romantic melancholy gloomy mysterious eerie
joyful gentle wild bleak tropical autumn winter summer spring""".split()
PEOPLE = """monet van_gogh renoir sisley pissarro cezanne gauguin degas seurat signac manet klimt munch kandinsky klee
mondrian malevich modigliani rousseau vrubel turner durer giotto rublev el_greco bosch bruegel delacroix hokusai
hiroshige utamaro morisot hassam toulouse-lautrec rembrandt vermeer caravaggio botticelli leonardo_da_vinci
michelangelo raphael titian velazquez goya constable friedrich whistler matisse picasso braque dali magritte chagall
miro warhol pollock rothko hopper cassatt sargent schiele kirchner""".split()


def painter(label: str) -> str:
    """A painter as labels.tsv writes him, as a word: "claude_monet" → "claude monet"."""
    return label.replace("_", " ")


def phrases(painters: list[str]) -> list[str]:
    """Everything with a vector in the shipped table, trained words first, none twice."""
    trained = [*COLOURS, *TONES, *LIGHTS, *(word for words in FOLDERS.values() for word in words), *painters]
    single = [*TIMES, *WEATHER, *MOODS, *THINGS, *STYLES, *PEOPLE, *MOMENTS, *QUALITIES, *DEEP]
    pairs = [f"{deep} {colour}" for deep, colour in product(DEEP, COLOURS)]
    pairs += [f"{quality} {moment}" for quality, moment in product(QUALITIES, MOMENTS) if quality != moment]
    pairs += [f"{tone} and {colour}" for tone, colour in product(("black", "gold", "blue", "white"), COLOURS)]
    return list(dict.fromkeys(word.replace("_", " ") for word in (*trained, *single, *pairs)))
