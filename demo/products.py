"""The invented assortment: what each SKU looks like, how large it is, what it costs and how fast it sells."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]

WHITE: Colour = (246, 245, 240)
CREAM: Colour = (250, 238, 208)
INK: Colour = (28, 30, 38)
GOLD: Colour = (222, 178, 84)


@dataclass(frozen=True)
class Product:
    """One SKU. `width_cm` and `height_cm` are of the front; `weight` is its relative rate of sale."""

    sku: str
    brand: str
    flavour: str
    kind: str  # "can", "bottle", "carton", "cup", "bag"
    art: str  # the motif of the label, see demo/labels.py
    width_cm: float
    height_cm: float
    body: Colour
    accent: Colour
    ink: Colour
    price: float
    weight: float
    group: str  # products of one group share shelves

    @property
    def depth(self) -> int:
        """Packages of one facing, one behind the other."""
        return {"can": 4, "bottle": 4, "carton": 4, "cup": 3, "bag": 3}[self.kind]


def _p(
    sku: str, brand: str, flavour: str, look: tuple[str, str], size_cm: tuple[float, float],
    colours: tuple[Colour, Colour, Colour], trade: tuple[float, float], group: str,
) -> Product:  # fmt: skip
    return Product(sku, brand, flavour, *look, *size_cm, *colours, *trade, group)


PRODUCTS: tuple[Product, ...] = (
    _p("cola-330", "KOLO", "cola", ("can", "wave"), (6.6, 12.2), ((176, 22, 32), WHITE, WHITE), (1.49, 3.0), "can"),
    _p("cola-zero-330", "KOLO", "zero", ("can", "wave"), (6.6, 12.2), ((26, 26, 30), (196, 30, 40), WHITE), (1.49, 2.0), "can"),
    _p("lemon-soda-330", "Zitra", "lemon", ("can", "citrus"), (6.6, 12.2), ((236, 208, 40), WHITE, (30, 104, 52)), (1.39, 1.2), "can"),
    _p("orange-soda-330", "Oranjo", "orange", ("can", "citrus"), (6.6, 12.2), ((240, 122, 22), (255, 214, 90), WHITE), (1.39, 1.4), "can"),
    _p("ginger-ale-330", "Alder", "ginger ale", ("can", "bands"), (6.6, 12.2), ((28, 92, 66), GOLD, CREAM), (1.59, 0.7), "can"),
    _p("energy-250", "VOLT", "original", ("can", "bolt"), (5.6, 14.2), ((188, 194, 202), (30, 66, 160), (18, 42, 120)), (1.99, 2.2), "can"),
    _p("energy-berry-250", "VOLT", "berry", ("can", "bolt"), (5.6, 14.2), ((98, 28, 120), (240, 80, 160), WHITE), (1.99, 1.3), "can"),
    _p("water-still-500", "Fjord", "still", ("bottle", "peaks"), (6.6, 20.5), ((168, 208, 232), (28, 92, 172), WHITE), (0.99, 2.4), "bottle"),
    _p("water-spark-500", "Fjord", "sparkling", ("bottle", "peaks"), (6.6, 20.5), ((150, 210, 190), (20, 128, 92), WHITE), (0.99, 1.5), "bottle"),
    _p("iced-tea-500", "Teahive", "peach", ("bottle", "sun"), (6.8, 20.0), ((186, 96, 34), (250, 176, 96), (120, 40, 20)), (1.79, 1.6), "bottle"),
    _p("sport-blue-500", "PACE", "blue ice", ("bottle", "bolt"), (6.8, 19.6), ((40, 130, 220), WHITE, (16, 40, 110)), (1.89, 1.1), "bottle"),
    _p("apple-juice-330", "Orchard", "apple", ("bottle", "leaf"), (6.2, 17.0), ((206, 160, 50), (90, 156, 46), WHITE), (1.89, 0.9), "bottle"),
    _p("smoothie-mango-250", "Swirl", "mango", ("bottle", "dots"), (5.9, 14.6), ((250, 170, 40), (214, 58, 90), WHITE), (2.79, 1.0), "bottle"),
    _p("milk-whole-1l", "Meadow", "whole milk", ("carton", "hills"), (7.2, 20.4), (WHITE, (24, 92, 180), (24, 60, 130)), (1.45, 2.6), "carton"),
    _p("milk-skim-1l", "Meadow", "skimmed", ("carton", "hills"), (7.2, 20.4), (WHITE, (96, 180, 226), (24, 60, 130)), (1.39, 1.4), "carton"),
    _p("oat-drink-1l", "HAVRA", "oat drink", ("carton", "blocks"), (7.2, 20.0), ((222, 206, 176), (52, 84, 92), INK), (2.19, 1.2), "carton"),
    _p("orange-juice-1l", "Sevilla", "orange juice", ("carton", "citrus"), (7.4, 20.4), ((252, 190, 60), (240, 110, 20), (150, 50, 10)), (2.49, 1.3), "carton"),
    _p("cream-250", "Meadow", "cream", ("carton", "bands"), (6.0, 12.4), ((160, 28, 58), CREAM, CREAM), (1.19, 0.7), "small"),
    _p("choc-milk-250", "Kakow", "chocolate", ("carton", "dots"), (6.0, 12.4), ((92, 54, 34), (240, 206, 150), CREAM), (1.29, 1.1), "small"),
    _p("yoghurt-berry-150", "Luma", "strawberry", ("cup", "dots"), (7.6, 8.4), (WHITE, (222, 50, 84), (180, 24, 60)), (0.89, 1.5), "cup"),
    _p("yoghurt-blue-150", "Luma", "blueberry", ("cup", "dots"), (7.6, 8.4), (WHITE, (70, 70, 170), (50, 40, 130)), (0.89, 1.1), "cup"),
    _p("yoghurt-plain-500", "Skyra", "plain", ("cup", "peaks"), (10.0, 10.4), ((228, 238, 244), (40, 120, 170), WHITE), (2.29, 0.9), "cup"),
    _p("latte-230", "Barista Nord", "latte", ("cup", "sun"), (7.0, 11.6), ((206, 176, 140), (110, 66, 40), (80, 44, 24)), (1.99, 1.8), "small"),
    _p("crisps-salt-90", "Krunch", "sea salt", ("bag", "sun"), (12.6, 17.0), ((214, 40, 40), (252, 206, 60), WHITE), (2.29, 1.5), "bag"),
    _p("crisps-paprika-90", "Krunch", "paprika", ("bag", "sun"), (12.6, 17.0), ((238, 130, 30), (170, 30, 30), WHITE), (2.29, 1.0), "bag"),
    _p("nuts-mix-120", "Squirrel", "nut mix", ("bag", "leaf"), (10.4, 14.6), ((38, 78, 58), (214, 168, 92), CREAM), (3.49, 0.8), "bag"),
)  # fmt: skip
BY_SKU: dict[str, Product] = {product.sku: product for product in PRODUCTS}
