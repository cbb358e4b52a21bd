"""What a page gives to those who see little or use no mouse: contrast of its text, and what the Tab key reaches."""

from __future__ import annotations

from playwright.sync_api import Page

LEAST, LEAST_LARGE = 4.5, 3.0  # WCAG 2.2, level AA, 1.4.3; large is 24 px, or 18.66 px and bold; icons: 1.4.11
PRESSES = 250

# Text on canvases (charts, tables) isn't in the document: its colours are the theme's, which the other text has too.
_CONTRAST = """([least, leastLarge]) => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
    const unit = c.startsWith('color(') ? 255 : 1;
    return [m[0] * unit, m[1] * unit, m[2] * unit, m.length > 3 ? m[3] : 1]; };
  const over = (a, b) => { const k = a[3] + b[3] * (1 - a[3]);
    return k === 0 ? [0, 0, 0, 0]
      : [...[0, 1, 2].map(i => (a[i] * a[3] + b[i] * b[3] * (1 - a[3])) / k), k]; };
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const ground = e => { let found = [0, 0, 0, 0];
    for (; e && found[3] < 1; e = e.parentElement) found = over(found, parse(getComputedStyle(e).backgroundColor));
    return over(found, [255, 255, 255, 1]); };
  const faults = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, e = node.parentElement, text = node.textContent.trim();
    if (!text || !e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (e.closest('canvas, script, style, svg, [disabled], [aria-disabled=true], [data-stale=true]')) continue;
    const box = document.createRange(); box.selectNode(node);
    const {width, height} = box.getBoundingClientRect();
    if (width < 2 || height < 2) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), colour = parse(style.color);
    for (let up = e; up; up = up.parentElement) colour[3] *= Number(getComputedStyle(up).opacity);
    const back = ground(e), found = ratio(over(colour, back), back);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const limit = large || e.closest('[data-testid=stIconMaterial]') ? leastLarge : least;
    if (found < limit - 0.005) faults.add(`${found.toFixed(2)} ${style.color} ${text.slice(0, 40)}`);
  }
  return [...faults];
}"""
_MARK = """() => { const e = document.activeElement;
  if (!e || e === document.body) return 'out';
  if (e === window.lastReached) return 'same';  // Tab moves within it, as from cell to cell of a table's row
  window.lastReached = e;
  if (e.dataset.reached) return 'again';
  e.dataset.reached = '1'; return 'new'; }"""
_UNREACHED = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), textarea, summary, [role=combobox], [role=slider]';
  const groups = ['[role=radiogroup]', '[role=tablist]', '[role=combobox]', '[data-testid=stMultiSelect]',
    '[data-testid=stSelectbox]', '[data-testid=stButtonGroup]'].join();
  return [...document.querySelectorAll(wanted)]
    .filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(e => !e.disabled && !e.dataset.reached)
    .filter(e => !e.closest('[aria-hidden=true], [inert]') && e.getBoundingClientRect().width > 1)
    .filter(e => !(e.closest(groups)?.querySelector('[data-reached]') || e.closest(groups)?.dataset.reached))
    .map(e => `${e.tagName} ${(e.ariaLabel || e.innerText || e.id).slice(0, 60)}`);
}"""


def low_contrast(page: Page) -> list[str]:
    """Texts with less contrast than WCAG AA asks for, each with its ratio and colour."""
    found: list[str] = page.evaluate(_CONTRAST, [LEAST, LEAST_LARGE])
    return found


def unreached(page: Page) -> list[str]:
    """Visible controls that the Tab key does not come to from the top of the page, nor to another of their group."""
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
    seen = 0
    for _ in range(PRESSES):
        page.keyboard.press("Tab")
        told = page.evaluate(_MARK)
        seen += told == "new"
        if told == "again" or (told == "out" and seen):
            break
    found: list[str] = page.evaluate(_UNREACHED)
    return found
